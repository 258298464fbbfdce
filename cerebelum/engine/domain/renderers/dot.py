r"""Graphviz DOT. Quoted labels, never HTML ones; ids of our own (`n1`).

In a quoted string a backslash begins an escape (`\n`, `\N`, `\G`), so one of a user's is doubled, and a quote gets one.
"""

from __future__ import annotations

from cerebelum.engine.domain.drawing import Drawing, DrawnEdge, DrawnNode
from cerebelum.engine.domain.terminal_text import visible

_SHAPES = {
    "start": "oval",
    "end": "oval",
    "decision": "diamond",
    "switch": "diamond",
    "loop": "hexagon",
    "foreach": "hexagon",
    "map": "box3d",
    "subflow": "component",
    "sleep": "box",
    "signal": "cds",
    "update": "cds",
    "input": "parallelogram",
    "parallel": "invtrapezium",
    "fork": "invtrapezium",
    "join": "trapezium",
    "compensation": "box",
    "catch": "circle",
    "raise": "doublecircle",
    "continue": "oval",
}


def to_dot(drawing: Drawing) -> str:
    """Return a drawing as DOT text."""
    ids = {node.id: f"n{number}" for number, node in enumerate(drawing.nodes, start=1)}
    lines = [
        f"digraph {quoted(drawing.name)} {{",
        "    rankdir=TB",
        '    node [shape=box fontname="Helvetica"]',
        '    edge [fontname="Helvetica"]',
    ]
    lines += [f"    {ids[node.id]} [{_node(node)}]" for node in drawing.nodes]
    lines += [f"    {ids[edge.source]} -> {ids[edge.target]}{_edge(edge)}" for edge in drawing.edges]
    return "\n".join([*lines, "}"]) + "\n"


def quoted(*lines: str) -> str:
    """Return lines of text as one quoted string."""
    shown = (visible(line, keep_newlines=False).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    # Graphviz reads HTML entities in every label: an ampersand of the user's must not begin one
    return '"' + "\\n".join(line.replace("&", "&amp;") for line in shown) + '"'


def _node(node: DrawnNode) -> str:
    words = [f"label={quoted(node.label, *([node.notes] if node.notes else []))}"]
    if node.type in _SHAPES:
        words.append(f"shape={_SHAPES[node.type]}")
    styles = ["rounded"] if node.type == "sleep" else []
    if node.dotted:
        styles.append("dotted")
    elif node.untaken or node.type == "compensation":
        styles.append("dashed")
    if styles:
        words.append(f'style="{",".join(styles)}"')
    if node.critical:
        words.append("penwidth=3")
    return " ".join(words)


def _edge(edge: DrawnEdge) -> str:
    words = [f"label={quoted(edge.text)}"] if edge.text else []
    if edge.line != "solid":
        words.append(f"style={edge.line}")
    if edge.critical:
        words.append("penwidth=3")
    if edge.back:
        words.append("constraint=false")
    return f" [{' '.join(words)}]" if words else ""
