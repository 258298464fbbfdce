"""The drawing on the screen: boxes and lines that scroll in both directions, one box marked."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from cerebelum.engine.domain.drawing import CONTROL_TYPES, Drawing, DrawnNode, ExecutionMark, took
from cerebelum.engine.domain.renderers.box_picture import Box, Picture, label_of, shortened
from cerebelum.engine.domain.renderers.text_grid import Grid, width_of
from cerebelum.tui.lines import Line, LineView, Piece
from cerebelum.tui.marks import of_status
from cerebelum.tui.themes import Ink

_LABEL_LIMITS = (28, 20)
_NOTES_CELLS = 12  # kept free in a box for what an execution does there, so that nothing moves when it does
_EDGE_INKS: Mapping[str, Ink] = {"dashed": "faint", "gone": "text", "solid": "dim", "taken": "text", "bold": "strong"}
_MARGIN = 2  # cells around a box that is scrolled to


class Canvas(LineView):
    """A drawing. `marked` is the id of the node that the mark is on."""

    DEFAULT_CSS = "Canvas { overflow-x: auto; overflow-y: auto; scrollbar-size: 1 1; }"

    class NodeChosen(Message):
        """A box was clicked."""

        def __init__(self, node_id: str) -> None:
            self.node_id = node_id
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="canvas")
        self.marked = ""
        self.drawing: Drawing | None = None
        self.inset = 0  # cells left of a drawing that is narrower than the screen
        self.problem: list[Line] = []  # shown in place of a drawing
        self._plain: Drawing | None = None
        self._picture: Picture | None = None
        self._way = (0, False)  # in which it was laid out: width of the screen, one line a box
        self._limit = _LABEL_LIMITS[0]  # of the labels then
        self._rows: list[dict[int, str]] = []
        self._grid = Grid()
        self._owner: list[list[DrawnNode]] = []  # the nodes whose boxes each row crosses

    # -- what is shown ------------------------------------------------------------------------------------------------
    def show_problem(self, lines: list[Line]) -> None:
        """Say why there is nothing to draw."""
        self.problem, self.drawing, self._picture, self._plain = lines, None, None, None
        self.count = len(lines)
        self.virtual_size = Size(0, len(lines))
        self.refresh()

    def show(self, plain: Drawing, drawn: Drawing) -> None:
        """Show a drawing; `plain` is the same without states, by which it is laid out."""
        self.problem = []
        picture = self._lay_out(plain)
        self.drawing = drawn
        is_short = self._way[1]
        labels = {node.id: _lines(node, self._limit, is_short=is_short) for node in drawn.nodes}
        self._grid = picture.grid(drawn, labels)
        self._rows = self._grid.rows()
        self._owner = [[] for _ in self._rows]
        for node in drawn.nodes:
            box = picture.boxes[node.id]
            for row in range(box.top, min(box.top + box.height, len(self._rows))):
                self._owner[row].append(node)
        self.count = len(self._rows)
        width = max((max(row, default=0) for row in self._rows), default=0) + 1
        self.inset = max(0, (self._way[0] - width) // 2)
        self.virtual_size = Size(width, self.count)
        self.refresh()

    def _lay_out(self, plain: Drawing) -> Picture:
        """Return where everything lies, anew only for another drawing or another size."""
        way = (self.scrollable_content_region.width, self.size.height < _SHORT)
        if self._picture is not None and self._plain is plain and self._way == way:
            return self._picture
        width, is_short = way
        wide, narrow = (_picture(plain, limit, is_short=is_short) for limit in _LABEL_LIMITS)
        is_wide = wide.width <= width or wide.width == narrow.width
        self._picture, self._limit = (wide, _LABEL_LIMITS[0]) if is_wide else (narrow, _LABEL_LIMITS[1])
        self._plain, self._way = plain, way
        return self._picture

    @property
    def boxes(self) -> Mapping[str, Box]:
        """Where each node lies."""
        return self._picture.boxes if self._picture is not None else {}

    def mark(self, node_id: str) -> None:
        """Put the mark on a node, and the node on the screen."""
        self.marked = node_id
        self.show_marked()
        self.refresh()

    def show_marked(self) -> None:
        """Scroll until the marked node can be seen."""
        box, size = self.boxes.get(self.marked), self.scrollable_content_region.size
        if box is None or not size.area:
            return
        x = _scrolled(round(self.scroll_offset.x), box.left - _MARGIN, box.width + 2 * _MARGIN, size.width)
        y = _scrolled(round(self.scroll_offset.y), box.top - 1, box.height + 2, size.height)
        self.scroll_to(x=x, y=y, animate=False, force=True)
        self.vertical_scrollbar.position, self.horizontal_scrollbar.position = y, x  # they may just have come

    # -- lines --------------------------------------------------------------------------------------------------------
    def line_at(self, index: int, width: int) -> Line:  # noqa: ARG002 - as long as it is
        """Return a whole line of the drawing."""
        if self.problem:
            return self.problem[index]
        row = self._rows[index]
        owners = [(self.boxes[node.id], node) for node in self._owner[index]]
        cells: list[tuple[str, Ink]] = []
        for x in range(max(row, default=-1) + 1):
            inside = next(((box, node) for box, node in owners if box.left <= x < box.left + box.width), None)
            if inside is None:
                cells.append((row.get(x, " "), _EDGE_INKS.get(self._grid.weight(x, index), "text")))
                continue
            box, node = inside
            sign, ink = row.get(x, " "), _ink(node, x - box.left, index - box.top, box)
            if node.id == self.marked and (frame := _marked_frame(x - box.left, index - box.top, box)):
                sign, ink = frame, "accent"
            cells.append((sign, ink))
        pieces = []
        for ink, group in groupby(cells, key=lambda cell: cell[1]):
            pieces.append(Piece("".join(sign for sign, _ in group), ink))
        return pieces

    def render_line(self, y: int) -> Strip:
        """Return one line of the screen: the part of it that is scrolled to."""
        left, top = round(self.scroll_offset.x), round(self.scroll_offset.y)
        width, base = self.scrollable_content_region.width, self.rich_style
        if y + top >= self.count:
            return Strip.blank(width, base)
        line = (
            [Piece(" " * self.inset), *self.line_at(y + top, width)]
            if not self.problem
            else self.line_at(y + top, width)
        )
        strip = Strip(list(self._segments(line, base, None)))
        return strip.crop(left, left + width).adjust_cell_length(width, base)

    def on_click(self, event: events.Click) -> None:
        """Say which box was meant."""
        event.prevent_default()
        x, y = event.x + round(self.scroll_offset.x) - self.inset, event.y + round(self.scroll_offset.y)
        for name, box in self.boxes.items():
            if box.left <= x < box.left + box.width and box.top <= y < box.top + box.height:
                self.post_message(self.NodeChosen(name))


_SHORT = 32  # rows of the screen below which a box has one line


def has_state(node: DrawnNode) -> bool:
    """Whether an execution may leave a record at a node."""
    return node.type not in CONTROL_TYPES or (node.type == "decision" and bool(node.name or node.place))


def notes_of(state: ExecutionMark) -> str:
    """Return what an execution did at a node, in `_NOTES_CELLS` cells or little more."""
    sign, _ = of_status(state.status)
    parts = [sign]
    if state.progress is not None:
        parts.append(f"{state.progress:.0f}%")
    elif state.duration_ms is not None and state.status != "running":
        parts.append(took(state.duration_ms))
    if state.attempt > 1:
        parts.append(f"a{state.attempt}")
    if state.count > 1:
        parts.append(f"\N{MULTIPLICATION SIGN}{state.count}")
    if len(parts) == 1:
        parts.append(state.status)
    return " ".join(parts)


def _lines(node: DrawnNode, limit: int, *, is_short: bool) -> list[str]:
    label = label_of(node, limit)
    if not has_state(node):
        return [label]
    notes = shortened(notes_of(node.state), _NOTES_CELLS) if node.state is not None else ""
    return [f"{label} {_filled(notes)}"] if is_short else [label, notes]


def _picture(plain: Drawing, limit: int, *, is_short: bool) -> Picture:
    return Picture(plain, {node.id: _room(node, limit, is_short=is_short) for node in plain.nodes}, limit)


def _room(node: DrawnNode, limit: int, *, is_short: bool) -> list[str]:
    label = label_of(node, limit)
    if not has_state(node):
        return [label]
    return [f"{label} {_filled('')}"] if is_short else [label, _filled("")]


def _filled(notes: str) -> str:
    return notes + " " * (_NOTES_CELLS - width_of(notes))


def _scrolled(now: int, begin: int, length: int, room: int) -> int:
    """Return where to scroll along one direction: nowhere, where it can be seen, else to have it in the middle."""
    if now <= begin and begin + length <= now + room:
        return now
    return max(0, begin - max(0, room - length) // 2)


def _ink(node: DrawnNode, x: int, row: int, box: Box) -> Ink:
    if node.untaken:
        return "faint"
    if node.state is None:
        return "text" if node.critical else "dim"
    is_label = row == 1 and box.height > _ONE_LINE and 0 < x < box.width - 1
    return "text" if is_label else of_status(node.state.status)[1]


_ONE_LINE = 3  # rows of a box with one line


def _marked_frame(x: int, y: int, box: Box) -> str:
    is_left, is_right, is_top, is_bottom = x == 0, x == box.width - 1, y == 0, y == box.height - 1
    if is_top:
        return "▛" if is_left else "▜" if is_right else "▀"
    if is_bottom:
        return "▙" if is_left else "▟" if is_right else "▄"
    return "▌" if is_left else "▐" if is_right else ""
