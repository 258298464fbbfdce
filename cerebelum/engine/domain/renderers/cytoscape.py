"""Cytoscape.js: `{"elements": {"nodes": [{"data": …, "position": …}], "edges": [{"data": …}]}}`."""

from __future__ import annotations

from typing import Any

import msgspec

from cerebelum.engine.domain.drawing import Drawing


def to_cytoscape(drawing: Drawing) -> dict[str, Any]:
    """Return a drawing as Cytoscape.js takes it."""
    shape = drawing.as_json()
    nodes = []
    for made, node in zip(shape["nodes"], drawing.nodes, strict=True):
        position = made.pop("position")
        classes = _classes(dotted=node.dotted, untaken=node.untaken, critical=node.critical)
        nodes.append({"data": made, "position": position, "classes": " ".join([node.type, *classes])})
    edges = []
    for number, edge in enumerate(drawing.edges, start=1):
        data: dict[str, Any] = {"id": f"e{number}", "source": edge.source, "target": edge.target, "label": edge.label}
        if edge.count is not None:
            data["count"] = edge.count
        classes = [] if edge.style == "solid" else [edge.style]
        classes += _classes(dotted=False, untaken=edge.untaken, critical=edge.critical)
        edges.append({"data": data, "classes": " ".join(classes)})
    return {"elements": {"nodes": nodes, "edges": edges}}


def cytoscape_text(drawing: Drawing) -> str:
    """Return the same as JSON text."""
    return msgspec.json.format(msgspec.json.encode(to_cytoscape(drawing)), indent=2).decode() + "\n"


def _classes(*, dotted: bool, untaken: bool, critical: bool) -> list[str]:
    words = {"dotted": dotted, "untaken": untaken, "critical": critical}
    return [word for word, holds in words.items() if holds]
