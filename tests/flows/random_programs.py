"""A workflow whose code is data: programs of asyncio primitives, made by hypothesis, run by one interpreter.

A program is JSON: a list of operations, each a list of its name and arguments; bodies are programs. What the code sees
(results, errors, orders, times, random numbers) goes into a trace, which is the workflow's result.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cerebelum import Retry, saga, step, wait_for_signal, workflow

Program = list[Any]


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.001, jitter=0))
async def work(label: int, duration_ms: int, failures: int) -> int:
    """Take so long, and fail so often; more failures than attempts fail for good."""
    from cerebelum import info

    await asyncio.sleep(duration_ms / 1000)
    if info().attempt <= failures:
        raise ValueError(label)
    return label


@step
async def undo_work(label: int) -> int:
    """A compensation."""
    return label


@workflow
async def child_of_program(label: int) -> int:
    """A child that does one thing."""
    done: int = await work(label, 1, 0)
    return done


class Interpreter:
    """Runs programs over the primitives that they share."""

    def __init__(self) -> None:
        self.trace: list[Any] = []
        self.locks = [asyncio.Lock(), asyncio.Lock()]
        self.semaphores = [asyncio.Semaphore(1), asyncio.BoundedSemaphore(2)]
        self.events = [asyncio.Event(), asyncio.Event()]
        self.queues: list[asyncio.Queue[int]] = [asyncio.Queue(1), asyncio.PriorityQueue()]
        self.condition = asyncio.Condition()
        self.tasks: list[asyncio.Task[None] | None] = [None, None]

    async def run(self, program: Program) -> None:
        """Run its operations in order."""
        for name, *arguments in program:
            try:
                await getattr(self, f"do_{name}")(*arguments)
            except asyncio.CancelledError:
                self.trace.append(f"{name} cancelled")
                raise
            except BaseExceptionGroup as group:
                self.trace.append([name, *sorted(type(error).__name__ for error in group.exceptions)])
                raise
            except Exception as error:
                self.trace.append([name, type(error).__name__])
                raise

    def _start(self, bodies: list[Program]) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.run(body), name=f"body {n}") for n, body in enumerate(bodies)]

    # -- what leads outside -----------------------------------------------------------------------------------------------
    async def do_step(self, label: int, duration_ms: int, failures: int) -> None:
        self.trace.append(await work(label, duration_ms, failures))

    async def do_sleep(self, ms: int) -> None:
        await asyncio.sleep(ms / 1000)

    async def do_signal(self, name: str, timeout_ms: int) -> None:
        self.trace.append(await wait_for_signal(name, timeout=timedelta(milliseconds=timeout_ms)))

    async def do_child(self, label: int) -> None:
        self.trace.append(await child_of_program(label))

    async def do_look(self) -> None:
        self.trace += [round(time.time() * 1000), random.random(), str(uuid.uuid4()), asyncio.get_running_loop().time()]

    # -- several at once --------------------------------------------------------------------------------------------------
    async def do_gather(self, bodies: list[Program], keep_errors: bool) -> None:
        outcomes = await asyncio.gather(*(self.run(body) for body in bodies), return_exceptions=keep_errors)
        self.trace.append([type(outcome).__name__ for outcome in outcomes])

    async def do_wait(self, bodies: list[Program], until: str, timeout_ms: int | None, leave: bool) -> None:
        tasks = self._start(bodies)
        limit = None if timeout_ms is None else timeout_ms / 1000
        done, pending = await asyncio.wait(tasks, timeout=limit, return_when=until)
        self.trace.append([len(done), *(task.get_name() for task in done), *(task.get_name() for task in pending)])
        if not leave:
            for task in pending:  # in the order of the set
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def do_as_completed(self, bodies: list[Program]) -> None:
        for count, next_done in enumerate(asyncio.as_completed([self.run(body) for body in bodies])):
            await next_done
            self.trace.append(f"done {count}")

    async def do_group(self, bodies: list[Program]) -> None:
        async with asyncio.TaskGroup() as group:
            for body in bodies:
                group.create_task(self.run(body))

    async def do_barrier(self, bodies: list[Program]) -> None:
        barrier = asyncio.Barrier(len(bodies))

        async def party(body: Program) -> None:
            await self.run(body)
            self.trace.append(f"place {await barrier.wait()}")

        await asyncio.gather(*(party(body) for body in bodies))

    async def do_spawn(self, slot: int, body: Program) -> None:
        self.tasks[slot] = asyncio.create_task(self.run(body))

    async def do_cancel(self, slot: int) -> None:
        if (task := self.tasks[slot]) is not None:
            self.trace.append(task.cancel())

    async def do_join(self, slot: int) -> None:
        if (task := self.tasks[slot]) is not None and task is not asyncio.current_task():
            await asyncio.wait([task])

    # -- limits -----------------------------------------------------------------------------------------------------------
    async def do_timeout(self, ms: int, body: Program) -> None:
        async with asyncio.timeout(ms / 1000):
            await self.run(body)

    async def do_wait_for(self, ms: int, body: Program) -> None:
        await asyncio.wait_for(self.run(body), ms / 1000)

    async def do_shield(self, ms: int, body: Program) -> None:
        inner = asyncio.create_task(self.run(body))
        try:
            await asyncio.wait_for(asyncio.shield(inner), ms / 1000)
        except TimeoutError:
            self.trace.append("shielded")
            await inner

    # -- taking turns -----------------------------------------------------------------------------------------------------
    async def do_lock(self, slot: int, body: Program) -> None:
        async with asyncio.timeout(0.2), self.locks[slot]:
            await self.run(body)

    async def do_semaphore(self, slot: int, body: Program) -> None:
        async with asyncio.timeout(0.2), self.semaphores[slot]:
            await self.run(body)

    async def do_set(self, slot: int) -> None:
        self.events[slot].set()

    async def do_clear(self, slot: int) -> None:
        self.events[slot].clear()

    async def do_await_event(self, slot: int) -> None:
        await self.events[slot].wait()

    async def do_put(self, slot: int, value: int) -> None:
        await self.queues[slot].put(value)

    async def do_get(self, slot: int) -> None:
        self.trace.append(await self.queues[slot].get())

    async def do_notify(self) -> None:
        async with self.condition:
            self.condition.notify_all()

    async def do_await_condition(self) -> None:
        async with self.condition:
            await self.condition.wait()

    # -- errors -----------------------------------------------------------------------------------------------------------
    async def do_guard(self, body: Program) -> None:
        try:
            await self.run(body)
        except* Exception as errors:
            self.trace.append(len(errors.exceptions))

    async def do_finally(self, body: Program, after: Program) -> None:
        try:
            await self.run(body)
        finally:
            await self.run(after)

    async def do_saga(self, label: int, body: Program) -> None:
        async with saga() as undo:
            undo.add(undo_work, await work(label, 1, 0))
            await self.run(body)

    async def do_fail(self, label: int) -> None:
        raise LookupError(label)


@workflow
async def program(code: Any) -> list[Any]:
    """Run a program and return what its code saw."""
    interpreter = Interpreter()
    try:
        await interpreter.run(code)
    except Exception as error:
        interpreter.trace.append(type(error).__name__)
    return interpreter.trace


OPERATIONS: dict[str, Callable[..., Any]] = {
    name.removeprefix("do_"): method for name, method in vars(Interpreter).items() if name.startswith("do_")
}
