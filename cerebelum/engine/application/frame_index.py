"""Where things happened in a history, found in the pass that makes its frames: failures, steps, changes, places."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from cerebelum.engine.application.spool import Spool
from cerebelum.engine.application.standing import Standing
from cerebelum.engine.application.versions import is_failure, neighbour
from cerebelum.engine.runtime.frames import Frame
from cerebelum.engine.runtime.rendering import Change

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Change).decode
_MOST_NAMES = 100_000  # of variables; a program that makes up more names has the first ones in its index


class StepSpan(Struct):
    """A step: the first and the newest event that is about it."""

    number: int
    name: str
    first: int
    last: int
    events: int = 1
    failures: int = 0


class WatchedChanges:
    """What became of one watched expression: all changes in order, also its coming and going. On disk when many."""

    def __init__(self) -> None:
        self._versions: array[int] = array("I")
        self._changes = Spool()

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, version: int, change: Change) -> None:
        """Take the next one."""
        self._versions.append(version)
        self._changes.append(_encode(change))

    def position(self, version: int) -> int:
        """Return how many lie before an event."""
        return bisect_left(self._versions, version)

    def before(self, version: int) -> int | None:
        """Return the event of the last one before `version`."""
        return neighbour(self._versions, version, -1)

    def read(self, first: int, count: int) -> list[tuple[int, Change]]:
        """Return (version, change) of `count` of them from the position `first` on, fewer at the end."""
        read = self._changes.read(first, count)
        return [(self._versions[first + number], _decode(each)) for number, each in enumerate(read)]


class FrameIndex:
    """Versions of events, ascending. Give it each frame in turn.

    Attributes:
        failures: of steps, children, compensations, updates, answers, and of the execution; waits that timed out.
        steps: by number, in the order in which they were scheduled.
        standing: where code stood.
    """

    def __init__(self) -> None:
        self.failures: array[int] = array("I")
        self.steps: dict[int, StepSpan] = {}
        self.standing = Standing()
        self._changes: dict[str, array[int]] = {}
        self._watched: dict[str, WatchedChanges] = {}

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        version = frame.version
        self.standing.add(frame)
        if is_failure(frame.event):
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
            self._watched.setdefault(change.name, WatchedChanges()).add(version, change)
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

    def watched(self, text: str) -> WatchedChanges:
        """Return all changes of a watched expression, of which nothing has become so far where there are none."""
        return self._watched.get(text) or WatchedChanges()

    def next_failure(self, version: int) -> int | None:
        """Return the first failure after `version`."""
        return neighbour(self.failures, version, 1)

    def previous_failure(self, version: int) -> int | None:
        """Return the last failure before `version`."""
        return neighbour(self.failures, version, -1)

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
