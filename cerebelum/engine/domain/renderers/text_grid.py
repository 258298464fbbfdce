"""A sheet of character cells: lines that meet become the right corner or crossing."""

from __future__ import annotations

import unicodedata

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_JOINTS = {
    _UP: "│", _DOWN: "│", _UP | _DOWN: "│", _LEFT: "─", _RIGHT: "─", _LEFT | _RIGHT: "─",
    _DOWN | _RIGHT: "┌", _DOWN | _LEFT: "┐", _UP | _RIGHT: "└", _UP | _LEFT: "┘",
    _UP | _DOWN | _RIGHT: "├", _UP | _DOWN | _LEFT: "┤", _DOWN | _LEFT | _RIGHT: "┬", _UP | _LEFT | _RIGHT: "┴",
    _UP | _DOWN | _LEFT | _RIGHT: "┼",
}  # fmt: skip
_RANK = ("dashed", "gone", "solid", "taken", "bold")  # of lines that share a cell the last of these is seen
_DASHES = str.maketrans("│─", "┆┄")
_WEIGHTS = {"dashed": _DASHES, "gone": _DASHES, "bold": str.maketrans("│─┌┐└┘├┤┬┴┼", "┃━┏┓┗┛┣┫┳┻╋")}


def width_of(text: str) -> int:
    """Return how many cells text takes on a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(bool(unicodedata.combining(character)) for character in text)


class Grid:
    """Cells by (x, y). Text lies above lines, and labels give way to both."""

    def __init__(self) -> None:
        self._text: dict[tuple[int, int], str] = {}
        self._lines: dict[tuple[int, int], int] = {}
        self._weights: dict[tuple[int, int], str] = {}
        self._labels: list[tuple[int, int, str]] = []

    def write(self, x: int, y: int, text: str) -> None:
        """Put text with its first cell at (x, y); a wide character takes two cells, a combining one none."""
        for character in text:
            size = width_of(character)
            if size == 0:
                before = (x - 1, y)
                self._text[before] = self._text.get(before, " ") + character
                continue
            self._text[x, y] = character
            if size == 2:
                self._text[x + 1, y] = ""
            x += size

    def down(self, x: int, first: int, last: int, weight: str) -> None:
        """Draw a line from (x, first) down to (x, last)."""
        first, last = min(first, last), max(first, last)
        for y in range(first, last + 1):
            self._line(x, y, (_UP if y > first else 0) | (_DOWN if y < last else 0), weight)

    def across(self, y: int, first: int, last: int, weight: str) -> None:
        """Draw a line from (first, y) to (last, y)."""
        first, last = min(first, last), max(first, last)
        for x in range(first, last + 1):
            self._line(x, y, (_LEFT if x > first else 0) | (_RIGHT if x < last else 0), weight)

    def _line(self, x: int, y: int, directions: int, weight: str) -> None:
        if not directions:
            return
        known = (x, y) in self._lines
        self._lines[x, y] = self._lines.get((x, y), 0) | directions
        if not known or self._weights[x, y] != weight:
            self._weights[x, y] = weight if not known else max(weight, self._weights[x, y], key=_RANK.index)

    def label(self, x: int, y: int, text: str) -> None:
        """Put a label at (x, y), or as near above or right of it as there is room."""
        self._labels.append((x, y, text))

    def weight(self, x: int, y: int) -> str:
        """Return how the line in a cell is drawn: dashed, gone (dashed, taken), solid, taken, bold; "" where there is none."""
        return self._weights.get((x, y), "")

    def rows(self) -> list[dict[int, str]]:
        """Return each row's cells by x; the second cell of a wide character is "", those without anything are left out."""
        cells = {
            place: _JOINTS[directions].translate(_WEIGHTS.get(self._weights[place], {}))
            for place, directions in self._lines.items()
        }
        cells.update(self._text)
        for x, y, text in self._labels:
            _put(cells, x, y, text)
        rows: dict[int, dict[int, str]] = {}
        for (x, y), character in cells.items():
            rows.setdefault(y, {})[x] = character
        return [rows.get(y, {}) for y in range(max(rows, default=-1) + 1)]

    def text(self) -> str:
        """Return the sheet as text; no line ends in spaces."""
        lines = ["".join(row.get(x, " ") for x in range(max(row, default=-1) + 1)).rstrip() for row in self.rows()]
        return "\n".join(lines) + "\n"


def _put(cells: dict[tuple[int, int], str], x: int, y: int, text: str) -> None:
    size = width_of(text)
    for row in (y, y - 1):
        if not any((x + step, row) in cells for step in range(size + 1)):
            y = row
            break
    else:
        room = 0
        while (x + room, y) not in cells and room < size:
            room += 1
        text = text[: max(room - 1, 0)] + "…" if room > 1 else ""
    for character in text:
        cells[x, y] = character
        if width_of(character) == 2:
            cells[x + 1, y] = ""
        x += max(width_of(character), 1)
