"""`map_steps`: one call per item, so many at a time, results in the items' order. `together`: some calls at once."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any, TypeVar, cast

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.authoring.plain import call_plain, in_form
from cerebelum.engine.domain.errors import DefinitionError

T = TypeVar("T")
R = TypeVar("R")


def map_steps(
    function: Callable[[T], Awaitable[R]], items: Iterable[T], *, concurrency: int = 50
) -> Coroutine[Any, Any, list[R]]:
    """Call `function` for each item; return the results in order. To be awaited; in plain `def` code it is the list.

    Args:
        function: a step, or any coroutine function, called with one item; in plain `def` code any function.
        items: iterated lazily as places come free.
        concurrency: how many calls are open at once, >= 1.

    Raises:
        Exception: the first failure; the calls still open are cancelled, those that completed stay recorded.
    """
    if concurrency < 1:
        raise DefinitionError(f"map_steps(concurrency={concurrency!r}): must be 1 or more")
    call = function if slot.plain is None else functools.partial(call_plain, function)
    return cast("Coroutine[Any, Any, list[R]]", in_form(_map(call, items, concurrency)))


def together(*calls: Callable[[], Any]) -> Coroutine[Any, Any, list[Any]]:
    """Make these calls at the same time; return their results in order: `together(lambda: a(1), lambda: b(2))`.

    In plain `def` code the list itself; in `async def` code to be awaited. Either way a call may be plain code that
    calls steps, or give an awaitable: so each form can use functions of the other.

    Raises:
        Exception: the first failure; the calls still open are cancelled, those that completed stay recorded.
    """
    return cast("Coroutine[Any, Any, list[Any]]", in_form(_map(call_plain, calls, max(1, len(calls)))))


async def _map(function: Callable[[T], Awaitable[R]], items: Iterable[T], concurrency: int) -> list[R]:
    results: dict[int, R] = {}
    numbered = iter(enumerate(items))
    lanes = [asyncio.ensure_future(_lane(function, numbered, results)) for _ in range(_lanes(items, concurrency))]
    try:
        await asyncio.gather(*lanes)
    except BaseException:
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        raise
    return [results[position] for position in sorted(results)]


def _lanes(items: Iterable[T], concurrency: int) -> int:
    try:
        return min(concurrency, len(items))  # type: ignore[arg-type]
    except TypeError:
        return concurrency


async def _lane(
    function: Callable[[T], Awaitable[R]], numbered: Iterator[tuple[int, T]], results: dict[int, R]
) -> None:
    for position, item in numbered:
        results[position] = await function(item)
