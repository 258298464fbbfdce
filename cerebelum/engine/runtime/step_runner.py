"""Runs attempts of steps: async ones on the node's loop, plain functions in threads.

Rules:
- An `at_most_once` step begins only when its `step_started` is durable; found started after a crash, it fails.
- What an attempt returns is encoded here, at the source: what cannot be recorded exactly fails the attempt.
- An attempt whose execution was dropped, or whose step was given up, reports to nobody.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import Raw, structs

from cerebelum.engine.authoring.info import running_step
from cerebelum.engine.authoring.outcome import Error, Ok
from cerebelum.engine.authoring.step import StepDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.durations import US_PER_S
from cerebelum.engine.domain.errors_runtime import ErrorResult, StepInterrupted, StepTimedOut
from cerebelum.engine.domain.queues import QueueStats
from cerebelum.engine.ports.store import LogLine
from cerebelum.engine.runtime.attempt import Attempt
from cerebelum.engine.runtime.failures import describe_error
from cerebelum.engine.runtime.live import LiveExecution
from cerebelum.engine.runtime.log_capture import StepLog, capture
from cerebelum.engine.runtime.pending import PendingStep
from cerebelum.engine.runtime.queues import Lane, Queues
from cerebelum.engine.runtime.timers import Timers

HEARTBEAT_US = 5_000_000  # an attempt that runs longer is recorded as started, with its newest progress
MOST_STEPS = 10_000  # attempts under way on one node; more wait for a place


class StepRunner:
    """See the module's rules.

    Args:
        now_us: the store's clock.
        timers: wake retries.
        log: takes captured lines.
        node: the node's name, for `step_started`.
        threads: how many plain-function steps run at once, >= 1.
        queues: name to concurrency; see `queues`.
    """

    def __init__(
        self,
        *,
        now_us: Callable[[], int],
        timers: Timers,
        log: Callable[[LogLine], None],
        node: str,
        threads: int = 32,
        queues: Mapping[str, int] | None = None,
    ) -> None:
        self._now_us, self._timers, self._log, self._node = now_us, timers, log, node
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="cerebelum-step")
        self._jitter = random.Random()  # noqa: S311 - spreads retries; the delay it gives is recorded
        self._base_context = contextvars.copy_context()
        self.attempts: set[Attempt] = set()
        self.queues = Queues(queues or {})
        self._waiting: deque[tuple[LiveExecution, int]] = deque()
        self.accepting = True  # False while the node stops: nothing new begins
        self.stand_in: Callable[[StepDefinition[..., Any]], StepDefinition[..., Any]] = lambda step: step  # for tests

    def start(self, live: LiveExecution, number: int) -> None:
        """Begin the next attempt of step `number`, unless it runs, or waits for its retry, already."""
        pending = live.run.pending.get(number)
        if (
            not self.accepting
            or live.dropped
            or live.run.paused
            or number in live.running
            or not isinstance(pending, PendingStep)
        ):
            return
        if pending.retry_at_us is not None and not self._timers.is_due(pending.retry_at_us):
            self._timers.add(live, number, pending.retry_at_us)
            return
        if len(self.attempts) >= MOST_STEPS:
            self._waiting.append((live, number))
            return
        pending.retry_at_us = None
        lane = self.queues.lane_of(live, pending)
        if lane is not None:
            if pending in lane.holders:
                return  # it has its place, and begins when its start is durable
            if not lane.has_room:
                lane.wait(live, number)
                return
        if not pending.command.at_most_once:
            self._begin(live, pending, lane)
        elif pending.started:
            error = describe_error(StepInterrupted(pending.command.name))
            live.record(
                ev.StepFailedEvent(number=number, attempt=pending.attempt, error=error), self._now_us(), trigger=True
            )
        else:
            pending.started = True
            started = ev.StepStarted(number=number, attempt=pending.attempt, node=self._node)
            version = live.record(started, self._now_us())
            if lane is not None:
                lane.holders[pending] = live
            live.when_durable.append((version, lambda: self._begin(live, pending, lane)))

    def _begin(self, live: LiveExecution, pending: PendingStep, lane: Lane | None) -> None:
        number = pending.command.number
        if live.dropped or live.run.pending.get(number) is not pending:
            if lane is not None:
                self._leave(lane, pending)
            return
        if lane is not None:
            lane.holders[pending] = live
        log = StepLog(live.id, number, pending.command.name, pending.attempt, clock=self._now_us, sink=self._log)
        attempt = Attempt(live, pending, started_us=self._now_us(), log=log)
        context = self._base_context.copy()
        context.run(_bind, attempt)
        task = asyncio.get_running_loop().create_task(self._run(attempt, context, lane), context=context)
        live.running[number] = attempt.task = task
        self.attempts.add(attempt)

    async def _run(self, attempt: Attempt, context: contextvars.Context, lane: Lane | None) -> None:
        pending, live = attempt.pending, attempt.live
        number = pending.command.number
        try:
            result = await self._call(attempt, context)
            if isinstance(result, Error):
                raise ErrorResult(result.reason)
            if isinstance(result, Ok):
                result = result.value
            what = f"result of step {pending.command.name!r}"
            data, _ = live.run.stored_codec.encode(result, attempt.step.signature.result_type, what=what)
            patch = attempt.patch
        except asyncio.CancelledError:
            if live.dropped or live.run.pending.get(number) is not pending:
                return  # given up: nobody waits for it
            self._failed(attempt, RuntimeError("the step cancelled itself"))
        except BaseException as error:
            self._failed(attempt, error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                return
        else:
            self._completed(attempt, Raw(data), patch)
        finally:
            self.attempts.discard(attempt)
            task, attempt.task = attempt.task, None  # its context refers to the attempt: a cycle, left to the collector
            attempt.log.close()
            if live.running.get(number) is task:
                del live.running[number]
            if lane is not None:
                self._leave(lane, pending)
            while self._waiting and len(self.attempts) < MOST_STEPS:  # some may have no use for their place any more
                self.start(*self._waiting.popleft())
            if not live.running and not live.dropped and not live.awaiting:
                live.mark()  # its status changed, and it may be let go

    def _leave(self, lane: Lane, pending: PendingStep) -> None:
        """Give a place in a queue back, to whoever is next."""
        lane.holders.pop(pending, None)
        while (first := lane.next()) is not None:
            self.start(*first)

    def queue_stats(self, name: str) -> QueueStats:
        """Return what a queue does on this node."""
        running = sum((a.pending.command.queue or a.live.row.queue) == name for a in self.attempts)
        return self.queues.stats(name, running=running)

    async def _call(self, attempt: Attempt, context: contextvars.Context) -> Any:
        pending = attempt.pending
        step, what = self.stand_in(attempt.step), f"arguments of step {pending.command.name!r}"
        arguments = attempt.live.run.codec.decode(bytes(pending.command.args), step.signature.arguments_type, what=what)
        args, kwargs = step.signature.call_arguments(arguments)
        if step.is_async:
            if step.timeout_us is None:
                return await step.function(*args, **kwargs)
            call = step.function(*args, **kwargs)
        else:
            thread_context = context.copy()
            loop = asyncio.get_running_loop()
            call = loop.run_in_executor(self._threads, lambda: thread_context.run(step.function, *args, **kwargs))
        timeout_s = None if step.timeout_us is None else step.timeout_us / US_PER_S
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                return await call
        except TimeoutError:
            if limit.expired():
                raise StepTimedOut(step.name, timeout_s or 0) from None
            raise

    def _completed(self, attempt: Attempt, result: Raw, patch: Raw) -> None:
        live, number = attempt.live, attempt.pending.command.number
        if live.dropped or live.run.pending.get(number) is not attempt.pending:
            return
        if attempt.statements:
            live.execute(attempt.statements)
        event = ev.StepCompleted(
            number=number, attempt=attempt.pending.attempt, result=result, started_us=attempt.started_us, patch=patch
        )
        live.record(event, self._now_us(), trigger=True)

    def _failed(self, attempt: Attempt, error: BaseException) -> None:
        live, pending = attempt.live, attempt.pending
        number = pending.command.number
        if live.dropped or live.run.pending.get(number) is not pending:
            return
        policy, now_us = pending.step.retry, self._now_us()
        failed = ev.StepFailedEvent(
            number=number, attempt=pending.attempt, error=describe_error(error), started_us=attempt.started_us
        )
        duration_us = now_us - attempt.started_us
        if not policy.retries(error, pending.attempt):
            attempt.log.failed(failed.error, duration_us)
            live.record(failed, now_us, trigger=True)
            return
        retry_at_us = now_us + policy.delay_us(pending.attempt, self._jitter)
        attempt.log.failed(failed.error, duration_us, retry_at_us=retry_at_us)
        pending.attempt, pending.retry_at_us, pending.started = pending.attempt + 1, retry_at_us, False
        live.record(structs.replace(failed, retry_at_us=retry_at_us), now_us)
        self._timers.add(live, number, retry_at_us)

    async def pulse(self) -> None:
        """Record long attempts as started, with their progress; a component of the node."""
        while True:
            await asyncio.sleep(1)
            for lane in self.queues.lanes:
                lane.free_forsaken()
                while (first := lane.next()) is not None:
                    self.start(*first)
            now_us = self._now_us()
            for attempt in list(self.attempts):
                if attempt.task is not None and attempt.task.done():
                    self.attempts.discard(attempt)  # cancelled before its first turn: its own `finally` never ran
                    attempt.task = None
                elif now_us - attempt.recorded_us >= HEARTBEAT_US and not attempt.live.dropped:
                    attempt.recorded_us = now_us
                    progress = attempt.take_progress()
                    number, count = attempt.pending.command.number, attempt.pending.attempt
                    event = ev.StepStarted(number=number, attempt=count, node=self._node, progress=progress)
                    attempt.live.record(event, now_us)

    async def stop(self, deadline_s: float) -> None:
        """Let attempts under way finish until the deadline; what runs then is cut off and will run again."""
        ends = time.monotonic() + deadline_s
        while self.attempts and time.monotonic() < ends:
            tasks = [task for attempt in self.attempts for task in attempt.live.running.values()]
            if not tasks:
                break
            await asyncio.wait(tasks, timeout=max(0.0, ends - time.monotonic()), return_when=asyncio.FIRST_COMPLETED)
        self._threads.shutdown(wait=False, cancel_futures=True)


def _bind(attempt: Attempt) -> None:
    running_step.set(attempt)
    capture.set(attempt.log)
