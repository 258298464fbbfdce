"""A drawing as boxes and lines on a sheet of cells: laid out once, drawn as often as its states change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from cerebelum.engine.domain.drawing import Drawing, DrawnEdge, DrawnNode
from cerebelum.engine.domain.layout import LAYER_HEIGHT, Layout, Link, Point, lay_out
from cerebelum.engine.domain.renderers.text_grid import Grid, width_of
from cerebelum.engine.domain.terminal_text import visible

_BOX_HEIGHT = 3

Labels = Mapping[str, Sequence[str]]  # the lines in each node's box


def shortened(text: str, limit: int) -> str:
    """Return text that is at most `limit` cells wide and cannot act on a terminal."""
    shown = visible(text, keep_newlines=False)
    if width_of(shown) <= limit:
        return shown
    while width_of(shown) > limit - 1:
        shown = shown[:-1]
    return f"{shown}…"


class Box(NamedTuple):
    """Where a node lies, in cells from the upper left corner of the sheet."""

    left: int
    top: int
    width: int
    height: int


class Picture:
    """A drawing and where each of its boxes lies.

    Args:
        labels: the lines in each box, harmless already; a box is as wide as its widest one.
        limit: of the texts at edges, in cells.
    """

    def __init__(self, drawing: Drawing, labels: Labels, limit: int) -> None:
        self._drawing, self._labels, self._limit = drawing, labels, limit
        boxes = {name: max(map(width_of, lines)) + 4 for name, lines in labels.items()}
        boxes = {name: size + 1 - size % 2 for name, size in boxes.items()}  # odd: the middle is a cell
        self._boxes = boxes
        links = [Link(edge.source, edge.target) for edge in drawing.edges]
        self._layout: Layout = lay_out([node.id for node in drawing.nodes], links, widths=boxes, gap=3, bend_width=1)
        x_of = self._layout.positions
        left = min((x_of[name].x - boxes[name] // 2 for name in boxes), default=0)
        left = min([left, *(point.x for route in self._layout.routes for point in route)])
        self._left = left
        right = max((x_of[name].x + boxes[name] // 2 for name in boxes), default=0)
        right = max([right, *(point.x for route in self._layout.routes for point in route)])
        self._texts = [shortened(edge.text, limit) if edge.text else "" for edge in drawing.edges]
        longest = max(map(width_of, self._texts), default=0)
        self.width = right - left + 1 + (longest + 2 if longest else 0)

        self._tops, self._heights = self._rows()
        self.boxes = {
            name: Box(
                place.x - boxes[name] // 2 - left, self._tops[self._layer(name)], boxes[name], len(labels[name]) + 2
            )
            for name, place in self._layout.positions.items()
        }

    def text(self) -> str:
        """Return it as text."""
        return self.grid().text()

    def grid(self, drawing: Drawing | None = None, labels: Labels | None = None) -> Grid:
        """Return the sheet.

        Args:
            drawing: the same with other states, drawn in the same places.
            labels: of as many lines each as were laid out, none of them wider than its box has room for.
        """
        if drawing is not None and labels is not None:
            self._drawing, self._labels = drawing, labels
            self._texts = [shortened(edge.text, self._limit) if edge.text else "" for edge in drawing.edges]
        grid = Grid()
        for node in self._drawing.nodes:
            self._box(grid, node)
        self._edges(grid, self._tops, self._heights)
        return grid

    def _layer(self, name: str) -> int:
        return self._layout.positions[name].y // LAYER_HEIGHT

    def _rows(self) -> tuple[list[int], list[int]]:
        """Return the first row of each layer, and its height; between layers there is room for the edges' bends."""
        heights = [
            max((len(self._labels[name]) + 2 for name in row), default=_BOX_HEIGHT) for row in self._layout.layers
        ]
        self._channels = self._assign_channels(len(heights))
        tops, row = [], 0
        for number, height in enumerate(heights):
            tops.append(row)
            used = max((channel for gap, channel in self._channels.values() if gap == number), default=-1) + 1
            row += height + used + (3 if used else 2)
        return tops, heights

    def _segments(self) -> list[tuple[int, int, int, int, int]]:
        """Return (edge, part, gap, x above, x below): every stretch of an edge between two layers."""
        found = []
        for number, (edge, route, back) in enumerate(
            zip(self._drawing.edges, self._layout.routes, self._layout.back, strict=True)
        ):
            start, end = self._layout.positions[edge.source], self._layout.positions[edge.target]
            if back:  # out of the bottom into its lane, and from the lane into the top
                found.append((number, 0, start.y // LAYER_HEIGHT, start.x, route[0].x))
                found.append((number, 1, end.y // LAYER_HEIGHT - 1, route[1].x, end.x))
                continue
            for part, (upper, lower) in enumerate(pairwise((start, *route, end))):
                found.append((number, part, upper.y // LAYER_HEIGHT, upper.x, lower.x))
        return found

    def _assign_channels(self, layers: int) -> dict[tuple[int, int], tuple[int, int]]:
        """Give each bend a row of its gap, such that those of different nodes do not run into each other."""
        taken: list[list[list[tuple[int, int, int, int]]]] = [[] for _ in range(layers + 1)]
        channels: dict[tuple[int, int], tuple[int, int]] = {}
        for number, part, gap, above, below in self._segments():
            if above == below:
                continue
            low, high = min(above, below), max(above, below)
            rows = taken[gap]
            fitting = (
                number_of_row
                for number_of_row, spans in enumerate(rows)
                if all(above == a or below == b or high < first or last < low for first, last, a, b in spans)
            )
            row = next(fitting, len(rows))
            if row == len(rows):
                rows.append([])
            rows[row].append((low, high, above, below))
            channels[number, part] = (gap, row)
        return channels

    def _box(self, grid: Grid, node: DrawnNode) -> None:
        box, lines = self.boxes[node.id], self._labels[node.id]
        corners, across, down = FRAMES[frame_of(node)]
        grid.write(box.left, box.top, corners[0] + across * (box.width - 2) + corners[1])
        for row, line in enumerate(lines, start=1):
            free = box.width - 2 - width_of(line)
            grid.write(box.left, box.top + row, down + " " * (free // 2) + line + " " * (free - free // 2) + down)
        grid.write(box.left, box.top + len(lines) + 1, corners[2] + across * (box.width - 2) + corners[3])

    def _edges(self, grid: Grid, tops: Sequence[int], heights: Sequence[int]) -> None:
        ends: dict[int, Point] = {}
        for number, part, gap, above, below in self._segments():
            edge, back = self._drawing.edges[number], self._layout.back[number]
            weight = _weight(edge)
            x_above, x_below = above - self._left, below - self._left
            from_bend = part > 0 and not back
            start = tops[gap] if from_bend else tops[gap] + heights[gap]
            if not from_bend and not (back and part == 1):
                start = tops[gap] + len(self._labels[edge.source]) + 2
            finish = tops[gap + 1] - 1 if gap + 1 < len(tops) else tops[gap] + heights[gap] + 2
            turn = tops[gap] + heights[gap] + self._channels.get((number, part), (gap, 0))[1] + 1
            if back:
                self._back(grid, part, (x_above, x_below), (start, turn, finish), ends, number, weight)
                continue
            grid.down(x_above, start, turn, weight)
            grid.across(turn, x_above, x_below, weight)
            last = part == len(self._layout.routes[number])
            grid.down(x_below, turn, finish, weight)
            if last:
                grid.write(x_below, finish, "▼")
            if part == 0 and self._texts[number]:
                grid.label(x_below + 1, finish - 1, f" {self._texts[number]}")

    def _back(
        self, grid: Grid, part: int, x: tuple[int, int], y: tuple[int, int, int], ends: dict[int, Point], number: int,
        weight: str,
    ) -> None:  # fmt: skip
        (above, below), (start, turn, finish) = x, y
        if part == 0:
            grid.down(above, start, turn, weight)
            grid.across(turn, above, below, weight)
            ends[number] = Point(below, turn)
            return
        lane = ends[number]
        grid.down(lane.x, turn, lane.y, weight)
        grid.across(turn, lane.x, below, weight)
        grid.down(below, turn, finish, weight)
        grid.write(below, finish, "▼")


def _weight(edge: DrawnEdge) -> str:
    if edge.line != "solid":
        return "gone" if edge.count else "dashed"
    return "bold" if edge.critical else "taken" if edge.count else "solid"


FRAMES: Mapping[str, tuple[str, str, str]] = {
    "plain": ("┌┐└┘", "─", "│"),
    "round": ("╭╮╰╯", "─", "│"),
    "dashed": ("┌┐└┘", "┄", "┆"),
    "dotted": ("┌┐└┘", "┈", "┊"),
    "bold": ("┏┓┗┛", "━", "┃"),
    "double": ("╔╗╚╝", "═", "║"),
}


def frame_of(node: DrawnNode) -> str:
    """Return which frame a node has."""
    if node.dotted:
        return "dotted"
    if node.untaken or node.type == "compensation":
        return "dashed"
    if node.critical:
        return "bold"
    if node.type in ("start", "end", "sleep", "signal", "input", "continue"):
        return "round"
    return "double" if node.type in ("subflow", "map") else "plain"


_SIGNS = {
    "decision": "◇", "switch": "◇", "loop": "↻", "foreach": "↻", "sleep": "⏲", "signal": "⚑", "input": "✎",
    "subflow": "⧉", "catch": "⚠", "raise": "✗", "compensation": "↶", "dynamic": "?",
}  # fmt: skip


def label_of(node: DrawnNode, limit: int) -> str:
    """Return a node's sign and label, in `limit` cells at most."""
    sign = _SIGNS.get(node.type)
    return shortened(f"{sign} {node.label}" if sign else node.label, limit)
