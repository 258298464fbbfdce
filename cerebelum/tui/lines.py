"""Lines by the million: a scrolling view that is asked for the text of the lines on the screen, and of no others.

What is written by a user's data becomes harmless here and nowhere else: a line is made of pieces, and each piece
passes `visible`. A widget that subclasses this one can forget neither.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.themes import Ink, style

if TYPE_CHECKING:
    from cerebelum.tui.app import CerebelumApp


class Piece(Struct, frozen=True):
    """Text of one look within a line. `width` cuts or fills it to so many cells; None leaves it as it is."""

    text: str
    ink: Ink = "text"
    width: int | None = None
    look: Style | None = None  # over the ink: of highlighted source


Line = Sequence[Piece]
_WRAP_LEAST = 20  # cells: narrower than that nothing can be read


def fit(text: str, width: int) -> str:
    """Return harmless text of exactly `width` cells; what is cut off is marked by `…`."""
    safe = visible(text, keep_newlines=False)
    if cell_len(safe) <= width:
        return set_cell_size(safe, width)
    return f"{set_cell_size(safe, width - 1)}…" if width > 0 else ""


def wrapped(line: Line, width: int) -> list[Line]:
    """Return a line as several whose last piece is broken between words, below where that piece begins."""
    if not line:
        return [line]
    *before, last = line
    indent = sum(cell_len(visible(piece.text, keep_newlines=False)) for piece in before)
    text = visible(last.text, keep_newlines=False)
    parts = textwrap.wrap(text, max(_WRAP_LEAST, width - indent), drop_whitespace=True) or [""]
    rest: list[Line] = [[Piece(" " * indent), Piece(part, last.ink)] for part in parts[1:]]
    return [[*before, Piece(parts[0], last.ink)], *rest]


class LineView(ScrollView, can_focus=False):
    """Shows `count` lines, of which `line_at` gives each when it is looked at. `cursor` -1: no line is marked."""

    DEFAULT_CSS = """
    LineView { height: 1fr; width: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    class Chosen(Message):
        """A line was clicked."""

        def __init__(self, view: LineView, index: int) -> None:
            self.view, self.index = view, index
            super().__init__()

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.count, self.cursor = 0, -1
        self._base: Style | None = None  # while lines are drawn: it is the same for all of them, and dear

    @property
    def inks(self) -> str:
        """The name of the theme that lines are written in."""
        return self.app.theme

    @property
    def cerebelum(self) -> CerebelumApp:
        from cerebelum.tui.app import CerebelumApp

        app = self.app
        assert isinstance(app, CerebelumApp)
        return app

    def line_at(self, index: int, width: int) -> Line:
        """Return the pieces of a line, for `width` cells."""
        raise NotImplementedError

    def resize_to(self, count: int) -> None:
        """Take another number of lines."""
        self.count = count
        self.cursor = min(self.cursor, count - 1)
        self.virtual_size = Size(0, count)
        self.refresh()

    def move_to(self, index: int, *, centre: bool = False) -> None:
        """Put the cursor on a line, and the line on the screen."""
        before, self.cursor = self.cursor, max(-1, min(index, self.count - 1))
        if before != self.cursor:
            self.refresh()
        self.show_line(self.cursor, centre=centre)

    def show_line(self, index: int, *, centre: bool = False) -> None:
        """Scroll until a line can be seen."""
        height, top = self.size.height, round(self.scroll_offset.y)
        if height <= 0 or index < 0 or (top <= index < top + height and not centre):
            return
        goal = index - height // 2 if centre else (index if index < top else index - height + 1)
        self.scroll_to(y=max(0, min(goal, max(0, self.count - height))), animate=False, force=True)

    @property
    def page(self) -> int:
        """How far `page down` goes."""
        return max(1, self.size.height - 1)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return some lines of the screen."""
        self._base = self.rich_style
        try:
            return super().render_lines(crop)
        finally:
            self._base = None

    def render_line(self, y: int) -> Strip:
        """Return one line of the screen."""
        index, width = y + round(self.scroll_offset.y), self.scrollable_content_region.width  # beside the bar
        base = self._base or self.rich_style
        if index >= self.count:
            return Strip.blank(width, base)
        over = style(self.inks, "cursor") if index == self.cursor else None
        return Strip(list(self._segments(self.line_at(index, width), base, over))).adjust_cell_length(
            width, base + over if over else base
        )

    def _segments(self, line: Line, base: Style, over: Style | None) -> Iterable[Segment]:
        for piece in line:
            text = visible(piece.text, keep_newlines=False) if piece.width is None else fit(piece.text, piece.width)
            ink = base + style(self.inks, piece.ink)
            if piece.look is not None:
                ink += piece.look
            yield Segment(text, ink + over if over is not None else ink)

    def on_click(self, event: events.Click) -> None:
        """Say which line was meant."""
        inside = event.get_content_offset(self)  # without the border
        index = -1 if inside is None else inside.y + round(self.scroll_offset.y)
        if 0 <= index < self.count:
            self.post_message(self.Chosen(self, index))


class TextPane(LineView):
    """Lines that are all there, to look at."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.lines: Sequence[Line] = ()

    def line_at(self, index: int, width: int) -> Line:  # noqa: ARG002 - as long as they are
        """Return one of the lines."""
        return self.lines[index]

    def show(self, lines: Sequence[Line], *, top: int | None = 0) -> None:
        """Replace what is shown; `top` None: stay where it was scrolled to."""
        self.lines = lines
        self.resize_to(len(lines))
        if top is not None:
            self.scroll_to(y=top, animate=False, force=True)

    @property
    def text(self) -> str:
        """All of it, as it would be copied."""
        return "\n".join("".join(piece.text for piece in line).rstrip() for line in self.lines)
