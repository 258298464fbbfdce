"""Where code came to which line, found in the pass that makes the frames: what breakpoints stop at."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from cerebelum.engine.application.frame_index import FrameIndex
from cerebelum.engine.domain.events import EVENT_TYPES
from cerebelum.engine.runtime.frames import Frame, StackEntry
from cerebelum.engine.runtime.run import TRIGGERS
from cerebelum_cli.dap.sources import plain_file

_MOVES = {name for name, kind in EVENT_TYPES.items() if kind in TRIGGERS} | {"code_changed"}


class PlaceIndex(FrameIndex):
    """As `FrameIndex`, and for each line the events at which code came there.

    Code comes to a line when a task's function stands there and did not before, or stands there again: with other
    values, or because the line has asked for something new.

    Attributes:
        logs: events with captured lines.
        settled: up to this event nothing is added any more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.logs: array[int] = array("I")
        self.settled = 0
        self._arrivals: dict[tuple[str, int], array[int]] = {}
        self._stacks: dict[int, list[StackEntry]] = {}
        self._moved_at, self._newest = 0, 0

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        super().add(frame)
        if frame.log_new:
            self.logs.append(frame.version)
        if frame.event in _MOVES or not self._moved_at:
            self.settled, self._moved_at = frame.version - 1, frame.version
            self._move(frame)
        elif frame.number > self._newest:
            self._ask(frame)
        self._newest = max(self._newest, frame.number)

    def arrivals(self, file: str, line: int) -> Sequence[int]:
        """Return the events after which code came to a line, ascending."""
        return self._arrivals.get((file, line), ())

    def lines(self, file: str) -> list[int]:
        """Return the lines of a file that have such events."""
        return sorted({line for known, line in self._arrivals.copy() if known == file})

    @property
    def files(self) -> list[str]:
        """The files that have such events, without versions."""
        return sorted({plain_file(file) for file, _ in self._arrivals.copy()})

    def _move(self, frame: Frame) -> None:
        before, self._stacks = self._stacks, {task.number: task.stack for task in frame.tasks}
        if frame.event == "code_changed":
            return  # the same place, in other code: nothing has come there
        for number, stack in self._stacks.items():
            for entry in stack[_first_new(before.get(number, []), stack) :]:
                self._arrive(entry)

    def _ask(self, frame: Frame) -> None:
        """A line that asks again was come to again, even where everything looks as before."""
        line = next((wait.line for wait in frame.open if wait.number == frame.number), "")
        for stack in self._stacks.values() if line else ():
            if stack and f"{plain_file(stack[-1].file).rpartition('/')[2]}:{stack[-1].line}" == plain_place(line):
                self._arrive(stack[-1])

    def _arrive(self, entry: StackEntry) -> None:
        found = self._arrivals.setdefault((entry.file, entry.line), array("I"))
        if not found or found[-1] != self._moved_at:
            found.append(self._moved_at)


def plain_place(line: str) -> str:
    """Return `flow.py:22` for `flow.py@3f2a91bc:22`."""
    file, _, number = line.rpartition(":")
    return f"{plain_file(file)}:{number}"


def _first_new(before: Sequence[StackEntry], after: Sequence[StackEntry]) -> int:
    """Return the depth from which on a stack is another one."""
    for depth, entry in enumerate(after):
        if depth >= len(before) or entry.changed or place_of(before[depth]) != place_of(entry):
            return depth
    return len(after) if len(after) == len(before) else max(0, len(after) - 1)


def place_of(entry: StackEntry) -> tuple[str, int, str]:
    """Return where a function stands."""
    return plain_file(entry.file), entry.line, entry.function
