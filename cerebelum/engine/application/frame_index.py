"""Where things happened in a history, found in the pass that makes its frames: failures, steps, changes of variables."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from msgspec import Struct

from cerebelum.engine.runtime.frames import Frame

_FAILURES = frozenset(
    {
        "step_failed", "child_failed", "compensation_failed", "update_failed", "execution_failed", "input_refused",
    }
)  # fmt: skip
_MOST_NAMES = 100_000  # of variables; a program that makes up more names has the first ones in its index


class StepSpan(Struct):
    """A step: the first and the newest event that is about it."""

    number: int
    name: str
    first: int
    last: int
    events: int = 1
    failures: int = 0


class FrameIndex:
    """Versions of events, ascending. Give it each frame in turn.

    Attributes:
        failures: of steps, children, compensations, updates, answers, and of the execution.
        steps: by number, in the order in which they were scheduled.
    """

    def __init__(self) -> None:
        self.failures: array[int] = array("I")
        self.steps: dict[int, StepSpan] = {}
        self._changes: dict[str, array[int]] = {}

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        version = frame.version
        if frame.event in _FAILURES:
            self.failures.append(version)
        if frame.event.startswith("step_"):
            self._step(frame)
        for task in frame.tasks:
            for entry in task.stack:
                for change in entry.changed:
                    self._change(change.name, version)
        for change in frame.context_changed:
            self._change(change.name, version)
        for change in frame.watched_changed:
            if change.kind != "removed":  # its variable is gone, which is no news of its value
                self._change(change.name, version)

    @property
    def names(self) -> Sequence[str]:
        """What has changed at all: local variables of all tasks, keys of the context, watches; each by its first change."""
        return tuple(self._changes)

    def changes(self, name: str) -> Sequence[int]:
        """Return the versions at which a variable of this name, a key of the context or a watch changed."""
        return self._changes.get(name, ())

    def last_change(self, name: str, version: int) -> int | None:
        """Return the newest of these up to `version`; None where there is none."""
        found = self.changes(name)
        position = bisect_right(found, version)
        return found[position - 1] if position else None

    def next_failure(self, version: int) -> int | None:
        """Return the first failure after `version`."""
        position = bisect_right(self.failures, version)
        return self.failures[position] if position < len(self.failures) else None

    def previous_failure(self, version: int) -> int | None:
        """Return the last failure before `version`."""
        position = bisect_left(self.failures, version)
        return self.failures[position - 1] if position else None

    def _step(self, frame: Frame) -> None:
        span = self.steps.get(frame.number)
        failed = frame.event == "step_failed"
        if span is None:
            name = frame.summary if frame.event == "step_scheduled" else f"step {frame.number}"
            self.steps[frame.number] = StepSpan(frame.number, name, frame.version, frame.version, 1, int(failed))
            return
        span.last, span.events, span.failures = frame.version, span.events + 1, span.failures + failed

    def _change(self, name: str, version: int) -> None:
        found = self._changes.get(name)
        if found is None:
            if len(self._changes) >= _MOST_NAMES:
                return
            found = self._changes[name] = array("I")
        if not found or found[-1] != version:
            found.append(version)
