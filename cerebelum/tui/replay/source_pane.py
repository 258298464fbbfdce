"""The code as it ran, highlighted, with the line on which it stood. Every task that stands in this file has its mark.

A second mark can be moved over the lines, for what is done with one of them: a breakpoint, the editor.
"""

from __future__ import annotations

from collections.abc import Collection

from rich.console import Console
from rich.style import Style
from rich.syntax import Syntax

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.lines import Line, LineView, Piece
from cerebelum.tui.themes import COLOURS, DARK

_HIGHLIGHT_CHARS = 400_000  # a longer file is shown plain
_TAB = 4
BREAKPOINT = "●"
_CONSOLE = Console(color_system="truecolor")  # resolves styles; nothing is printed on it


class SourcePane(LineView):
    """One file."""

    def __init__(self) -> None:
        super().__init__(id="source")
        self.file = ""
        self._key = ("", "")
        self._given: list[str] | None = None  # the same list is the same text
        self._lines: list[list[tuple[str, Style | None]]] = []
        self._others: Collection[int] = ()
        self._breaks: Collection[int] = ()
        self._here = -1  # index of the line on which code stands
        self._shown_at: tuple[str, int, int] = ("", 0, 0)

    def show(self, file: str, lines: list[str], line: int, others: Collection[int], *, at: int) -> None:
        """Show a file with `line` (from 1) marked, and `others`, on which other tasks stand, at the event `at`.

        The mark that was moved stays where it is until another event, or another place, is shown.
        """
        key = (file, self.app.theme)
        if key != self._key or lines is not self._given:
            self._key, self._given, self.file = key, lines, file
            self._lines = _highlighted("\n".join(lines), self.app.theme)
            self.resize_to(len(self._lines))
        self._others, self._here = others, line - 1
        if self._shown_at != (file, line, at):
            self._shown_at = (file, line, at)
            self.cursor = -2
            self.move_to(line - 1, centre=not self._is_well_inside(line - 1))
        self.refresh()

    def show_breaks(self, lines: Collection[int]) -> None:
        """Mark the lines (from 1) of the file shown that have breakpoints."""
        self._breaks = lines
        self.refresh()

    @property
    def marked(self) -> int:
        """The line (from 1) that the moved mark is on; 0 where nothing is shown."""
        return self.cursor + 1 if self.count else self._here + 1

    def walk(self, by: int) -> None:
        """Move the mark."""
        self.mark(max(0, min(self.cursor + by, self.count - 1)))

    def mark(self, index: int) -> None:
        """Put the mark on a line."""
        if self.count:
            self.move_to(index)

    def _is_well_inside(self, index: int) -> bool:
        top, height = round(self.scroll_offset.y), self.size.height
        return top + 1 <= index < top + height - 1

    def on_resize(self) -> None:
        """Keep the line in the middle."""
        self.show_line(self.cursor, centre=True)

    def clear(self) -> None:
        """Show nothing."""
        self._key, self._given, self.file, self._lines = ("", ""), None, "", []
        self._here, self._shown_at = -1, ("", 0, 0)
        self.resize_to(0)

    def line_at(self, index: int, width: int) -> Line:  # noqa: ARG002 - a line of code is as long as it is
        """Return a line of the file."""
        stood = "▶" if index == self._here else "▷" if index + 1 in self._others else " "
        mark = ">" if stood == " " and index == self.cursor else stood
        number = f"{index + 1:>{len(str(self.count))}}"
        has_break = index + 1 in self._breaks
        code = [Piece(text, "text", None, look) for text, look in self._lines[index]]
        return [
            Piece(mark, "accent"),
            Piece(number, "strong" if index in (self._here, self.cursor) else "faint"),
            Piece(f"{BREAKPOINT} " if has_break else "  ", "bad"),
            *code,
        ]


def _highlighted(text: str, theme: str) -> list[list[tuple[str, Style | None]]]:
    """Return the lines of harmless text as (text, look) parts."""
    safe = visible(text).expandtabs(_TAB)
    if len(safe) > _HIGHLIGHT_CHARS:
        return [[(line, None)] for line in safe.split("\n")]
    syntax = Syntax(safe, "python", theme=COLOURS.get(theme, DARK).code, background_color="default")
    lines = syntax.highlight(safe).split("\n", allow_blank=True)
    return [[(part.text, _without_ground(part.style)) for part in line.render(_CONSOLE)] for line in lines]


def _without_ground(look: Style | None) -> Style | None:
    return None if look is None else Style(color=look.color, bold=look.bold, italic=look.italic)
