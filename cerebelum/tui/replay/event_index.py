"""Where things are in a history: the events of each step, and the failures. It decodes an event once and keeps names."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from cerebelum.engine.application.event_text import summarise
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.projection import ExecutionState, OpenWait, StepState
from cerebelum.tui.marks import is_failure

_WAITS = {
    ev.WaitStarted: "signal",
    ev.InputRequested: "input",
    ev.ChildStarted: "child",
}
_OF_A_VERSION = ev.UpdateCompleted | ev.UpdateFailedEvent  # `of` is a version there, everywhere else a command

TYPE_CELLS_MOST = 22


class EventIndex:
    """A history that grows at its end. Versions count from 1."""

    def __init__(self) -> None:
        self.events: list[ev.RecordedEvent] = []
        self.failures: list[int] = []  # versions, ascending
        self.type_cells = 0  # of the longest type
        self._numbers: list[int] = []  # of the command that each event is about; 0: none
        self._of_number: dict[int, list[int]] = {}
        self._names = ExecutionState(execution_id="")  # of every command so far, ended or not

    def extend(self, events: Sequence[ev.RecordedEvent]) -> None:
        """Take the next events."""
        for recorded in events:
            event = recorded.event()
            number = _number(event)
            self.events.append(recorded)
            self._numbers.append(number)
            self.type_cells = max(self.type_cells, min(len(recorded.type), TYPE_CELLS_MOST))
            if number:
                self._of_number.setdefault(number, []).append(recorded.version)
            if is_failure(recorded.type):
                self.failures.append(recorded.version)
            self._name(number, event)

    def _name(self, number: int, event: ev.Event | ev.UnknownEvent) -> None:
        if isinstance(event, ev.StepScheduled):
            self._names.steps[number] = StepState(number=number, name=event.name, place=event.place)
        elif isinstance(event, ev.TimerStarted):
            self._names.open[number] = OpenWait(number=number, kind=event.kind)
        elif (kind := _WAITS.get(type(event))) is not None:
            name = getattr(event, "name", "") or getattr(event, "workflow", "")
            self._names.open[number] = OpenWait(number=number, kind=kind, name=name)

    def __len__(self) -> int:
        return len(self.events)

    def summary(self, version: int) -> str:
        """Return what happened, in one line; not yet made harmless."""
        recorded = self.events[version - 1]
        return summarise(recorded.event(), self._names, recorded.at_us)

    def text(self, version: int) -> str:
        """Return what a search looks at."""
        return f"{self.events[version - 1].type} {self.summary(version)}"

    def after_us(self, version: int) -> int:
        """Return how long after the first event this one was recorded."""
        return self.events[version - 1].at_us - self.events[0].at_us if self.events else 0

    def failure(self, version: int, direction: int) -> int | None:
        """Return the next failure after `version` (direction 1) or the one before (-1)."""
        return neighbour(self.failures, version, direction)

    def same_step(self, version: int, direction: int) -> int | None:
        """Return the next or previous event of the step, timer or wait that `version` is about."""
        number = self._numbers[version - 1] if 1 <= version <= len(self) else 0
        return neighbour(self._of_number[number], version, direction) if number else None


def neighbour(versions: Sequence[int], version: int, direction: int) -> int | None:
    """Return the entry of a sorted list next to `version` in a direction, `version` itself excluded."""
    if direction > 0:
        at = bisect_right(versions, version)
        return versions[at] if at < len(versions) else None
    at = bisect_left(versions, version) - 1
    return versions[at] if at >= 0 else None


def _number(event: ev.Event | ev.UnknownEvent) -> int:
    if isinstance(event, _OF_A_VERSION):
        return 0
    of = getattr(event, "of", 0)
    number = of if isinstance(of, int) and of else getattr(event, "number", 0)
    return number if isinstance(number, int) else 0
