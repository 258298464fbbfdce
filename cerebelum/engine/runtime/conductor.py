"""Leads executions: applies durable triggers to their code, and carries out the commands that come of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Container
from typing import Any, Protocol

import msgspec

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError, HistoryMismatch
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.errors_runtime import HistoryTooLong
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.lineage import put_off
from cerebelum.engine.ports.store import Message
from cerebelum.engine.runtime import updates
from cerebelum.engine.runtime.clear_payloads import sealed
from cerebelum.engine.runtime.failures import describe_error
from cerebelum.engine.runtime.input_answers import is_open
from cerebelum.engine.runtime.live import LiveExecution, StartRequest
from cerebelum.engine.runtime.loop import TurnLimit
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.pending import PendingChild, PendingInput, PendingStep, PendingTimer, PendingWait
from cerebelum.engine.runtime.starting import new_start
from cerebelum.engine.runtime.step_runner import StepRunner
from cerebelum.engine.runtime.timers import Timers
from cerebelum.engine.runtime.watchdog import Watchdog

WARN_EVENTS, MOST_EVENTS = 10_000, 50_000
BEGIN = -1  # number of the timer of a scheduled start
LOOK_AGAIN_US = 1_000_000
_ANSWERS = (ev.TimerFired, ev.WaitTimedOutEvent, ev.InputReceived, ev.InputTimedOutEvent)
_log = OwnLog("cerebelum.conductor")


class Residence(Protocol):
    """Where executions in memory live: the node."""

    def adopt(self, row: ExecutionRow, started: ev.ExecutionStarted, at_us: int) -> None:
        """Take up an execution that this node has just committed, from memory."""
        ...

    def know(self, workflow: WorkflowDefinition[..., Any]) -> None:
        """Make a child's workflow known to this node, so that it can run here."""
        ...

    def forget(self, live: LiveExecution) -> None:
        """Drop it: it ended, rests, or is another's."""
        ...

    def overdue(self, live: LiveExecution, number: int) -> None:
        """Its input timed out, unless an answer lies in the inbox: that one came in time."""
        ...

    def blocked(self, live: LiveExecution, error: BaseException) -> None:
        """Its activation did not come to an end: rebuild it, or park it."""
        ...

    def ended(self, live: LiveExecution) -> None:
        """Its final event is durable."""
        ...


