"""One workflow for each asyncio primitive that workflow code may use."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from cerebelum import step, wait_for_signal, workflow

TICK = 0.01  # seconds; long enough to be a durable timer, short enough to wait for in a test


@step
async def echo(value: int) -> int:
    return value


@step
async def slow(value: int) -> int:
    await asyncio.sleep(3 * TICK)
    return value


@step
def in_thread(value: int) -> int:
    return value


@workflow
async def sleeps() -> list[float]:
    before = time.time()
    await asyncio.sleep(TICK)
    await asyncio.sleep(0)
    return [float(await echo(1)), float(time.time() >= before + TICK)]


@workflow
async def gathers() -> list[int]:
    return list(await asyncio.gather(echo(1), slow(2), in_thread(3), asyncio.sleep(TICK, 4)))


@workflow
async def gathers_errors() -> list[str]:
    results = await asyncio.gather(echo(1), asyncio.wait_for(slow(2), TICK / 2), return_exceptions=True)
    return [type(result).__name__ for result in results]


@workflow
async def waits_first() -> list[int]:
    tasks = [asyncio.create_task(slow(1)), asyncio.create_task(echo(2)), asyncio.create_task(asyncio.sleep(5, 3))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return [await task for task in done]


@workflow
async def waits_in_order() -> list[int]:
    done, _ = await asyncio.wait({asyncio.create_task(echo(number)) for number in range(6)})
    return [task.result() for task in done]  # a set: one order on every replay


@workflow
async def waits_for() -> list[str]:
    try:
        await asyncio.wait_for(slow(1), TICK / 2)
    except TimeoutError:
        return ["timeout", str(await asyncio.wait_for(echo(2), 5))]
    return ["no timeout"]


@workflow
async def times_out() -> list[str]:
    try:
        async with asyncio.timeout(TICK):
            await slow(1)
    except TimeoutError:
        async with asyncio.timeout(5):
            return ["timeout", str(await echo(2))]
    return ["no timeout"]


@workflow
async def as_completed() -> list[int]:
    return [await next_one for next_one in asyncio.as_completed([slow(1), echo(2), asyncio.sleep(2 * TICK, 3)])]


@workflow
async def task_group() -> list[int]:
    async with asyncio.TaskGroup() as group:
        first, second = group.create_task(slow(1)), group.create_task(in_thread(2))
    return [first.result(), second.result()]


@workflow
async def task_group_fails() -> list[str]:
    async def fails() -> None:
        await echo(1)
        raise ValueError("one of the group")

    seen: list[str] = []
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            group.create_task(asyncio.sleep(60))
    except* ValueError as errors:
        seen += [str(error) for error in errors.exceptions]
    return seen


@workflow
async def event_and_lock() -> list[int]:
    event, lock, order = asyncio.Event(), asyncio.Lock(), []

    async def waiter(number: int) -> None:
        await event.wait()
        async with lock:
            order.append(await echo(number))

    waiters = [asyncio.create_task(waiter(number)) for number in range(3)]
    await asyncio.sleep(TICK)
    event.set()
    await asyncio.gather(*waiters)
    return order


@workflow
async def queue() -> list[int]:
    jobs: asyncio.Queue[int] = asyncio.Queue(maxsize=2)
    results: list[int] = []

    async def consumer() -> None:
        while True:
            results.append(await echo(await jobs.get()))
            jobs.task_done()

    consumers = [asyncio.create_task(consumer()) for _ in range(2)]
    for number in range(5):
        await jobs.put(number)
    await jobs.join()
    for task in consumers:
        task.cancel()
    await asyncio.gather(*consumers, return_exceptions=True)
    return sorted(results)


@workflow
async def semaphore() -> list[int]:
    limit, running, peak = asyncio.Semaphore(2), 0, 0

    async def one(number: int) -> int:
        nonlocal running, peak
        async with limit:
            running += 1
            peak = max(peak, running)
            result = await echo(number)
            running -= 1
            return result

    return [*await asyncio.gather(*(one(number) for number in range(5))), peak]


@workflow
async def condition_and_barrier() -> list[int]:
    condition, barrier = asyncio.Condition(), asyncio.Barrier(2)
    ready: list[int] = []

    async def waiter() -> int:
        async with condition:
            await condition.wait_for(lambda: bool(ready))
        await barrier.wait()
        return await echo(ready[0])

    task = asyncio.create_task(waiter())
    ready.append(await echo(7))
    async with condition:
        condition.notify_all()
    await barrier.wait()
    return [await task]


@workflow
async def shields() -> list[str]:
    inner = asyncio.create_task(slow(1))
    try:
        async with asyncio.timeout(TICK / 2):
            await asyncio.shield(inner)
    except TimeoutError:
        return ["timeout", str(await inner)]
    return ["no timeout"]


@workflow
async def cancels_with_finally() -> list[str]:
    trace: list[str] = []

    async def worker() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            trace.append(f"cleaned {await echo(1)}")  # a finally block that awaits a step

    task = asyncio.create_task(worker())
    await asyncio.sleep(TICK)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        trace.append("cancelled")
    return trace


@workflow
async def draws() -> list[str]:
    first = [random.random(), random.randint(1, 6), str(uuid.uuid4()), datetime.now(UTC).isoformat()]
    await echo(1)
    branches = await asyncio.gather(*(draw_after(number) for number in range(3)))
    return [str(value) for value in [*first, *branches, datetime.now().isoformat(), time.monotonic()]]  # noqa: DTZ005


async def draw_after(number: int) -> str:
    await slow(number) if number % 2 else await echo(number)
    return f"{number}: {random.random()}"


@workflow
async def generators() -> list[int]:
    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            yield await echo(number)

    return [number async for number in numbers()]


@workflow
async def two_signals() -> list[int]:
    first, second = await asyncio.gather(
        wait_for_signal("go", match=lambda value: value > 1), wait_for_signal("go", match=lambda value: value <= 1)
    )
    return [first, second]


DETERMINISTIC = [
    gathers, gathers_errors, waits_in_order, waits_for, times_out, task_group, task_group_fails, event_and_lock, queue,
    semaphore, condition_and_barrier, shields, cancels_with_finally, generators,
]  # fmt: skip
"""Their result does not depend on which of several running steps ends first."""

REPLAYED = [sleeps, waits_first, as_completed, draws]
"""Theirs may differ from run to run, but never between a run and its replay."""
