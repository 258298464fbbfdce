r"""Mermaid flowcharts. One statement a line, no `;`, ids of our own (`n1`), labels quoted and escaped.

Within quotes Mermaid knows entity codes only: `#` and a decimal number and `;`. So every character that could mean
something to Mermaid, to Markdown or to HTML is written as one, and what remains is letters, digits and plain signs.
"""

from __future__ import annotations

from cerebelum.engine.domain.drawing import Drawing, DrawnEdge, DrawnNode
from cerebelum.engine.domain.terminal_text import visible

_SHAPES = {
    "start": ('(["', '"])'),
    "end": ('(["', '"])'),
    "decision": ('{"', '"}'),
    "switch": ('{"', '"}'),
    "loop": ('{{"', '"}}'),
    "foreach": ('{{"', '"}}'),
    "map": ('[["', '"]]'),
    "subflow": ('[["', '"]]'),
    "sleep": ('("', '")'),
    "signal": ('>"', '"]'),
    "update": ('>"', '"]'),
    "input": ('[/"', '"/]'),
    "compensation": ('[\\"', '"\\]'),
    "catch": ('(("', '"))'),
    "raise": ('(("', '"))'),
    "continue": ('(["', '"])'),
}
_PLAIN = frozenset(" .,:()+=?!'/·\N{MULTIPLICATION SIGN}✓✗▶⏸⊘…")


def to_mermaid(drawing: Drawing) -> str:
    """Return a drawing as Mermaid text."""
    ids = {node.id: f"n{number}" for number, node in enumerate(drawing.nodes, start=1)}
    lines = ["flowchart TD"]
    lines += [f"    {ids[node.id]}{_shape(node)}" for node in drawing.nodes]
    lines += [f"    {ids[edge.source]} {_arrow(edge)} {ids[edge.target]}" for edge in drawing.edges]
    lines += _styles(drawing, ids)
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return text as it stands between a label's quotes."""
    shown = visible(text, keep_newlines=False)
    return "".join(char if char.isalnum() or char in _PLAIN else f"#{ord(char)};" for char in shown) or "#32;"


def _shape(node: DrawnNode) -> str:
    opening, closing = _SHAPES.get(node.type, ('["', '"]'))
    label = escaped(node.label) + (f"<br/>{escaped(node.notes)}" if node.notes else "")
    return f"{opening}{label}{closing}"


def _arrow(edge: DrawnEdge) -> str:
    arrow = "-->" if edge.line == "solid" else "-.->"
    if edge.critical:
        arrow = "==>"
    return f'{arrow}|"{escaped(edge.text)}"|' if edge.text else arrow


def _styles(drawing: Drawing, ids: dict[str, str]) -> list[str]:
    lines = []
    for node in drawing.nodes:
        if node.critical:
            lines.append(f"    style {ids[node.id]} stroke-width:3px")
        elif node.untaken or node.dotted or node.type == "compensation":
            lines.append(f"    style {ids[node.id]} stroke-dasharray:{'2 3' if node.dotted else '5 5'}")
    return lines
