"""SVG, written by ourselves: it needs no program, and is the same on every machine.

A label longer than its box is cut there; its whole text is the box's tooltip.
"""

from __future__ import annotations

from html import escape

from cerebelum.engine.domain.drawing import Drawing, DrawnEdge, DrawnNode
from cerebelum.engine.domain.layout import NODE_WIDTH, Point
from cerebelum.engine.domain.renderers.box_picture import shortened
from cerebelum.engine.domain.terminal_text import visible

_HEIGHT = 44
_MARGIN = 30
_LETTERS = 30  # that fit into a box
_FILLS = {
    "completed": "#e3f5e5",
    "failed": "#fbe0de",
    "running": "#e0edfb",
    "waiting": "#fdf3d6",
    "cancelled": "#ececec",
}
_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {top} {width} {height}" width="{width}" height="{height}" font-family="Helvetica, Arial, sans-serif" font-size="12">
<title>{title}</title>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs>
<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="white"/>"""


def to_svg(drawing: Drawing) -> str:
    """Return a drawing as SVG text."""
    points = [node.position for node in drawing.nodes] + [point for route in drawing.routes for point in route]
    left = min((point.x for point in points), default=0) - NODE_WIDTH // 2 - _MARGIN
    right = max((point.x for point in points), default=0) + NODE_WIDTH // 2 + _MARGIN
    top = min((point.y for point in points), default=0) - _HEIGHT // 2 - _MARGIN
    bottom = max((point.y for point in points), default=0) + _HEIGHT // 2 + _MARGIN
    lines = [_HEAD.format(left=left, top=top, width=right - left, height=bottom - top, title=_text(drawing.name))]
    places = {node.id: node.position for node in drawing.nodes}
    for edge, route in zip(drawing.edges, drawing.routes, strict=True):
        lines += _edge(edge, places[edge.source], places[edge.target], route)
    for node in drawing.nodes:
        lines += _node(node)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _text(text: str) -> str:
    return escape(visible(text, keep_newlines=False))


def _node(node: DrawnNode) -> list[str]:
    x, y = node.position
    fill = _FILLS.get(node.state.status, "#f6f6f6") if node.state is not None else "#f6f6f6"
    stroke = f'fill="{fill}" stroke="#333" stroke-width="{3 if node.critical else 1}"'
    if node.dotted:
        stroke += ' stroke-dasharray="2 3"'
    elif node.untaken or node.type == "compensation":
        stroke += ' stroke-dasharray="6 4"'
    offset = 0 if not node.notes else -6
    lines = [f"<g><title>{_text(node.label)}</title>{_shape(node, stroke)}"]
    lines.append(
        f'<text x="{x}" y="{y + 4 + offset}" text-anchor="middle">{escape(shortened(node.label, _LETTERS))}</text>'
    )
    if node.notes:
        told = escape(shortened(node.notes, _LETTERS + 6))
        lines.append(f'<text x="{x}" y="{y + 13}" text-anchor="middle" font-size="10" fill="#555">{told}</text>')
    return [*lines, "</g>"]


def _shape(node: DrawnNode, stroke: str) -> str:
    x, y = node.position
    half, tall = NODE_WIDTH // 2, _HEIGHT // 2
    if node.type in ("decision", "switch"):
        return _polygon([(x - half, y), (x, y - tall), (x + half, y), (x, y + tall)], stroke)
    if node.type in ("loop", "foreach"):
        bevel = 16
        corners = [(x - half, y), (x - half + bevel, y - tall), (x + half - bevel, y - tall), (x + half, y)]
        corners += [(x + half - bevel, y + tall), (x - half + bevel, y + tall)]
        return _polygon(corners, stroke)
    if node.type == "input":
        slant = 14
        corners = [
            (x - half + slant, y - tall),
            (x + half, y - tall),
            (x + half - slant, y + tall),
            (x - half, y + tall),
        ]
        return _polygon(corners, stroke)
    if node.type in ("signal", "update"):
        notch = 12
        corners = [(x - half, y - tall), (x + half - notch, y - tall), (x + half, y), (x + half - notch, y + tall)]
        return _polygon([*corners, (x - half, y + tall), (x - half + notch, y)], stroke)
    round_ = tall if node.type in ("start", "end", "sleep", "continue") else 3
    box = f'<rect x="{x - half}" y="{y - tall}" width="{2 * half}" height="{2 * tall}" rx="{round_}" {stroke}/>'
    if node.type in ("subflow", "map"):
        box += f'<rect x="{x - half + 5}" y="{y - tall}" width="{2 * half - 10}" height="{2 * tall}" {stroke}/>'
    return box


def _polygon(corners: list[tuple[int, int]], stroke: str) -> str:
    return f'<polygon points="{" ".join(f"{x},{y}" for x, y in corners)}" {stroke}/>'


def _edge(edge: DrawnEdge, start: Point, end: Point, route: tuple[Point, ...]) -> list[str]:
    tall = _HEIGHT // 2
    gap = 12
    if edge.back:
        lane = route[0].x
        path = [Point(start.x, start.y + tall), Point(start.x, start.y + tall + gap), Point(lane, start.y + tall + gap)]
        path += [Point(lane, end.y - tall - gap), Point(end.x, end.y - tall - gap), Point(end.x, end.y - tall)]
    else:
        bends = [Point(point.x, point.y + side * tall) for point in route for side in (-1, 1)]
        path = [Point(start.x, start.y + tall), *bends, Point(end.x, end.y - tall)]
    style = {"dashed": ' stroke-dasharray="6 4"', "dotted": ' stroke-dasharray="2 3"'}.get(edge.line, "")
    points = " ".join(f"{point.x},{point.y}" for point in path)
    stroke = f'stroke="#333" stroke-width="{3 if edge.critical else 1}"{style}'
    lines = [f'<polyline points="{points}" fill="none" {stroke} marker-end="url(#arrow)"/>']
    if edge.text:
        first, second = path[0], path[1]
        x, y = (first.x + 2 * second.x) // 3 + 4, (first.y + 2 * second.y) // 3
        shown = escape(shortened(edge.text, 24))
        place = f'x="{x}" y="{y}" font-size="11"'
        # a white copy beneath keeps it readable on the line; `paint-order` is not known everywhere
        lines.append(f'<text {place} fill="white" stroke="white" stroke-width="3" aria-hidden="true">{shown}</text>')
        lines.append(f"<text {place}><title>{_text(edge.text)}</title>{shown}</text>")
    return lines
