"""The whole history in one line: where one stands, and where something failed."""

from __future__ import annotations

from itertools import groupby

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from cerebelum.tui.replay.past import Past
from cerebelum.tui.themes import Ink, style

_FAILED, _HERE = "\N{BOX DRAWINGS LIGHT DIAGONAL CROSS}", "●"


def _ink(sign: str, is_past: bool) -> Ink:
    return "accent" if sign == _HERE else "bad" if sign == _FAILED else "dim" if is_past else "faint"


class HistoryStrip(Widget):
    """One cell for each event, or for some. A click goes there."""

    DEFAULT_CSS = "HistoryStrip { height: 1; padding: 0 1; }"

    class Went(Message):
        """A place on the strip was clicked."""

        def __init__(self, version: int) -> None:
            self.version = version
            super().__init__()

    def __init__(self, past: Past) -> None:
        super().__init__(id="strip")
        self._past = past
        self.at = 0
        self._failed: tuple[tuple[int, int, int], list[str]] = ((0, 0, 0), [])

    def show(self, at: int) -> None:
        """Put the mark at an event."""
        self.at = at
        self.refresh()

    def cells(self) -> str:
        """Return the line, without its looks."""
        width, count = self.size.width, max(1, len(self._past.index))
        line = self._line(width, count).copy()
        if width:
            line[self._cell(self.at, width, count)] = _HERE
        return "".join(line)

    def _line(self, width: int, count: int) -> list[str]:
        """Return the cells without the mark; they change with the history and the window only."""
        failures = self._past.index.failures
        key = (width, count, len(failures))
        if self._failed[0] != key:
            line = ["─"] * width
            for version in failures if width else ():
                line[self._cell(version, width, count)] = _FAILED
            self._failed = (key, line)
        return self._failed[1]

    @staticmethod
    def _version(cell: int, width: int, count: int) -> int:
        return 1 if width <= 1 else 1 + round(cell * (count - 1) / (width - 1))

    @staticmethod
    def _cell(version: int, width: int, count: int) -> int:
        return 0 if version <= 1 or count == 1 else min(width - 1, (version - 1) * (width - 1) // (count - 1))

    def render(self) -> Text:
        """Return it: the past bright, the future faint."""
        theme, cells = self.app.theme, self.cells()
        here = cells.find(_HERE)
        text = Text(no_wrap=True)
        for ink, run in groupby(enumerate(cells), key=lambda cell: _ink(cell[1], cell[0] < here)):
            text.append("".join(sign for _, sign in run), style=style(theme, ink))
        return text

    def on_click(self, event: events.Click) -> None:
        """Go to the event under the mouse."""
        width, cell = self.size.width, event.x - 1
        if width and 0 <= cell < width:
            self.post_message(self.Went(self._version(cell, width, max(1, len(self._past.index)))))
