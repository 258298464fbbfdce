"""The chart: a line for each step, timer, wait, input and child, drawn when it is looked at."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import groupby

from textual import events
from textual.message import Message

from cerebelum.engine.domain.spans import Span, Stretch
from cerebelum.tui.lines import Line, LineView, Piece
from cerebelum.tui.marks import of_status
from cerebelum.tui.themes import Ink
from cerebelum.tui.timeline.axis import FOLD_CELLS, Axis, fold_text, short_text

MARK_CELLS, TOOK_CELLS = 1, 7
_NAME_CELLS = (12, 30)  # least and most
_HERE, _MARK = "│", "▌"
_BARS: dict[str, tuple[str, Ink]] = {
    "queue": ("░", "dim"),
    "run": ("█", "good"),
    "retry": ("╌", "wait"),
    "wait": ("░", "wait"),
}
_ENDS: dict[str, tuple[str, Ink]] = {"failed": ("✗", "bad"), "cancelled": ("⊘", "dim")}

Cells = tuple[list[str], list[Ink]]


class Chart(LineView):
    """The lines of a timeline.

    Attributes:
        spans: what the lines are of.
        axis: of the time; None while nothing is known.
        left: the cell of the axis that stands leftmost.
        here_us: where one stands in time.
        now_us: until when the open ones have lasted.
    """

    class Went(Message):
        """An instant on a line was clicked."""

        def __init__(self, index: int, at_us: int) -> None:
            self.index, self.at_us = index, at_us
            super().__init__()

    def __init__(self, spans: Sequence[Span]) -> None:
        super().__init__(id="chart")
        self.spans = spans
        self.axis: Axis | None = None
        self.left, self.here_us, self.now_us = 0, 0, 0
        self.longest_name = 0  # cells, of those that were asked for so far

    @property
    def name_cells(self) -> int:
        """How many cells a name has."""
        least, most = _NAME_CELLS
        width = self.scrollable_content_region.width
        return max(min(least, width // 3), min(self.longest_name, most, width // 4))

    @property
    def plot_start(self) -> int:
        """The cell of the screen at which the chart begins: after mark, sign, name and duration."""
        return MARK_CELLS + 2 + self.name_cells + 1 + TOOK_CELLS + 1

    @property
    def plot_cells(self) -> int:
        """How many cells it has."""
        return max(1, self.scrollable_content_region.width - self.plot_start)

    @property
    def here_cell(self) -> int:
        """Where one stands, in cells from the left of the chart; outside of it where it cannot be seen."""
        return self.axis.cell(self.here_us) - self.left if self.axis is not None else -1

    def line_at(self, index: int, width: int) -> Line:  # noqa: ARG002 - the chart fills it
        """Return the line of a span."""
        span = self.spans[index].as_of(self.now_us)
        sign, ink = of_status(span.status)
        took_us = max(0, (self.now_us if span.ended_us is None else span.ended_us) - span.started_us)
        return [
            Piece(_MARK if index == self.cursor else " ", "accent"),
            Piece(f"{sign} ", ink),
            Piece(name_of(span), "text" if span.kind == "step" else "dim", self.name_cells),
            Piece(f" {short_text(took_us):>{TOOK_CELLS}} ", "dim"),
            *self._pieces(span),
        ]

    def _pieces(self, span: Span) -> list[Piece]:
        signs, inks = self._draw(span)
        here = self.here_cell
        if 0 <= here < len(signs):
            signs[here] = _HERE if signs[here] == " " else signs[here]
            inks[here] = "accent"
        at, pieces = 0, []
        for ink, group in groupby(inks):
            count = len(list(group))
            pieces.append(Piece("".join(signs[at : at + count]), ink))
            at += count
        return pieces

    def _draw(self, span: Span) -> Cells:
        """Return the cells of a line. Stretches that share a cell are taken together: it costs cells, not stretches."""
        width, axis = self.plot_cells, self.axis
        signs, inks = [" "] * width, ["text"] * width
        cells: Cells = (signs, inks)  # type: ignore[assignment]
        if axis is None:
            return cells
        stretches = span.stretches
        from_us, to_us = axis.instant_us(self.left), axis.instant_us(self.left + width)
        at, first = max(0, bisect_right(stretches, from_us, key=_start) - 1), 0
        while at < len(stretches) and stretches[at].started_us <= to_us:
            last = self._paint(cells, stretches[at], first)
            following = bisect_left(stretches, axis.instant_us(last + self.left + 1), lo=at + 1, key=_start)
            hidden = stretches[at:following]  # all that began in the same cells
            if any(each.outcome == "failed" for each in hidden[-_LOOKED_AT:-1]):
                _put(cells, last, *_ENDS["failed"])
                first = last + 1
            else:
                first = last if stretches[at].kind == "queue" else last + 1
            # the last of them may go on behind this cell
            at = following - 1 if following - 1 > at else following
        return cells

    def _paint(self, cells: Cells, stretch: Stretch, first: int) -> int:
        """Draw a stretch; return its last cell, which may lie outside."""
        assert self.axis is not None
        ended_us = self.now_us if stretch.ended_us is None else stretch.ended_us
        begin = self.axis.cell(stretch.started_us) - self.left
        last = self.axis.cell(max(ended_us, stretch.started_us)) - self.left
        if last > begin and stretch.ended_us is not None:
            last -= 1  # the cell it ends in belongs to what follows
        sign, ink = _BARS[stretch.kind]
        if stretch.kind == "run" and (stretch.outcome != "completed"):
            ink = {"failed": "bad", "cancelled": "dim", "": "busy"}[stretch.outcome]  # type: ignore[assignment]
        width = len(cells[0])
        for cell in range(max(begin, first, 0), min(last + 1, width)):
            cells[0][cell], cells[1][cell] = sign, ink
        self._fold(cells, max(begin, first), last, sign)
        if stretch.outcome in _ENDS:
            _put(cells, last, *_ENDS[stretch.outcome])
        elif stretch.ended_us is None:
            _put(cells, last, *of_status("running" if stretch.kind == "run" else "waiting"))
        return last

    def _fold(self, cells: Cells, begin: int, last: int, sign: str) -> None:
        """Say how long a folded time was, where a stretch goes through it."""
        assert self.axis is not None
        folds = self.axis.folds
        at = bisect_left(folds, begin + self.left - FOLD_CELLS, key=lambda fold: fold.cell)
        for fold in folds[at:]:
            start = fold.cell - self.left
            if start > last or start >= len(cells[0]):
                break
            if start < begin or start + FOLD_CELLS - 1 > last + 1:
                continue
            for cell, letter in enumerate(fold_text(fold.to_us - fold.from_us, around=sign), start):
                if letter != sign:
                    _put(cells, cell, letter, "dim")

    def on_click(self, event: events.Click) -> None:
        """Say which line and instant were meant."""
        event.prevent_default()  # the lines' own answer would go to the line's beginning
        index = event.y + round(self.scroll_offset.y)
        if 0 <= index < self.count:
            cell = event.x - self.plot_start
            if self.axis is None or cell < 0:
                self.post_message(self.Chosen(self, index))
            else:
                self.post_message(self.Went(index, self.axis.instant_us(self.left + cell + 1) - 1))


_LOOKED_AT = 500  # of the stretches that share one cell: whether one of them failed


def _start(stretch: Stretch) -> int:
    return stretch.started_us


def _put(cells: Cells, cell: int, sign: str, ink: Ink) -> None:
    if 0 <= cell < len(cells[0]):
        cells[0][cell], cells[1][cell] = sign, ink


def name_of(span: Span) -> str:
    """Return what a line is called; not yet made harmless."""
    if span.kind == "step":
        attempt = f" \N{MULTIPLICATION SIGN}{span.attempt}" if span.attempt > 1 else ""
        again = f" #{span.iteration + 1}" if span.iteration and not span.place else ""
        return f"{span.place or span.name}{again}{attempt}"
    return f"{span.kind} {span.name}".strip()
