"""Where things are in a history, before any frame is made: statuses, failures, the events of each step. Names are not kept.

What is kept of an event is some bytes; the events themselves lie in a `StoredHistory`, which the replay reads as well.
"""

from __future__ import annotations

from array import array

from cerebelum.engine.application.event_text import summarise
from cerebelum.engine.application.open_state import open_state, pass_by
from cerebelum.engine.application.stored_history import StoredHistory
from cerebelum.engine.application.versions import is_failure, neighbour
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.projection import ExecutionState, OpenWait, StepState

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
        self.events = StoredHistory()
        self.failures: array[int] = array("I")
        self.type_cells = 0  # of the longest type
        # By version - 1, of the command that the event is about: its first event, and the ones next to this; 0: none
        self._first: array[int] = array("I")
        self._before: array[int] = array("I")
        self._after: array[int] = array("I")
        self._newest: dict[int, int] = {}  # by command
        self._state = open_state("")
        self._statuses: array[int] = array("B")
        self._status_names: list[str] = []

    def append(self, recorded: ev.RecordedEvent) -> None:
        """Take the next event."""
        event, version = recorded.event(), recorded.version
        number = _number(event)
        before = self._newest.get(number, 0) if number else 0
        self.events.append(recorded)
        self._first.append(self._first[before - 1] if before else version)
        self._before.append(before)
        self._after.append(0)
        if before:
            self._after[before - 1] = version
        if number:
            self._newest[number] = version
        if is_failure(recorded.type):
            self.failures.append(version)
        self.type_cells = max(self.type_cells, min(len(recorded.type), TYPE_CELLS_MOST))
        pass_by(self._state, recorded, event)
        if self._state.status not in self._status_names:
            self._status_names.append(self._state.status)
        self._statuses.append(self._status_names.index(self._state.status))

    def __len__(self) -> int:
        return len(self._statuses)

    def status(self, version: int) -> str:
        """Return the execution's status after an event."""
        return self._status_names[self._statuses[version - 1]] if version else "pending"

    def summary(self, version: int) -> str:
        """Return what happened, in one line; not yet made harmless."""
        recorded, names = self.events[version - 1], ExecutionState(execution_id="")
        event, first = recorded.event(), self._first[version - 1]
        if first != version:  # it may say a number where its first event says a name
            _name(names, self.events[first - 1].event())
        return summarise(event, names, recorded.at_us)

    def text(self, version: int) -> str:
        """Return what a search looks at."""
        return f"{self.events[version - 1].type} {self.summary(version)}"

    def after_us(self, version: int) -> int:
        """Return how long after the first event this one was recorded."""
        return self.events[version - 1].at_us - self.events[0].at_us if len(self) else 0

    def failure(self, version: int, direction: int) -> int | None:
        """Return the next failure after `version` (direction 1) or the one before (-1)."""
        return neighbour(self.failures, version, direction)

    def same_step(self, version: int, direction: int) -> int | None:
        """Return the next or previous event of the step, timer or wait that `version` is about."""
        if not 1 <= version <= len(self):
            return None
        return (self._after if direction > 0 else self._before)[version - 1] or None


def _name(names: ExecutionState, event: ev.Event | ev.UnknownEvent) -> None:
    number = _number(event)
    if isinstance(event, ev.StepScheduled):
        names.steps[number] = StepState(number=number, name=event.name, place=event.place)
    elif isinstance(event, ev.TimerStarted):
        names.open[number] = OpenWait(number=number, kind=event.kind)
    elif (kind := _WAITS.get(type(event))) is not None:
        name = getattr(event, "name", "") or getattr(event, "workflow", "")
        names.open[number] = OpenWait(number=number, kind=kind, name=name)


def _number(event: ev.Event | ev.UnknownEvent) -> int:
    if isinstance(event, _OF_A_VERSION):
        return 0
    of = getattr(event, "of", 0)
    number = of if isinstance(of, int) and of else getattr(event, "number", 0)
    return number if isinstance(number, int) else 0
