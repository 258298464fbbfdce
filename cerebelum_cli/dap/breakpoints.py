"""Where a walk stops: lines, failures, variables that change. Each is a list of events, so both directions are alike."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from cerebelum.engine.runtime.frames import Frame
from cerebelum_cli.dap.places import PlaceIndex
from cerebelum_cli.dap.sources import plain_file

_MOST_NAMED = 20  # lines or files, in a message
Reason = Literal["breakpoint", "exception", "data breakpoint"]


class Breakpoint(Struct):
    """One that an editor has set.

    Attributes:
        places: the line in the versions that ran; [] where it is in none.
        watch: the condition as an expression that is true or false, "" for none.
        message: why it stops nowhere.
    """

    id: int
    line: int
    places: list[tuple[str, int]]
    watch: str = ""
    message: str = ""
    verified: bool = False

    def settle(self, index: PlaceIndex, *, done: bool) -> bool:
        """Say whether there is an event to stop at, as far as that is known; return whether that is news."""
        was = self.verified, self.message
        if self.places:
            self.verified = any(index.arrivals(*place) for place in self.places)
            self.message = "" if self.verified else self._missing(index) if done else "the history is still replayed"
        return was != (self.verified, self.message)

    def _missing(self, index: PlaceIndex) -> str:
        file, line = self.places[-1]
        known = index.lines(file)
        if not known:
            return (
                f"no event of this history stands in {plain_file(file)}; {_some(index.files) or 'in no file'} has some"
            )
        return f"no event of this history stands on line {line}; some stand on {_some(known)}"


def _some(known: Sequence[object]) -> str:
    return ", ".join(map(str, known[:_MOST_NAMED])) + (" …" if len(known) > _MOST_NAMED else "")


class Hit(Struct, frozen=True):
    """An event to stop at, and why."""

    version: int
    reason: Reason
    text: str = ""
    ids: tuple[int, ...] = ()


class Breakpoints:
    """All that are set. `index` gives the events of each."""

    def __init__(self) -> None:
        self._by_file: dict[str, list[Breakpoint]] = {}
        self._ids = 0
        self.failures = False
        self.names: list[str] = []  # of variables, to stop where they change

    def new_id(self) -> int:
        """Return the id of a further breakpoint."""
        self._ids += 1
        return self._ids

    def set(self, file: str, breakpoints: list[Breakpoint]) -> None:
        """Have these in a file, instead of those before."""
        self._by_file[file] = breakpoints

    def all(self) -> Iterator[Breakpoint]:
        """Yield those of all files."""
        for breakpoints in self._by_file.values():
            yield from breakpoints

    @property
    def watches(self) -> list[str]:
        """The conditions."""
        return [each.watch for each in self.all() if each.watch]

    def next(self, index: PlaceIndex, after: int, limit: int, frame: Callable[[int], Frame]) -> Hit | None:
        """Return the first event after `after` to stop at, up to `limit`."""
        while True:
            found = [
                versions[place]
                for versions in self._versions(index)
                if (place := bisect_right(versions, after)) < len(versions)
            ]
            after = min(found, default=limit + 1)
            if after > limit:
                return None
            if (hit := self.at(index, after, frame)) is not None:
                return hit

    def previous(self, index: PlaceIndex, before: int, frame: Callable[[int], Frame]) -> Hit | None:
        """Return the last event before `before` to stop at."""
        while True:
            found = [
                versions[place - 1] for versions in self._versions(index) if (place := bisect_left(versions, before))
            ]
            before = max(found, default=0)
            if before == 0:
                return None
            if (hit := self.at(index, before, frame)) is not None:
                return hit

    def at(self, index: PlaceIndex, version: int, frame: Callable[[int], Frame]) -> Hit | None:
        """Return why to stop at an event; None if there is no reason."""
        if self.failures and _has(index.failures, version):
            return Hit(version, "exception")
        ids = tuple(
            each.id
            for each in self.all()
            if any(_has(index.arrivals(*place), version) for place in each.places)
            and (not each.watch or frame(version).watched.get(each.watch) == "True")
        )
        if ids:
            return Hit(version, "breakpoint", ids=ids)
        changed = [name for name in self.names if _has(index.changes(name), version)]
        return Hit(version, "data breakpoint", text=f"{', '.join(changed)} changed") if changed else None

    def _versions(self, index: PlaceIndex) -> Iterator[Sequence[int]]:
        if self.failures:
            yield index.failures
        for each in self.all():
            for place in each.places:
                yield index.arrivals(*place)
        for name in self.names:
            yield index.changes(name)


def _has(versions: Sequence[int], version: int) -> bool:
    place = bisect_left(versions, version)
    return place < len(versions) and versions[place] == version