class Conductor:
    """See the module docstring."""

    def __init__(
        self,
        residence: Residence,
        *,
        owner: Callable[[], str],
        now_us: Callable[[], int],
        steps: StepRunner,
        timers: Timers,
        watchdog: Watchdog,
    ) -> None:
        self._residence, self._owner, self._now_us = residence, owner, now_us
        self._steps, self._timers, self._watchdog = steps, timers, watchdog

    # -- from the journal -----------------------------------------------------------------------------------------
    def lead_on(self, live: LiveExecution) -> None:
        """Apply the triggers that wait, so that what the code asks next goes into the same commit.

        The code may be ahead of the store, its effects are not: steps begin, and others are told, when the triggers that
        led to them are durable. A code that does not come to an end is dealt with then, too: its trigger is not lost.
        """
        if live.cautious:
            return
        while live.broken is None and (live.awaiting or (live.updates_due and self._consider_updates(live))):
            event, version, at_us = live.awaiting.popleft()
            live.applied_version = version
            try:
                self._activate(live, event, version, at_us)
            except Exception as error:
                live.broken = version, error

    def _consider_updates(self, live: LiveExecution) -> bool:
        """Return whether an update was accepted, and is to be applied."""
        return updates.consider(live, self._now_us, self._watchdog.run)

    def durable(self, live: LiveExecution, version: int) -> None:
        """Events up to `version` are durable: let out what they allow, and go on from triggers that waited for this."""
        if live.dropped:
            return
        for event, event_version, at_us in live.durable(version):
            live.applied_version, live.cautious = event_version, False
            if not self.activate(live, event, event_version, at_us):
                return
        if live.broken is not None and live.broken[0] <= version:
            error = live.broken[1]
            if not isinstance(error, TurnLimit | ActivationBlocked | HistoryMismatch):
                raise error
            self._residence.blocked(live, error)
            return
        for number in live.take_unstarted():
            self._steps.start(live, number)
        if live.updates_due and not live.awaiting:
            live.cautious = False  # it has survived being taken up
            live.mark()
        if live.final is not None and version == live.version:
            self._residence.ended(live)
            self._residence.forget(live)
        elif live.rest and not live.dirty and version == live.version:
            self._residence.forget(live)

    def activate(self, live: LiveExecution, event: ev.Event, version: int, at_us: int) -> bool:
        """Apply one trigger and carry out what the code asks; return whether the execution is still here."""
        try:
            self._activate(live, event, version, at_us)
        except (TurnLimit, ActivationBlocked, HistoryMismatch) as error:
            self._residence.blocked(live, error)
            return False
        return True

    def _activate(self, live: LiveExecution, event: ev.Event, version: int, at_us: int) -> None:
        run = live.run
        self._watchdog.run(live.id, run.apply, event, version, at_us)
        if run.commands:
            self.carry_out_all(live, run.take_commands())
        live.idle_since_us, live.updates_due = 0, bool(live.updates)
        kind = type(event)
        if kind is ev.ExecutionStarted or kind is ev.ExecutionBegun:
            self._limit(live)
        if kind is ev.ExecutionResumed or kind is ev.CancelRequested:
            self.arm(live)  # taken up while it was paused, its timers were left alone
            self._begin(live)
            self.start_steps(live)
        self._after(live)

    def _after(self, live: LiveExecution) -> None:
        run = live.run
        if run.retry is not None:
            live.dues = {number: due for number, due in live.dues.items() if number == 0}
            for task in live.running.values():
                task.cancel()
            live.running.clear()
            live.unstarted.clear()
            retry, run.retry = run.retry, None
            live.record(retry, self._now_us(), trigger=True)
        elif run.ended:
            for task in live.running.values():
                task.cancel()
            live.running.clear()
            live.unstarted.clear()
            live.dues.clear()
        elif live.version >= MOST_EVENTS:
            error = HistoryTooLong(live.id, event_count=live.version, limit=MOST_EVENTS)
            self.fail(live, error)
        elif live.version >= WARN_EVENTS and (live.version // WARN_EVENTS) != (live.taken_version // WARN_EVENTS):
            _log.warning("long history", execution_id=live.id, events=live.version, limit=MOST_EVENTS)
        if not live.dirty and (live.is_misstated or live.rests(self._now_us())):
            live.mark()

    def fail(self, live: LiveExecution, error: CerebelumError) -> None:
        """End an execution as failed by the engine's own decision (command number 0)."""
        event = ev.ExecutionFailedEvent(number=0, error=describe_error(error))
        live.run.ended = True
        self._finish(live, event)

    # -- commands -------------------------------------------------------------------------------------------------
    def carry_out_all(self, live: LiveExecution, commands: list[ev.Command]) -> None:
        """Record commands and do what they ask, in order."""
        now_us = self._now_us()
        if live.run.stored_codec.has_transforms:  # all of them, before one is carried out: any may fail
            commands = [sealed(command, live.run.stored_codec) for command in commands]
        for command in commands:
            if isinstance(command, ev.StepScheduled):
                live.record(command, now_us)
                self._schedule(live, command)
            else:
                self._carry_out(live, command, now_us)

    def _carry_out(self, live: LiveExecution, command: ev.Command, now_us: int) -> None:
        match command:
            case (
                ev.ExecutionCompleted() | ev.ExecutionFailedEvent() | ev.ExecutionCancelledEvent() | ev.ContinuedAsNew()
            ):
                self._finish(live, command)
                return
            case ev.CheckpointCreated(after=after):
                if after == live.told_version:
                    live.row.checkpoint = live.version + 1
            case ev.TimerStarted(number=number, due_us=due_us):
                self._set_timer(live, number, due_us)
            case ev.WaitStarted(number=number, due_us=due) | ev.InputRequested(number=number, due_us=due) if (
                due is not None and number in live.run.pending
            ):
                self._set_timer(live, number, due)
            case ev.TimerCancelled(of=of) | ev.WaitCompleted(of=of) | ev.InputClosed(of=of):
                live.dues.pop(of, None)
            case ev.StepCancelled(of=of):
                live.dues.pop(of, None)
                task = live.running.pop(of, None)
                if task is not None:
                    task.cancel()
            case ev.ChildStarted():
                self._start_child(live, command, now_us)
            case ev.ChildCancelled(of=of, execution_id=child):
                live.outbox.append(
                    Message(
                        execution_id=child,
                        kind="cancel",
                        payload=b'"its parent no longer waits for it"',
                        sender=live.id,
                        key=f"parent-cancel:{of}",
                        source=live.id,
                    )
                )
        live.record(command, now_us)

    def _schedule(self, live: LiveExecution, command: ev.StepScheduled) -> None:
        known = None if live.memory is None else live.memory.recall(command)
        if known is None:
            self._start(live, command.number)
            return
        now_us = self._now_us()
        event = ev.StepCompleted(
            number=command.number, result=known.result, started_us=now_us, reused=True, patch=known.patch
        )
        live.record(event, now_us, trigger=True)

    def _start(self, live: LiveExecution, number: int) -> None:
        if live.is_ahead:
            live.unstarted.append((live.version, number))
        else:
            self._steps.start(live, number)

    def carry_on(self, live: LiveExecution, unrecorded: list[ev.Command], *, under_way: Collection[int] = ()) -> None:
        """Go on with an execution that was rebuilt from its history; steps `under_way` were begun, or stand in line."""
        self.arm(live)
        self._begin(live)
        new = {command.number for command in unrecorded} | set(under_way)
        self.start_steps(live, but=new)
        self.carry_out_all(live, unrecorded)
        self._after(live)

    def start_steps(self, live: LiveExecution, *, but: Container[int] = ()) -> None:
        """Start every pending step that does not run: after a rebuild, or when a pause ended."""
        for number, pending in list(live.run.pending.items()):
            if isinstance(pending, PendingStep) and number not in but:
                self._start(live, number)

    def arm(self, live: LiveExecution) -> None:
        """Set the timers that are not set: of an execution that was rebuilt, or whose pause ended."""
        self._limit(live)
        if live.run.paused or live.run.ended:
            return
        fired = {event.number for event, *_ in live.awaiting if isinstance(event, _ANSWERS)}
        for number, pending in live.run.pending.items():
            if number in live.dues or number in fired:
                continue
            if isinstance(pending, PendingTimer):
                self._set_timer(live, number, pending.handle.due_us)
            elif isinstance(pending, PendingWait | PendingInput) and pending.command.due_us is not None:
                self._set_timer(live, number, pending.command.due_us)

    def _begin(self, live: LiveExecution) -> None:
        """Let the code of a deferred start begin, but not before the time it is scheduled for."""
        run = live.run
        if run.started is None or run.begun or run.paused or live.awaiting:
            return
        scheduled_us = live.row.scheduled_at_us
        if scheduled_us is not None and not self._timers.is_due(scheduled_us):  # a message had it taken up early
            self._timers.add(live, BEGIN, scheduled_us)
        else:
            live.record(ev.ExecutionBegun(), self._now_us(), trigger=True)

    def _limit(self, live: LiveExecution) -> None:
        """Set the timer of the workflow's own timeout; it runs from when the code began."""
        run = live.run
        if run.started is None or run.started.timeout_us is None or 0 in live.dues:
            return
        if run.begun and not run.ended and not run.timed_out:
            self._set_timer(live, 0, run.started_us + run.started.timeout_us)

    def _set_timer(self, live: LiveExecution, number: int, due_us: int) -> None:
        """Have command `number` come due at the instant that the code was told, or later in a fork."""
        self._timers.add(live, number, put_off(live.run.started, number, due_us))

    def due(self, live: LiveExecution, number: int) -> None:
        """A timer of `live` came due."""
        pending = live.run.pending.get(number)
        if live.rest or live.final is not None:
            return
        if number == BEGIN:
            self._begin(live)
        elif isinstance(pending, PendingStep):
            self._steps.start(live, number)
        elif isinstance(pending, PendingWait):
            live.record(ev.WaitTimedOutEvent(number=number), self._now_us(), trigger=True)
        elif isinstance(pending, PendingInput):
            self._residence.overdue(live, number)
        elif isinstance(pending, PendingTimer) or number == 0:
            live.record(ev.TimerFired(number=number), self._now_us(), trigger=True)

    def unanswered(self, live: LiveExecution, number: int) -> None:
        """Input `number` is overdue, and no answer lies in the inbox."""
        if not live.rest and is_open(live, number):
            live.record(ev.InputTimedOutEvent(number=number), self._now_us(), trigger=True)

    def look_again(self, live: LiveExecution, number: int) -> None:
        """Input `number` is overdue, and the inbox cannot be read now."""
        self._timers.add(live, number, self._now_us() + LOOK_AGAIN_US)

    # -- other executions -----------------------------------------------------------------------------------------
    def _start_child(self, live: LiveExecution, command: ev.ChildStarted, now_us: int) -> None:
        pending = live.run.pending.get(command.number)
        child = pending.workflow if isinstance(pending, PendingChild) else None
        if child is not None:
            self._residence.know(child)
        started = ev.ExecutionStarted(
            workflow=command.workflow, input=command.input, parent=live.id, parent_number=command.number,
            queue=(child.queue if child else None) or live.row.queue, priority=live.row.priority,
            code=child.code if child else "", timeout_us=child.timeout_us if child else None,
        )  # fmt: skip
        self._attach_start(live, command.execution_id, started, now_us, command.number)

    def _attach_start(
        self, live: LiveExecution, execution_id: str, started: ev.ExecutionStarted, now_us: int, number: int
    ) -> None:
        start = new_start(execution_id, started, now_us=now_us, owner=self._owner(), source=live.id)
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda done: self._child_answered(live, execution_id, number, done))
        request = StartRequest(start, answer, lambda _: self._residence.adopt(start.row, started, now_us))
        live.starts.append(request)

    def _child_answered(self, live: LiveExecution, child: str, number: int, answer: asyncio.Future[bool]) -> None:
        if not answer.cancelled() and answer.exception() is None and not answer.result():
            _log.info("child exists already", execution_id=live.id, child=child, number=number)

    def _finish(self, live: LiveExecution, event: ev.Command) -> None:
        """Record the final event; tell the parent, or start the successor, in the same commit."""
        now_us = self._now_us()
        started = live.run.started
        if isinstance(event, ev.ContinuedAsNew) and started is not None:
            successor = msgspec.structs.replace(
                started, input=event.input, run=started.run + 1, seed=0, forked_from=None, forked_at=0, fork=None
            )
            self._attach_start(live, event.execution_id, successor, now_us, event.number)
        elif started is not None and started.parent is not None:
            live.outbox.append(child_ended(live.id, started, event))
        live.record(event, now_us)


def child_ended(execution_id: str, started: ev.ExecutionStarted, event: ev.Command) -> Message:
    """Return the message that tells the parent how its child ended."""
    content: dict[str, Any] = {"number": started.parent_number}
    if isinstance(event, ev.ExecutionCompleted):
        content["result"] = event.result
    elif isinstance(event, ev.ExecutionFailedEvent):
        content["error"] = msgspec.structs.replace(event.error, traceback="")
    elif isinstance(event, ev.ExecutionCancelledEvent):
        content["cancelled"] = event.reason
    return Message(
        execution_id=started.parent or "",
        kind="child",
        name=event.type,
        payload=msgspec.json.encode(content),
        sender=execution_id,
        key=f"child:{started.parent_number}",
        source=execution_id,
    )
