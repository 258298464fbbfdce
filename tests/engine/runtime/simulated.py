"""A world in virtual time around a bare run: steps take as long as they say, timers come due, messages arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from cerebelum.engine.domain import events as ev
from cerebelum.engine.runtime.failures import describe_error
from cerebelum.engine.runtime.pending import PendingChild, PendingStep, PendingTimer, PendingWait
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import TRIGGERS, WorkflowRun
from tests.engine.runtime.played import CODEC, T0_US, AnyWorkflow

MS = 1_000
_MOST_EVENTS = 2_000


class Simulation:
    """Runs a workflow to its end as a node would; `history` is what a store would hold.

    Args:
        definition: the workflow.
        arguments: by name.
        messages: (milliseconds after the start, event) that come from outside.
        batch_ms: what happens within so long is recorded together, before the code is led on: its commands come after.
    """

    def __init__(
        self,
        definition: AnyWorkflow,
        arguments: dict[str, Any],
        *,
        messages: Sequence[tuple[int, ev.Event]] = (),
        batch_ms: int = 0,
    ) -> None:
        self.definition, self._batch_us = definition, batch_ms * MS
        self.run = WorkflowRun("exec-1", definition, CODEC)
        self.history: list[ev.RecordedEvent] = []
        self._messages = [(T0_US + ms * MS, event) for ms, event in sorted(messages, key=lambda message: message[0])]
        self._asked_us: dict[int, int] = {}
        self._answered: set[int] = set()
        self._attempts: dict[int, int] = {}
        data, _ = CODEC.encode(arguments, what="input")
        self._together([(T0_US, ev.ExecutionStarted(workflow=definition.name, input=Raw(data), seed=7))])
        while not self.run.ended:
            self._together(self._next())
            assert len(self.history) < _MOST_EVENTS, "the program does not end"
        self.run.close()

    def _together(self, happened: list[tuple[int, ev.Event]]) -> None:
        recorded = [(event, self._record(event, at_us)) for at_us, event in happened]
        for event, version in recorded:
            if isinstance(event, ev.StepFailedEvent) and event.retry_at_us is not None:
                continue  # a note: only a replay is told
            self.run.apply(event, version, self.history[version - 1].at_us)
            for command in self.run.take_commands():
                self._asked_us[command.number] = self.run.now_us()
                self._record(command, 0)

    def _record(self, event: ev.Event, at_us: int) -> int:
        version = len(self.history) + 1
        at_us = max(at_us, self.history[-1].at_us if self.history else T0_US)
        self.history.append(ev.RecordedEvent(version, event.type, ev.encode_event(event), at_us))
        return version

    def _next(self) -> list[tuple[int, ev.Event]]:
        """Return what happens next, and what happens so soon after it that it is recorded with it."""
        due = sorted(
            (self._due_us(number, pending), number)
            for number, pending in self.run.pending.items()
            if number not in self._answered
        )
        first_us = min([at_us for at_us, _ in due[:1]] + [at_us for at_us, _ in self._messages[:1]])
        happening: list[tuple[int, ev.Event]] = []
        while self._messages and self._messages[0][0] <= first_us + self._batch_us:
            happening.append(self._messages.pop(0))
        for at_us, number in due:
            if at_us <= first_us + self._batch_us:
                happening.append((at_us, self._answer(number)))
        happening.sort(key=lambda each: each[0])
        return happening if self._batch_us else happening[:1] if self._put_back(happening[1:]) else happening

    def _put_back(self, later: list[tuple[int, ev.Event]]) -> bool:
        """Undo the answers that come one at a time."""
        for at_us, event in reversed(later):
            number = getattr(event, "number", None)
            if number is None:
                self._messages.insert(0, (at_us, event))
            else:
                self._answered.discard(number)
                if isinstance(event, ev.StepFailedEvent):
                    self._attempts[number] -= 1
        return True

    def _due_us(self, number: int, pending: Any) -> int:
        if isinstance(pending, PendingTimer):
            return pending.handle.due_us
        if isinstance(pending, PendingWait):
            assert pending.command.due_us is not None, "programs wait with a timeout"
            return pending.command.due_us
        duration_ms = 2 if isinstance(pending, PendingChild) else _arguments(pending).get("duration_ms", 1)
        return self._asked_us[number] + (self._attempts.get(number, 0) + 1) * duration_ms * MS

    def _answer(self, number: int) -> ev.Event:
        pending = self.run.pending[number]
        self._answered.add(number)
        if isinstance(pending, PendingTimer):
            return ev.TimerFired(number=number)
        if isinstance(pending, PendingWait):
            return ev.WaitTimedOutEvent(number=number)
        if isinstance(pending, PendingChild):
            return ev.ChildCompleted(number=number, result=Raw(b"1"))
        assert isinstance(pending, PendingStep)
        arguments = _arguments(pending)
        attempt = self._attempts.get(number, 0) + 1
        if attempt > arguments.get("failures", 0):
            return ev.StepCompleted(number=number, attempt=attempt, result=Raw(msgspec.json.encode(arguments["label"])))
        self._attempts[number] = attempt
        error = describe_error(ValueError(arguments["label"]))
        if attempt == pending.command.max_attempts:
            return ev.StepFailedEvent(number=number, attempt=attempt, error=error)
        self._answered.discard(number)
        return ev.StepFailedEvent(number=number, attempt=attempt, error=error, retry_at_us=self.run.now_us())


def _arguments(pending: PendingStep) -> dict[str, Any]:
    arguments: dict[str, Any] = msgspec.json.decode(pending.command.args)
    return arguments


def after_crash(
    definition: AnyWorkflow, history: Sequence[ev.RecordedEvent], version: int, *, execution_id: str = "exec-1"
) -> list[bytes]:
    """Crash after event `version`, rebuild from what was durable, go on with what happens then; return all commands."""
    run = WorkflowRun(execution_id, definition, CODEC)
    commands = [recorded.data for recorded in history[:version] if _is_command(recorded)]
    try:
        commands += map(ev.encode_event, Replay(run, history[:version]).to_end())
        for recorded in history[version:]:
            event = recorded.event()
            if type(event) in TRIGGERS and not (isinstance(event, ev.StepFailedEvent) and event.retry_at_us):
                run.apply(event, recorded.version, recorded.at_us)  # type: ignore[arg-type]
                commands += map(ev.encode_event, run.take_commands())
    finally:
        run.close()
    return commands


def commands_of(history: Sequence[ev.RecordedEvent]) -> list[bytes]:
    """Return what the code asked for, in order, as it was recorded."""
    return [recorded.data for recorded in history if _is_command(recorded)]


def _is_command(recorded: ev.RecordedEvent) -> bool:
    return issubclass(ev.EVENT_TYPES[recorded.type], ev.Command)
