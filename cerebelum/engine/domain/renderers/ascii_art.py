"""Boxes and lines of Unicode text, as wide as the terminal at most.

A drawing that cannot be made narrow enough becomes a list: a line for each node, with the nodes it leads to.
"""

from __future__ import annotations

from cerebelum.engine.domain.drawing import Drawing, DrawnEdge, DrawnNode
from cerebelum.engine.domain.renderers.box_picture import Picture, label_of, shortened

_LABEL_LIMITS = (60, 40, 28, 20, 14)
_NODES_MAX = 1500  # beyond, the list


def to_ascii(drawing: Drawing, *, width: int = 100) -> str:
    """Return a drawing as text.

    Args:
        width: of the terminal, in cells.
    """
    if len(drawing.nodes) <= _NODES_MAX:
        for limit in _LABEL_LIMITS:
            picture = Picture(drawing, {node.id: _lines(node, limit) for node in drawing.nodes}, limit)
            if picture.width <= width:
                return picture.text()
    return _as_list(drawing, width)


def _lines(node: DrawnNode, limit: int) -> list[str]:
    label = label_of(node, limit)
    return [label, shortened(node.notes, limit)] if node.notes else [label]


def _as_list(drawing: Drawing, width: int) -> str:
    outgoing: dict[str, list[DrawnEdge]] = {node.id: [] for node in drawing.nodes}
    for edge in drawing.edges:
        outgoing[edge.source].append(edge)
    labels = {node.id: node.label for node in drawing.nodes}
    lines = []
    for node in drawing.nodes:
        lines.append(shortened(" · ".join(filter(None, [_lines(node, width)[0], node.notes])), width))
        for edge in outgoing[node.id]:
            arrow = "╌▶" if edge.line != "solid" else "━▶" if edge.critical else "─▶"
            told = f" [{edge.text}]" if edge.text else ""
            lines.append(shortened(f"  {arrow}{told} {'↑ ' if edge.back else ''}{labels[edge.target]}", width))
    return "\n".join(lines) + "\n"
