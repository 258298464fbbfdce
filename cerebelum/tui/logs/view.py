"""The lines themselves: time, level, step, message; what is too long is reached by scrolling sideways."""

from __future__ import annotations

from collections.abc import Callable

from cerebelum.engine.domain.durations import utc
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.lines import Line, LineView, Piece
from cerebelum.tui.logs.book import LogBook
from cerebelum.tui.themes import Ink

_LEVELS: dict[str, tuple[str, Ink]] = {
    "debug": ("·", "faint"),
    "info": ("i", "busy"),
    "stdout": (" ", "dim"),
    "stderr": ("!", "wait"),
    "warning": ("▲", "wait"),
    "error": ("✗", "bad"),
    "critical": ("✗", "bad"),
}
_STEP_MOST, _STEP_LEAST = 24, 8
_ROOM_FOR_STEP = 100  # cells from which on a step's name may be long


def of_level(level: str) -> tuple[str, Ink]:
    """Return the sign and ink of a level."""
    return _LEVELS.get(level, ("?", "dim"))


def step_text(step: str, attempt: int) -> str:
    """Return a step with its attempt, where that is not the first."""
    return f"{step}#{attempt}" if attempt > 1 else step


class LogView(LineView):
    """Log lines, one a line.

    Args:
        missing: called when a line is drawn whose text is not there.
    """

    def __init__(self, book: LogBook, missing: Callable[[], None]) -> None:
        super().__init__(id="table")
        self.book, self._missing = book, missing
        self.aside = 0  # cells that messages are scrolled by
        self.marked: int | None = None  # the number of the line under the cursor: it stays, whatever comes before it

    @property
    def step_cells(self) -> int:
        """How wide the column of steps is."""
        longest = max((len(step) + 2 for step in self.book.steps[:1_000]), default=0)
        most = _STEP_MOST if self.size.width >= _ROOM_FOR_STEP else _STEP_MOST // 3 * 2
        return max(_STEP_LEAST, min(longest, most))

    def line_at(self, index: int, width: int) -> Line:  # noqa: ARG002 - what is too long is cut
        """Return a line, its time alone where its text is still to be read."""
        at = utc(self.book.at_us(index)).strftime("%H:%M:%S.%f")[:-3]
        is_marked = index == self.cursor
        mark = Piece("▌ " if is_marked else "  ", "accent")
        line = self.book.line(index)
        if line is None:
            self._missing()
            return [mark, Piece(f"{at}  …", "dim")]
        sign, ink = of_level(line.level)
        message = visible(line.message.replace("\n", " ⏎ "), keep_newlines=False)[self.aside :]
        loud: Ink = ink if ink in ("bad", "wait") else "strong" if is_marked else "text"
        return [
            mark, Piece(at, "dim"), Piece("  "), Piece(f"{sign} {line.level}", ink, 10), Piece(" "),
            Piece(step_text(line.step, line.attempt), "busy", self.step_cells), Piece("  "), Piece(message, loud),
        ]  # fmt: skip
