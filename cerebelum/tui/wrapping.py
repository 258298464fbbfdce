"""Long text on several lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.lines import Line, Piece
from cerebelum.tui.themes import Ink

_LINES_MOST = 500


def wrapped(text: str, width: int, ink: Ink = "text") -> list[Line]:
    """Return text as lines of at most `width` cells, broken at spaces where there are any; 500 lines at most."""
    lines: list[Line] = []
    for part in visible(text).split("\n"):
        for line in _broken(part, max(8, width)):
            if len(lines) >= _LINES_MOST:
                lines.append([Piece("…", "dim")])
                return lines
            lines.append([Piece(line, ink)])
    return lines


def _broken(line: str, width: int) -> Iterator[str]:
    if cell_len(line) <= width:
        yield line
    elif line.isascii():
        yield from textwrap.wrap(line, width, drop_whitespace=False, replace_whitespace=False) or [""]
    else:  # signs of two cells
        yield from chop_cells(line, width)
