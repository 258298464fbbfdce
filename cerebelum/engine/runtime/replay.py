"""Replay: workflow code against its history, with no side effect.

The k-th command that the code gives must be the k-th that the history records: kind, number, name and arguments.
A command is recorded after the trigger that led to it, so every recorded command in front of a trigger must have been
given by then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from msgspec import structs

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import HistoryMismatch
from cerebelum.engine.runtime.run import TRIGGERS, WorkflowRun

_NOTHING_ASKED = "nothing: the code waits or has ended"


class Replay:
    """Feeds a history to a run. Iterate `steps` for frames, or call `to_end`."""

    def __init__(self, run: WorkflowRun, history: Sequence[ev.RecordedEvent]) -> None:
        self.run = run
        self.history = history
        self._asked: deque[ev.Command] = deque()
        self._last_command_version = max((e.version for e in history if isinstance_command(e.type)), default=0)
        run.recorded_patches = frozenset(
            event.patch
            for e in history
            if e.type == "version_marker" and isinstance(event := e.event(), ev.VersionMarker)
        )

    def to_end(self) -> list[ev.Command]:
        """Apply the whole history; return the commands given that it does not hold yet.

        Raises:
            HistoryMismatch: the first difference, with the event's version and both lines.
        """
        for _ in self.steps():
            pass
        return list(self._asked)

    def steps(self) -> Iterator[tuple[ev.RecordedEvent, ev.Event | ev.UnknownEvent]]:
        """Apply the history one event at a time, and yield each after it was applied.

        Raises:
            HistoryMismatch: as `to_end`.
        """
        run, end = self.run, self.history[-1].version if self.history else 0
        for recorded in self.history:
            event = recorded.event()
            if type(event) in TRIGGERS:
                run.replaying = recorded.version < max(self._last_command_version, end)
                run.apply(event, recorded.version, recorded.at_us)  # type: ignore[arg-type]
                if run.commands:
                    self._asked.extend(run.take_commands())
            elif isinstance(event, ev.Command) and event.number:  # number 0: the engine itself ended it
                self._check(event, recorded.version)
            yield recorded, event
        run.replaying = False

    def _check(self, recorded: ev.Command, version: int) -> None:
        asked = self._asked.popleft() if self._asked else None
        if asked is None or not same_command(recorded, asked):
            raise HistoryMismatch(
                self.run.execution_id,
                version=version,
                recorded=describe_command(recorded),
                requested=_NOTHING_ASKED if asked is None else describe_command(asked),
                recorded_line=recorded.line,
                requested_line="" if asked is None else asked.line,
            )


def isinstance_command(event_type: str) -> bool:
    """Return whether events of this type record commands."""
    kind = ev.EVENT_TYPES.get(event_type)
    return kind is not None and issubclass(kind, ev.Command)


def same_command(recorded: ev.Command, asked: ev.Command) -> bool:
    """Return whether both ask for the same; lines may differ, and so may the words of an error."""
    if type(recorded) is not type(asked) or recorded.number != asked.number:
        return False
    if isinstance(recorded, ev.StepScheduled) and isinstance(asked, ev.StepScheduled):
        return recorded.name == asked.name and bytes(recorded.args) == bytes(asked.args)
    if isinstance(recorded, ev.ExecutionFailedEvent) and isinstance(asked, ev.ExecutionFailedEvent):
        return recorded.error.name == asked.error.name
    if isinstance(recorded, ev.CompensationFailed):
        return True
    return ev.encode_event(structs.replace(recorded, line="")) == ev.encode_event(structs.replace(asked, line=""))


def describe_command(command: ev.Command) -> str:
    """Return "step_scheduled charge_card" and the like, for people."""
    name = getattr(command, "name", None) or getattr(command, "workflow", None) or getattr(command, "patch", None)
    if name is None and isinstance(command, ev.ExecutionFailedEvent):
        name = command.error.name
    return f"{command.type}  {name}" if name else command.type
