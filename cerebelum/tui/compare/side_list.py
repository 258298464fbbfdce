"""The events of one of two executions, on the lines of those that they belong to in the other."""

from __future__ import annotations

from typing import Literal

from cerebelum.engine.application.diff_words import KIND_MARKS
from cerebelum.engine.application.diffing import ExecutionDiff
from cerebelum.engine.domain.aligning import Pair
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.tui.lines import Line, LineView, Piece
from cerebelum.tui.marks import of_event
from cerebelum.tui.replay.event_index import EventIndex
from cerebelum.tui.themes import Ink

Side = Literal[0, 1]
_INKS: dict[str, Ink] = {"same": "dim", "changed": "changed", "only_first": "bad", "only_second": "good"}


class SideList(LineView):
    """Line N is pair N; empty where this side has no event there."""

    def __init__(self, side: Side) -> None:
        super().__init__(id=("first", "second")[side])
        self.side = side
        self.is_active = False
        self._found: ExecutionDiff | None = None
        self._index = EventIndex()
        self._digits = 4

    def show(self, found: ExecutionDiff) -> None:
        """Replace what is shown."""
        self._found, self._index = found, EventIndex()
        events = [event for pair in found.pairs if (event := self.event_of(pair)) is not None]
        for event in sorted(events, key=lambda event: event.version):  # pairs are in the order of the first
            self._index.append(event)
        self._digits = max(3, len(str(len(found.pairs))))
        self.resize_to(len(found.pairs))
        self.refresh()

    def on_resize(self) -> None:
        """Keep the mark on the screen."""
        self.show_line(self.cursor)

    def event_of(self, pair: Pair) -> RecordedEvent | None:
        """Return this side's event of a pair."""
        return pair.second if self.side else pair.first

    def line_at(self, index: int, width: int) -> Line:
        """Return a pair's line on this side."""
        assert self._found is not None, "there are no lines before"
        pair = self._found.pairs[index]
        is_here = index == self.cursor
        here = Piece(("▶" if self.is_active else "▷") if is_here else " ", "accent")
        mark = Piece("◆" if index == self._found.first_divergence else KIND_MARKS[pair.kind], _INKS[pair.kind])
        event = self.event_of(pair)
        if event is None:
            return [here, mark, Piece(f" {'·':>{self._digits}} ", "faint"), Piece("  no such event", "faint")]
        sign, ink = of_event(event.type)
        is_same = pair.kind == "same"
        rest = width - self._digits - 7 - self._index.type_cells
        return [
            here, mark,
            Piece(f" {event.version:>{self._digits}} ", "dim"),
            Piece(f"{sign} ", "dim" if is_same else ink),
            Piece(event.type, "dim" if is_same else "text", self._index.type_cells),
            Piece(" "),
            Piece(mask_text(self._index.summary(event.version)), "dim" if is_same else "text", max(0, rest)),
        ]  # fmt: skip
