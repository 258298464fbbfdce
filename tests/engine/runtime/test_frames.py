from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from types import coroutine
from typing import Any

from cerebelum.engine.runtime.frames import MAX_ENTRIES, MAX_LOCALS, StackEntry, capture_stack, capture_tasks


class Gate:
    """Something to wait for that never comes."""

    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.arrivals = asyncio.Semaphore(0)

    async def wait(self) -> None:
        self.arrivals.release()
        await self.future


async def suspended(made: Callable[[Gate], Awaitable[Any]]) -> list[StackEntry]:
    """Start `made`, let it run until it waits, and return where it stands."""
    gate = Gate()
    task = asyncio.ensure_future(made(gate))
    await gate.arrivals.acquire()
    stack = capture_stack(task.get_coro())
    task.cancel()
    await asyncio.wait([task])
    return stack


def functions(stack: list[StackEntry]) -> list[str]:
    return [entry.function.rpartition(".")[2] for entry in stack]


async def charge(gate: Gate, amount: int, api_key: str) -> None:
    tax = amount * 2
    await gate.wait()
    del tax


async def order(gate: Gate) -> None:
    items = ["book"]
    await charge(gate, 21, "k-1")
    items.clear()


async def test_a_chain_tells_file_line_function_and_locals() -> None:
    """E17: each function of a suspended chain is shown where it stands, outermost first, with secrets masked."""
    stack = await suspended(order)
    assert functions(stack) == ["order", "charge", "wait"]
    outer, inner, _ = stack
    lines, first = inspect.getsourcelines(charge)
    assert (inner.file, lines[inner.line - first].strip()) == (__file__, "await gate.wait()")
    assert outer.locals["items"] == "['book']"
    assert {name: inner.locals[name] for name in ("amount", "api_key", "tax")} == {
        "amount": "21",
        "api_key": "•••",
        "tax": "42",
    }


async def test_a_chain_goes_through_async_for() -> None:
    """E17: the body of an async generator is part of the chain that iterates over it."""

    async def numbers(gate: Gate) -> AsyncIterator[int]:
        yield 1
        await gate.wait()

    async def total(gate: Gate) -> None:
        seen = []
        async for number in numbers(gate):
            seen.append(number)  # noqa: PERF401 - the loop is what is tested

    stack = await suspended(total)
    assert functions(stack) == ["total", "numbers", "wait"]
    assert stack[0].locals["seen"] == "[1]"


async def test_a_chain_goes_through_async_with_and_anext() -> None:
    """E17: entering an async context manager shows its body, without the library between."""

    @asynccontextmanager
    async def opened(gate: Gate) -> AsyncIterator[None]:
        await gate.wait()
        yield

    async def use(gate: Gate) -> None:
        async with opened(gate):
            raise AssertionError

    async def first(gate: Gate) -> None:
        async def numbers() -> AsyncIterator[int]:
            await gate.wait()
            yield 1

        await anext(numbers(), None)

    assert functions(await suspended(use)) == ["use", "opened", "wait"]
    assert functions(await suspended(first)) == ["first", "numbers", "wait"]


async def test_a_chain_goes_through_aclose_and_throw() -> None:
    """E17: a generator that cleans up is part of the chain."""

    async def numbers(gate: Gate) -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await gate.wait()

    async def stop(gate: Gate) -> None:
        generator = numbers(gate)
        await anext(generator)
        await generator.aclose()  # type: ignore[attr-defined]

    assert functions(await suspended(stop)) == ["stop", "numbers", "wait"]


async def test_a_chain_goes_through_custom_awaitables() -> None:
    """E17: `__await__` methods and generator coroutines are followed."""

    class Awaiter:
        def __init__(self, gate: Gate) -> None:
            self.gate = gate

        def __await__(self) -> Generator[Any, None, None]:
            yield from self.gate.wait().__await__()

    @coroutine
    def old(gate: Gate) -> Generator[Any, None, None]:
        yield from gate.wait().__await__()

    async def both(gate: Gate) -> None:
        await Awaiter(gate)

    async def generator(gate: Gate) -> None:
        await old(gate)

    assert functions(await suspended(both)) == ["both", "__await__", "wait"]
    assert functions(await suspended(generator)) == ["generator", "old", "wait"]


async def test_gather_and_task_groups_give_one_chain_for_each_live_task() -> None:
    """E17: parallel branches are chains of their own, under the names of their tasks."""
    gate = Gate()

    async def branch(number: int) -> int:
        if number == 0:
            return 0
        await gate.wait()
        return number

    async def fan_out() -> None:
        async with asyncio.TaskGroup() as group:
            tasks.extend(group.create_task(branch(n), name=f"branch-{n}") for n in range(3))
            gathered = asyncio.gather(branch(7), charge(gate, 1, "k"))
            await gathered

    tasks: list[asyncio.Task[Any]] = []
    main = asyncio.create_task(fan_out(), name="main")
    for _ in range(4):
        await gate.arrivals.acquire()
    found = capture_tasks([main, *tasks])
    assert [(each.task, functions(each.stack)) for each in found] == [
        ("main", ["fan_out"]),
        ("branch-1", ["branch", "wait"]),
        ("branch-2", ["branch", "wait"]),
    ]
    assert [each.stack[0].locals["number"] for each in found[1:]] == ["1", "2"]
    main.cancel()
    await asyncio.wait([main])
    assert capture_tasks([main, *tasks]) == []


async def test_frames_of_asyncio_are_left_out_unless_nothing_else_remains() -> None:
    """E17: a reader sees their own code first; a bare library coroutine is better than nothing."""

    async def nap(gate: Gate) -> None:
        await asyncio.wait_for(gate.wait(), 60)

    assert functions(await suspended(nap))[0] == "nap"
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    assert functions(capture_stack(task.get_coro())) == ["sleep"]
    task.cancel()
    await asyncio.wait([task])


async def test_new_finished_and_closed_coroutines_are_no_trouble() -> None:
    """E17: a coroutine that has not begun stands at its first line; one that has ended has no frames."""
    fresh = charge(Gate(), 1, "k")
    (entry,) = capture_stack(fresh)
    assert (entry.function, entry.line) == ("charge", inspect.getsourcelines(charge)[1])
    fresh.close()
    assert capture_stack(fresh) == []

    async def done() -> None: ...

    finished = done()
    await finished
    assert capture_stack(finished) == []
    assert capture_stack(None) == []
    assert capture_stack(object()) == []


async def test_a_running_coroutine_can_be_read_from_inside() -> None:
    """E17: the code that asks is part of its own chain."""
    task = asyncio.current_task()
    assert task is not None
    assert capture_stack(task.get_coro())[0].function == "test_a_running_coroutine_can_be_read_from_inside"


async def test_depth_and_number_of_locals_are_bounded() -> None:
    """E17: deep recursion shows its innermost functions, a function of many locals its first ones."""

    async def dig(gate: Gate, depth: int) -> None:
        if depth:
            await dig(gate, depth - 1)
        else:
            await gate.wait()

    source = "async def wide(gate):\n" + "".join(f"    v{n} = {n}\n" for n in range(200)) + "    await gate.wait()\n"
    namespace: dict[str, Any] = {}
    exec(source, namespace)

    stack = await suspended(lambda gate: dig(gate, 200))
    assert len(stack) == MAX_ENTRIES
    assert (stack[-1].function.rpartition(".")[2], stack[-2].locals["depth"]) == ("wait", "0")
    wide, _ = await suspended(namespace["wide"])
    assert len(wide.locals) == MAX_LOCALS
