"""At which events code stood on which lines, found in the pass that makes the frames. Only moves are kept, not each event."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from cerebelum.engine.runtime.frames import Frame, TaskStack

Place = tuple[str, int]  # file as in frames, line


class _Stays:
    """From which event to which code stood somewhere, again and again; the newest stay may have no end yet."""

    def __init__(self) -> None:
        self.firsts: array[int] = array("I")
        self.lasts: array[int] = array("I")

    def next(self, version: int) -> int | None:
        """Return the first event after `version` within a stay; where one goes on, `version + 1`, made or not."""
        at = bisect_right(self.lasts, version)
        return max(self.firsts[at], version + 1) if at < len(self.firsts) else None

    def previous(self, version: int) -> int | None:
        """Return the last event before `version` within a stay."""
        at = bisect_left(self.firsts, version) - 1
        if at < 0:
            return None
        return min(self.lasts[at], version - 1) if at < len(self.lasts) else version - 1


class Standing:
    """Give it each frame in turn. Every function of every task's stack stands somewhere, not the innermost one alone."""

    def __init__(self) -> None:
        self._places: dict[Place, _Stays] = {}
        self._anywhere = _Stays()
        self._now: frozenset[Place] = frozenset()
        self._tasks: list[TaskStack] = []
        self._newest = 0

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        self._newest = frame.version
        if frame.tasks is self._tasks:  # nothing has moved
            return
        self._tasks = frame.tasks
        now = frozenset((entry.file, entry.line) for task in frame.tasks for entry in task.stack)
        before, self._now = self._now, now
        if now == before:
            return
        for place in before - now:
            self._places[place].lasts.append(frame.version - 1)
        for place in now - before:
            self._places.setdefault(place, _Stays()).firsts.append(frame.version)
        if before and not now:
            self._anywhere.lasts.append(frame.version - 1)
        elif now and not before:
            self._anywhere.firsts.append(frame.version)

    def last(self, version: int) -> int | None:
        """Return the newest event at or before `version` in which code stood anywhere."""
        return self._anywhere.previous(min(version, self._newest) + 1)

    def on(self, places: Iterable[Place], version: int, direction: int) -> int | None:
        """Return the next event after `version` (direction 1), or the last before it (-1), that stands on one of these."""
        stays = [self._places[place] for place in places if place in self._places]
        if direction < 0:
            before = min(version, self._newest + 1)
            return max((found for each in stays if (found := each.previous(before))), default=None)
        found = min((found for each in stays if (found := each.next(version))), default=None)
        return found if found is not None and found <= self._newest else None
