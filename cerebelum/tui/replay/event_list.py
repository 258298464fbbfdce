"""The events as lines; what lies in the future of the cursor is dim. Line 0 stands before the first event."""

from __future__ import annotations

from cerebelum.engine.domain.words import duration
from cerebelum.tui.lines import Line, LineView, Piece
from cerebelum.tui.marks import of_event
from cerebelum.tui.replay.past import Past


class EventList(LineView):
    """Line N is event N."""

    def __init__(self, past: Past) -> None:
        super().__init__(id="events")
        self._past = past
        self.cursor = 0

    def move_to(self, index: int, *, centre: bool = False) -> None:
        """Put the mark on an event: what lies between there and where it was becomes past, or future."""
        before, self.cursor = self.cursor, max(-1, min(index, self.count - 1))
        first, last = sorted((before, self.cursor))
        self.refresh_lines(first, last - first + 1)
        self.show_line(self.cursor, centre=centre)

    def line_at(self, index: int, width: int) -> Line:
        """Return an event's line."""
        here = Piece("▶" if index == self.cursor else " ", "accent")
        digits = max(4, len(str(self.count)))
        if index == 0:
            return [here, Piece(f"{0:>{digits}} "), Piece("○ before the first event", "dim")]
        recorded = self._past.index.events[index - 1]
        sign, ink = of_event(recorded.type)
        is_future = index > self.cursor
        after = f"{duration(self._past.index.after_us(index)):>7} "
        rest = width - digits - 5 - self._past.index.type_cells - len(after)
        return [
            here,
            Piece(f"{index:>{digits}} ", "faint" if is_future else "dim"),
            Piece(f"{sign} ", "faint" if is_future else ink),
            Piece(recorded.type, "faint" if is_future else "text", self._past.index.type_cells),
            Piece(after, "faint" if is_future else "dim"),
            Piece(" "),
            Piece(
                self._past.index.summary(index),
                "faint" if is_future else "bad" if ink == "bad" else "text",
                max(0, rest),
            ),
        ]
