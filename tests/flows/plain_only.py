# mypy: disable-error-code="arg-type, list-item, misc, no-any-return, operator, return-value, unused-coroutine"
"""What only plain `def` workflows do: calls in nested functions, `together`, both forms in one flow.

A step's call has the type of the awaitable that it is in an `async def`; hence the line above.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cerebelum import ChildFailed, info, map_steps, patched, saga, sleep, sleep_for, together, workflow
from tests.flows.primitives import TICK, echo, in_thread, slow
from tests.flows.replayed import Declined, decline, release, reserve


def doubled(number: int) -> int:
    """A plain helper that calls a step."""
    return 2 * echo(number)


def deep(number: int, levels: int) -> int:
    """Calls a step at the bottom of nested calls."""
    return doubled(number) if levels == 0 else deep(number, levels - 1)


async def tripled(number: int) -> int:
    """A coroutine function that calls a step."""
    return 3 * await echo(number)


@workflow
def nested_calls() -> list[int]:
    return [deep(1, 20), sum(map(doubled, range(3))), max([1, 2, 3], key=echo), *sorted([3, 1, 2], key=in_thread)]


def counted(limit: int) -> Iterator[int]:
    for number in range(limit):
        yield doubled(number)


@workflow
def generators() -> list[int]:
    return [number + echo(1) for number in counted(3)]


@workflow
def branches() -> list[Any]:
    def branch(number: int) -> list[int]:
        first = slow(number) if number % 2 else echo(number)
        return [first, *together(partial(echo, number + 10), partial(doubled, number))]

    return together(*(partial(branch, number) for number in range(3)))


@workflow
def maps() -> list[list[int]]:
    def one(number: int) -> int:
        time.sleep(0)
        return doubled(number) + in_thread(1)

    return [map_steps(each, range(5), concurrency=2) for each in (echo, one, tripled, lambda number: echo(number + 1))]


@workflow
def a_branch_fails() -> list[str]:
    def never() -> None:
        try:
            time.sleep(3600)
        finally:
            seen.append(f"cleaned {echo(1)}")  # a finally block that waits for a step

    def fails() -> None:
        echo(1)
        raise ValueError("one of them")

    seen: list[str] = []
    try:
        together(never, fails)
    except ValueError as error:
        seen.append(str(error))
    return seen


@workflow
def all_that_waits() -> list[Any]:
    before = time.time()
    sleep(TICK)
    sleep_for(seconds=TICK)
    time.sleep(TICK)
    return [time.time() >= before + 3 * TICK, info().workflow, patched("newer")]


@workflow
def undoes_in_plain_code() -> str:
    def give_back(what: str) -> None:
        release(what)
        release(f"{what} again")

    try:
        with saga() as undo:
            undo.add(give_back, reserve("car"))
            undo.add(release, "hotel")
            decline("no funds")
    except Declined as error:
        return error.reason
    return "not declined"


@workflow
def plain_child(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return doubled(number)


@workflow
async def async_child(number: int) -> int:
    [quadrupled] = await together(lambda: 2 * doubled(number))  # plain code in the midst of a coroutine
    return quadrupled + await plain_child(number)


@workflow
def mixed() -> list[Any]:
    try:
        plain_child(-1)
    except ChildFailed as failed:
        return [async_child(2), plain_child(3), *together(lambda: tripled(1), partial(async_child, 1)), failed.workflow]
    return []


@workflow
def draws() -> list[str]:
    def after(number: int) -> str:
        slow(number) if number % 2 else echo(number)
        return f"{number}: {random.random()}"

    first = [random.random(), random.randint(1, 6), str(uuid.uuid4()), datetime.now(UTC).isoformat()]
    drawn = together(*(partial(after, number) for number in range(3)))
    return [str(value) for value in [*first, *drawn, datetime.now().isoformat(), time.monotonic()]]  # noqa: DTZ005


@workflow
def spins() -> None:
    echo(0)
    while True:
        time.sleep(0)


@workflow
def blocks() -> None:
    echo(0)
    while True:
        pass


@workflow
def waits_for_nothing() -> None:
    together(lambda: asyncio.get_running_loop().create_future())


def stubbornly(call: Callable[[], Any]) -> None:
    """Catch whatever ends it, and go on."""
    while True:
        try:
            call()
        except BaseException:  # that is what it is for
            continue


@workflow
def catches_all() -> None:
    stubbornly(partial(echo, 1))


@workflow
def sleeps_through_all() -> None:
    stubbornly(partial(time.sleep, 60))


DETERMINISTIC = [
    nested_calls, generators, branches, maps, a_branch_fails, all_that_waits, undoes_in_plain_code, mixed,
]  # fmt: skip
CHILDREN = (plain_child, async_child)
