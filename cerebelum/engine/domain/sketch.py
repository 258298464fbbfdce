"""Draws a graph from top to bottom: nodes are hung onto the ways that are open, and leave new ways open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cerebelum.engine.domain.drawing import Drawing, DrawnEdge, DrawnNode, LineStyle, NodeType, drawing, title_case

_ID_LENGTH_MAX = 200


class Way(NamedTuple):
    """An edge that has begun and waits for the node that it leads to."""

    source: str
    label: str | None = None
    style: LineStyle = "solid"


Ways = list[Way]


class Sketch:
    """A graph in the making. It begins with the node `start`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.nodes: dict[str, DrawnNode] = {}
        self.edges: dict[DrawnEdge, None] = {}  # in order, each once
        self.start: Ways = [Way(self.add("start", "Start", [], node_id="start"))]

    def add(
        self, type_: NodeType, label: str, ways: Iterable[Way], *, node_id: str = "", name: str = "", place: str = "",
        lines: tuple[str, int, int] | None = None, dotted: bool = False,
    ) -> str:  # fmt: skip
        """Add a node at the end of `ways`; return its id, which is `node_id` if that is free."""
        found = self._free(node_id or type_)
        self.nodes[found] = DrawnNode(
            id=found, type=type_, label=label, name=name, place=place, lines=lines, dotted=dotted
        )
        self.lead(ways, found)
        return found

    def lead(self, ways: Iterable[Way], target: str) -> None:
        """Let `ways` end at a node."""
        for way in ways:
            edge = DrawnEdge(source=way.source, target=target, label=way.label, style=way.style)
            self.edges[edge] = None

    def compensation(self, step_id: str, name: str, place: str = "") -> None:
        """Add what undoes a step, behind a dashed edge; in a flow it is recorded as "charge/refund"."""
        ways = [Way(step_id, None, "dashed")]
        self.add("compensation", title_case(name), ways, node_id=f"undo_{name}", name=name, place=place)

    def finish(self, ways: Iterable[Way]) -> Drawing:
        """Add the end, and give every node its place."""
        open_ways = list(ways)
        if open_ways:
            self.add("end", "End", open_ways, node_id="end")
        return drawing(self._name, self.nodes.values(), self.edges)

    def _free(self, wanted: str) -> str:
        wanted = wanted.replace("\0", "�")[:_ID_LENGTH_MAX]  # the layout's own names hold NULs
        if wanted not in self.nodes:
            return wanted
        number = 2
        while f"{wanted}_{number}" in self.nodes:
            number += 1
        return f"{wanted}_{number}"
