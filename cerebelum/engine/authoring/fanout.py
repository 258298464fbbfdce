"""`map_steps`: one call per item, so many at a time, results in the items' order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

from cerebelum.engine.domain.errors import DefinitionError

T = TypeVar("T")
R = TypeVar("R")


async def map_steps(function: Callable[[T], Awaitable[R]], items: Iterable[T], *, concurrency: int = 50) -> list[R]:
    """Call `function` (a step, or any coroutine function) for each item; return the results in order.

    Args:
        function: called with one item.
        items: iterated lazily as places come free.
        concurrency: how many calls are open at once, >= 1.

    Raises:
        Exception: the first failure; the calls still open are cancelled, those that completed stay recorded.
    """
    if concurrency < 1:
        raise DefinitionError(f"map_steps(concurrency={concurrency!r}): must be 1 or more")
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
