"""A table of lines: columns as wide as what stands in them, those that matter least left out where it is narrow."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from msgspec import Struct
from rich.cells import cell_len

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.lines import Line, LineView, Piece
from cerebelum.tui.themes import Ink

_GAP = 2
_MARK = 2
_MEASURED = 200  # lines around the screen that the widths follow
_LEAST_CELLS = 8  # of a column that gives way


class Column(Struct, frozen=True):
    """One column.

    Attributes:
        most: cells that it takes at most, 0: no limit.
        rank: the lowest goes first where it is narrow; 0: it never goes.
        takes_rest: it gets the cells that are left, and gives way before all others.
    """

    name: str
    most: int = 0
    rank: int = 0
    takes_rest: bool = False


class Row(Struct, frozen=True):
    """One line: what it is known by, and a text for each column."""

    key: Hashable
    cells: Sequence[tuple[str, Ink]]


class TableView(LineView):
    """Rows that are all there."""

    def __init__(self, columns: Sequence[Column], *, id: str = "table") -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.columns, self.rows = columns, list[Row]()
        self.widths: dict[int, int] = {}  # column -> cells, of those that are shown

    @property
    def selected(self) -> Hashable | None:
        """The key of the line under the cursor."""
        return self.rows[self.cursor].key if 0 <= self.cursor < len(self.rows) else None

    def show_rows(self, rows: Iterable[Row]) -> None:
        """Take other rows; the cursor stays on the key it was on, or near where it was."""
        selected, self.rows = self.selected, list(rows)
        at = next((index for index, row in enumerate(self.rows) if row.key == selected), None)
        self.cursor = at if at is not None else max(0, min(self.cursor, len(self.rows) - 1))
        self.resize_to(len(self.rows))
        self.lay_out()
        self.show_line(self.cursor)

    def lay_out(self, width: int | None = None) -> None:
        """Choose the columns for what can be seen, in the cells of the table or in `width`."""
        top = max(0, round(self.scroll_offset.y) - _MEASURED // 4)
        near = self.rows[top : top + _MEASURED]
        room = (self.scrollable_content_region.width if width is None else width) - _MARK
        widths = {index: self._natural(index, near) for index in range(len(self.columns))}
        for index in sorted((i for i in widths if self.columns[i].rank), key=lambda i: self.columns[i].rank):
            if self._total(widths, least=True) > room:
                del widths[index]
        spare = room - self._total(widths)
        for index, cells in widths.items():
            if self.columns[index].takes_rest:
                widths[index] = max(_LEAST_CELLS, cells + spare)
        self.widths = widths
        self.refresh()

    def _natural(self, index: int, rows: Sequence[Row]) -> int:
        column = self.columns[index]
        longest = max((cell_len(visible(row.cells[index][0], keep_newlines=False)) for row in rows), default=0)
        return max(len(column.name), min(longest, column.most) if column.most else longest)

    def _total(self, widths: dict[int, int], *, least: bool = False) -> int:
        return sum(
            (min(width, 2 * _LEAST_CELLS) if least and self.columns[index].takes_rest else width) + _GAP
            for index, width in widths.items()
        )

    def heading(self) -> str:
        """Return the line above."""
        return " " * _MARK + "".join(f"{self.columns[index].name:<{width}}  " for index, width in self.widths.items())

    def line_at(self, index: int, width: int) -> Line:  # noqa: ARG002 - the columns know it
        """Return a row's line."""
        row, is_marked = self.rows[index], index == self.cursor
        pieces = [Piece("▌ " if is_marked else "  ", "accent")]
        for column, cells in self.widths.items():
            text, ink = row.cells[column]
            pieces += [Piece(text, ink, cells), Piece("  ")]
        return pieces
