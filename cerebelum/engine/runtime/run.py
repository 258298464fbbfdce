"""A run of workflow code: triggers in, commands out. No I/O, no clock, no threads.

The same object serves the live engine and replay. Rules:
- Triggers are applied one at a time, in version order, each followed by running the loop until it is idle.
- While the execution is paused, triggers are kept and applied, in order, when it resumes.
- Workflow time is the instant of the trigger, and never goes back.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable
from typing import Any

from msgspec import Raw, structs

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.authoring.outcome import Error, Ok
from cerebelum.engine.authoring.saga import Saga
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.durations import US_PER_S
from cerebelum.engine.domain.errors import HistoryMismatch
from cerebelum.engine.domain.errors_runtime import (
    ContinueAsNew,
    Deadlocked,
    ErrorResult,
    WorkflowTimedOut,
)
from cerebelum.engine.domain.ids import child_id
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.runtime.asking import Asking
from cerebelum.engine.runtime.checkpoints import take_over
from cerebelum.engine.runtime.code_line import waiting_line
from cerebelum.engine.runtime.contexts import ops_of
from cerebelum.engine.runtime.discarding import throw_away, untie
from cerebelum.engine.runtime.failures import describe_error, rebuild_error
from cerebelum.engine.runtime.human_input import HANDLERS as INPUT_HANDLERS
from cerebelum.engine.runtime.loop import WorkflowLoop
from cerebelum.engine.runtime.outside_events import HANDLERS as OUTSIDE_HANDLERS
from cerebelum.engine.runtime.pending import Pending, PendingChild, PendingStep, PendingTimer
from cerebelum.engine.runtime.randomness import seed_of


class WorkflowRun(Asking):
    """See the module's rules.

    Attributes:
        retry: set when the code failed and `max_retries` allows another run: the live side records it.
        ended: the final command was asked; nothing follows.
        timed_out: the workflow's own timeout has passed; it is winding up.
    """

    __slots__ = ("_cancel", "_deferred", "_keep_below", "_main", "_stuck", "ended", "paused", "retry", "timed_out")

    def __init__(self, execution_id: str, definition: WorkflowDefinition[..., Any], codec: PayloadCodec) -> None:
        super().__init__(execution_id, definition, codec)
        self.retry: ev.ExecutionRetried | None = None
        self.ended = self.paused = self.timed_out = False
        self._main: asyncio.Task[Any] | None = None
        self._cancel: ev.CancelRequested | None = None
        self._stuck: Deadlocked | None = None
        self._deferred: list[tuple[ev.Event, int, int]] = []
        self._keep_below = 0

    # -- applying triggers ----------------------------------------------------------------------------------------
    def apply(self, event: ev.Event, version: int, at_us: int) -> None:
        """Apply one event and let the code run until it can go no further; collect `commands`.

        Raises:
            HistoryMismatch: the event answers a command that this code never gave.
            PayloadTransformFailed: a payload cannot be unsealed here.
        """
        if self.ended:
            return
        if self.paused and not isinstance(event, ev.ExecutionResumed | ev.CancelRequested):
            self._deferred.append((event, version, at_us))
            return
        if isinstance(event, ev.ExecutionPaused):
            self.paused = True
            return
        self._now_us = max(self._now_us, at_us)
        if self.paused:
            self.paused = False
            deferred, self._deferred = self._deferred, []
            for earlier in deferred:
                self._activate(earlier[0], earlier[1])
        self._activate(event, version)

    def _activate(self, event: ev.Event, version: int) -> None:
        self.told_version = version
        if type(event) in _BEGINNINGS:
            self._begin(event)
        self.loop.set_now_us(self._now_us)
        outer, outer_loop = slot.activation, asyncio._get_running_loop()
        slot.activation, slot.plain = self, None
        asyncio._set_running_loop(self.loop)
        try:
            _HANDLERS[type(event)](self, event, version)
            self.loop.run_until_idle()
            if self.listening is not None:
                self.listening.settle(self)
            if self.abandoned is not None:
                raise self.abandoned
            self._notice_deadlock()
            if self._main is not None and self._main.done() and not self.ended:
                self._settle(self._main)
        finally:
            # The slot first: an interrupt may surface in the call below, and must not leave us inside an activation.
            slot.activation = outer
            asyncio._set_running_loop(outer_loop)

    def _notice_deadlock(self) -> None:
        """Fail code that waits for what nothing can bring: no step, timer, wait or child is open."""
        if self._main is None or self._main.done() or self.pending:
            return
        if self.listening is not None and self.listening.updates:
            return  # an update may come
        self._stuck = Deadlocked(self.execution_id, waiting_line(self._main.get_coro()) or self.definition.name)
        self._main.cancel()
        self.loop.run_until_idle()
        if not self._main.done() and not self.pending:
            self._fail(self._stuck)  # it caught even that, and waits on

    def take_commands(self) -> list[ev.Command]:
        """Return the commands asked since the last call, in order."""
        commands = list(self.commands.values())
        self.commands.clear()
        return commands

    def _begin(self, event: ev.Event) -> None:
        if isinstance(event, ev.ExecutionRetried):
            self.close()
            self.discarded = False
            self.run_count, self.retry = event.run, None
            self.root_saga = Saga()
            seed = seed_of(self.random_id, event.run)
        elif isinstance(event, ev.ExecutionStarted):
            self.started, self.started_us = event, self._now_us
            self.run_count = event.run
            seed = seed_of(self.random_id, event.seed)
        elif isinstance(event, ev.CheckpointCreated):
            seed = seed_of(self.random_id, self.started.seed if self.started else 0)
        else:  # a deferred start begins: the loop is there
            self.started_us = self._now_us
            return
        self._recorded_context = None
        self.loop = WorkflowLoop(self, seed=seed)  # type: ignore[abstract]  # the rest is refused, see loop.py
        if isinstance(event, ev.CheckpointCreated):
            self.loop.begin_at(event.origin_us)
            take_over(self, event)

    @property
    def begun(self) -> bool:
        """Whether the code runs, or has run."""
        return self._main is not None or self.ended

    def _start_main(self, event: ev.Event, version: int) -> None:
        assert self.started is not None
        if isinstance(event, ev.ExecutionStarted) and event.deferred:
            return
        signature, what = self.definition.signature, f"input of {self.definition.name!r}"
        try:
            bound = self.codec.decode(bytes(self.started.input), signature.arguments_type, what=what)
            args, kwargs = signature.call_arguments(bound)
            coroutine = self._guarded(args, kwargs)
        except Exception as error:
            coroutine = self._fail_early(error)
        # An empty context: what the node's task happens to carry must not reach workflow code.
        context = contextvars.Context()
        self._main = self.loop.create_task(coroutine, name="main", context=context)

    def _go_on_from(self, event: ev.CheckpointCreated, version: int) -> None:
        self._start_main(event, version)
        self.loop.created = event.created

    @property
    def is_ending(self) -> bool:
        """Whether something has begun to end it: what it does now leads only there."""
        return self.ended or self.timed_out or self._cancel is not None

    async def _guarded(self, args: Any, kwargs: Any) -> Any:
        try:
            result = await self.definition.begin(*args, **kwargs)
            if self.listening is not None:
                await self.listening.finish()
            return result
        except (Exception, asyncio.CancelledError) as error:
            if self.discarded:
                raise
            await self.root_saga.compensate(error)
            raise

    async def _fail_early(self, error: Exception) -> Any:
        raise error

    # -- the answers ----------------------------------------------------------------------------------------------
    def _answered(self, number: int, kind: type[Pending], what: str, version: int) -> Any:
        """Return and close the open command; None when the code gave it up meanwhile."""
        pending = self.pending.get(number)
        if pending is None:
            if number > self.number:
                raise HistoryMismatch(
                    self.execution_id, version=version, recorded=f"{what} of command {number}", requested="nothing yet"
                )
            return None
        if not isinstance(pending, kind):
            raise HistoryMismatch(
                self.execution_id, version=version, recorded=what, requested=f"{type(pending).__name__} {number}"
            )
        del self.pending[number]
        return pending

    def _step_completed(self, event: ev.StepCompleted, version: int) -> None:
        ops = ops_of(event.patch, self.codec) if event.patch else ()
        if ops:
            self.recorded_context.take(ops)
        pending: PendingStep | None = self._answered(event.number, PendingStep, "step_completed", version)
        if pending is None:
            return
        step = pending.step
        try:
            pending.future.patch = ops
            if ops and pending.branch is not None:
                pending.branch.absorb(ops)
            result = self.codec.decode(
                bytes(event.result), step.signature.result_type, what=f"result of step {step.name!r}"
            )
        except Exception as error:
            pending.future.set_exception(error)
            return
        if step.compensate is not None:
            pending.saga.add(step.compensate, result)
        pending.future.set_result(result)

    def _step_failed(self, event: ev.StepFailedEvent, version: int) -> None:
        if event.retry_at_us is not None:
            pending = self.pending.get(event.number)
            if isinstance(pending, PendingStep):
                pending.attempt, pending.retry_at_us, pending.started = event.attempt + 1, event.retry_at_us, False
            return
        failed: PendingStep | None = self._answered(event.number, PendingStep, "step_failed", version)
        if failed is not None:
            module = self.definition.function.__module__
            error = rebuild_error(event.error, step=failed.step.name, attempts=event.attempt, module=module)
            failed.future.set_exception(error)

    def _step_started(self, event: ev.StepStarted, version: int) -> None:
        pending = self.pending.get(event.number)
        if isinstance(pending, PendingStep):
            pending.started = True
            if event.progress:
                pending.progress = event.progress

    def _timer_fired(self, event: ev.TimerFired, version: int) -> None:
        if event.number == 0:
            if not self.timed_out:  # a second one must not cut off what the first one's cancellation began
                self.timed_out = True
                self._cancel_main()
            return
        pending: PendingTimer | None = self._answered(event.number, PendingTimer, "timer_fired", version)
        if pending is not None:
            self.loop.fire(pending.handle)

    def _resumed(self, event: ev.ExecutionResumed, version: int) -> None:
        """End the sleeps under way, unless a pause ended: then the code just goes on."""
        if event.data:
            self.resume_data = self.codec.decode(bytes(event.data), what="data of resume")
        if not event.wakes:
            return
        for number, pending in list(self.pending.items()):
            if isinstance(pending, PendingTimer) and pending.handle.is_sleep:
                del self.pending[number]
                self.loop.fire(pending.handle)

    def _cancel_requested(self, event: ev.CancelRequested, version: int) -> None:
        if self._cancel is None:
            self._cancel = event
            self._cancel_main()
            if self._main is None:  # cancelled before it began
                self._end(ev.ExecutionCancelledEvent(number=0, reason=event.reason))

    def _cancel_main(self) -> None:
        if self._main is not None and not self._main.done():
            self._main.cancel()

    # -- the end --------------------------------------------------------------------------------------------------
    def _settle(self, main: asyncio.Task[Any]) -> None:
        """Turn the main task's outcome into the final command."""
        error = asyncio.CancelledError() if main.cancelled() else main.exception()
        if error is None:
            error = self._complete(main.result())
        elif isinstance(error, ContinueAsNew):
            error = self._continue_as_new(error)
        elif isinstance(error, asyncio.CancelledError) and self._stuck is not None:
            error = self._stuck
        elif isinstance(error, asyncio.CancelledError) and self.timed_out:
            limit_us = (self.started.timeout_us if self.started else None) or 0
            error = WorkflowTimedOut(self.definition.name, limit_us / US_PER_S)
        elif isinstance(error, asyncio.CancelledError) and self._cancel is not None:
            self._end(ev.ExecutionCancelledEvent(number=self.number + 1, reason=self._cancel.reason))
            error = None
        if error is not None:
            self._fail(error)

    def _complete(self, result: Any) -> BaseException | None:
        if isinstance(result, Error):
            return ErrorResult(result.reason)
        if isinstance(result, Ok):
            result = result.value
        what = f"result of {self.definition.name!r}"
        try:
            data, _ = self.codec.encode(result, self.definition.signature.result_type, what=what)
        except Exception as error:
            return error
        self._end(ev.ExecutionCompleted(number=self.number + 1, result=Raw(data)))
        return None

    def _continue_as_new(self, request: ContinueAsNew) -> BaseException | None:
        signature, what = self.definition.signature, f"input of {self.definition.name!r}"
        try:
            bound = signature.bind(request.call_args, request.call_kwargs)
            data, _ = self.codec.encode(bound, signature.arguments_type, what=what)
        except Exception as error:
            return error
        number = self.number + 1
        successor = child_id(self.execution_id, number)
        self._end(ev.ContinuedAsNew(number=number, execution_id=successor, input=Raw(data)))
        return None

    def _fail(self, error: BaseException) -> None:
        info = describe_error(error)
        first_run = self.started.run if self.started else 1
        if self.run_count - first_run < self.definition.max_retries and not self.timed_out:
            self.retry = ev.ExecutionRetried(
                run=self.run_count + 1, error=info, base=self.number, keep_below=self._keep_below
            )
        else:
            self._end(ev.ExecutionFailedEvent(number=self.number + 1, error=info))

    def _end(self, command: ev.Command) -> None:
        for pending in list(self.pending.values()):
            if isinstance(pending, PendingChild):
                self._give_up(pending.command.number)
        self.number += 1
        self.commands[self.number] = structs.replace(command, number=self.number)
        self.ended = True

    def compensation(self, name: str, since: int) -> Any:
        self._keep_below = min(self._keep_below or since, since)
        return super().compensation(name, since)

    def close(self) -> None:
        """Throw the suspended code away. Its `finally` blocks run, and may record, schedule and effect nothing."""
        self.discarded = True
        loop = getattr(self, "loop", None)
        if loop is None:
            return
        outer, outer_loop = slot.activation, asyncio._get_running_loop()
        slot.activation = self
        asyncio._set_running_loop(loop)
        outer_hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=None, finalizer=loop.close_generator)
        try:
            throw_away(loop.tasks)
        finally:
            sys.set_asyncgen_hooks(*outer_hooks)
            # The slot first: an interrupt may surface in the call below, and must not leave us inside an activation.
            slot.activation = outer
            asyncio._set_running_loop(outer_loop)
        # Run, loop, tasks and futures refer to one another; taken apart they are freed at once, without the collector.
        self.commands.clear()
        self.pending.clear()
        if self.listening is not None:
            self.listening.begin_anew()
        untie(loop.tasks)
        loop.dismantle()
        self._main = None


_HANDLERS: dict[type[ev.Event], Callable[[WorkflowRun, Any, int], None]] = {
    ev.ExecutionStarted: WorkflowRun._start_main,
    ev.ExecutionBegun: WorkflowRun._start_main,
    ev.ExecutionRetried: WorkflowRun._start_main,
    ev.CheckpointCreated: WorkflowRun._go_on_from,
    ev.StepCompleted: WorkflowRun._step_completed,
    ev.StepFailedEvent: WorkflowRun._step_failed,
    ev.StepStarted: WorkflowRun._step_started,
    ev.TimerFired: WorkflowRun._timer_fired,
    ev.ExecutionResumed: WorkflowRun._resumed,
    ev.CancelRequested: WorkflowRun._cancel_requested,
    **INPUT_HANDLERS,
    **OUTSIDE_HANDLERS,
}
_BEGINNINGS = frozenset((ev.ExecutionStarted, ev.ExecutionBegun, ev.ExecutionRetried, ev.CheckpointCreated))
# A checkpoint is a command of the code; only a run that begins there is told it.
TRIGGERS = frozenset(_HANDLERS) - {ev.CheckpointCreated} | {ev.ExecutionPaused}
