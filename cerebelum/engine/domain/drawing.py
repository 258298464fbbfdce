"""The one drawn form of a workflow, whatever it was written as: nodes, edges, where they lie and how they look.

Static graphs of functions, of flows and of definitions end here; every renderer begins here. In JSON a node has `id`,
`type`, `label` and `position`, an edge `from`, `to` and `label`, and nothing else; an overlay adds `execution_state`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import Struct

from cerebelum.engine.domain.layout import Link, Point, lay_out

NodeType = Literal[
    "start", "end", "step", "decision", "switch", "loop", "foreach", "map", "parallel", "fork", "join", "sleep",
    "signal", "input", "subflow", "update", "catch", "raise", "continue", "compensation", "dynamic",
]  # fmt: skip
LineStyle = Literal["solid", "dashed", "dotted"]

# Nodes that only say where the flow goes: an execution leaves no record of its own at them.
CONTROL_TYPES = frozenset(
    {"start", "end", "decision", "switch", "loop", "foreach", "parallel", "fork", "join", "catch"}
)


class ExecutionMark(Struct, frozen=True, omit_defaults=True):
    """What an execution did at a node. Durations in milliseconds, instants as RFC 3339 in UTC."""

    status: str
    duration_ms: float | None = None
    started_at: str | None = None
    completed_at: str | None = None
    attempt: int = 1
    count: int = 1  # how often it ran: loops
    active: bool = False
    progress: float | None = None  # 0 to 100, as a running step last reported it

    def as_json(self) -> dict[str, Any]:
        """Return the four facts every node has, and the others where they say something."""
        facts: dict[str, Any] = {
            "status": self.status,
            "duration_ms": self.duration_ms,
            "started_at": self.started_at,
            "completed_at": self.completed_at,
            "attempt": self.attempt,
            "count": self.count,
        }
        if self.active:
            facts |= {"active": True, "progress": self.progress}
        return facts


class Statistics(Struct, frozen=True):
    """What many executions did at a node. Durations in milliseconds; `failure_rate` 0 to 1."""

    count: int
    p50_ms: float
    p95_ms: float
    failure_rate: float


class DrawnNode(Struct, frozen=True, kw_only=True):
    """A node. `name`, `place` and `lines` find an execution's records of it: what it is called, where it was asked for."""

    id: str
    type: NodeType
    label: str
    position: Point = Point(0, 0)
    name: str = ""
    place: str = ""  # in a flow: "retry/charge"
    lines: tuple[str, int, int] | None = None  # file, first and last line
    dotted: bool = False
    untaken: bool = False
    critical: bool = False
    state: ExecutionMark | None = None
    statistics: Statistics | None = None

    @property
    def notes(self) -> str:
        """What an overlay has to say about it, in a few words; empty without one."""
        parts = []
        if self.state is not None:
            parts.append(_of_state(self.state))
        if self.statistics is not None:
            found = self.statistics
            parts.append(
                f"p50 {took(found.p50_ms)}, p95 {took(found.p95_ms)}, {found.failure_rate:.0%} failed of {found.count}"
            )
        return " · ".join(parts)


class DrawnEdge(Struct, frozen=True, kw_only=True):
    """An edge. `label` is the result that a decision's edge stands for, None for a plain one."""

    source: str
    target: str
    label: str | None = None
    style: LineStyle = "solid"
    untaken: bool = False
    critical: bool = False
    count: int | None = None  # how often an execution went along it
    back: bool = False  # leads back to the head of a loop; found by the layout

    @property
    def text(self) -> str:
        """The label, with the count of a repeated way."""
        count = f"\N{MULTIPLICATION SIGN}{self.count}" if self.count is not None and self.count > 1 else ""
        return " ".join(part for part in (self.label or "", count) if part)

    @property
    def line(self) -> LineStyle:
        return "dashed" if self.untaken else self.style


class Drawing(Struct, frozen=True, kw_only=True):
    """A workflow's graph as it is drawn. The first node is the start."""

    name: str
    nodes: tuple[DrawnNode, ...]
    edges: tuple[DrawnEdge, ...]
    routes: tuple[tuple[Point, ...], ...] = ()  # for each edge the points between its ends
    status: str | None = None  # of the execution that is laid over it

    def node(self, node_id: str) -> DrawnNode:
        """Return a node.

        Raises:
            KeyError: there is none of this id.
        """
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)

    def as_json(self) -> dict[str, Any]:
        """Return `{"nodes": …, "edges": …}`, in the keys of the published form."""
        return {"nodes": [_node_json(node) for node in self.nodes], "edges": [_edge_json(edge) for edge in self.edges]}


def _node_json(node: DrawnNode) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": node.id,
        "type": node.type,
        "label": node.label,
        "position": {"x": node.position.x, "y": node.position.y},
    }
    if node.state is not None:
        shape["execution_state"] = node.state.as_json()
    if node.statistics is not None:
        shape["statistics"] = msgspec.to_builtins(node.statistics)
    return shape


def _edge_json(edge: DrawnEdge) -> dict[str, Any]:
    return {"from": edge.source, "to": edge.target, "label": edge.label}


def drawing(name: str, nodes: Iterable[DrawnNode], edges: Iterable[DrawnEdge]) -> Drawing:
    """Return a drawing of these nodes and edges with each node in its place; the first node is the start."""
    given = list(nodes)
    known = {node.id for node in given}
    kept = [edge for edge in edges if edge.source in known and edge.target in known]
    layout = lay_out([node.id for node in given], [Link(edge.source, edge.target) for edge in kept])
    placed = (msgspec.structs.replace(node, position=layout.positions[node.id]) for node in given)
    return Drawing(
        name=name,
        nodes=tuple(placed),
        edges=tuple(
            msgspec.structs.replace(edge, back=is_back) for edge, is_back in zip(kept, layout.back, strict=True)
        ),
        routes=tuple(layout.routes),
    )


def title_case(name: str) -> str:
    """Return the label of a name: `validate_inventory` is `Validate Inventory`."""
    words = name.replace("_", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words) or name


def took(duration_ms: float) -> str:
    """Return a duration as people say it."""
    if duration_ms < 1000:
        return f"{duration_ms:.0f}ms"
    seconds = duration_ms / 1000
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:.0f}h{minutes:02.0f}m" if hours else f"{minutes:.0f}m{seconds:02.0f}s"


_MARKS = {"completed": "✓", "failed": "✗", "running": "▶", "waiting": "⏸", "cancelled": "⊘"}


def _of_state(state: ExecutionMark) -> str:
    parts = [f"{_MARKS.get(state.status, '·')} {state.status}"]
    if state.duration_ms is not None:
        parts.append(took(state.duration_ms))
    if state.attempt > 1:
        parts.append(f"attempt {state.attempt}")
    if state.count > 1:
        parts.append(f"\N{MULTIPLICATION SIGN}{state.count}")
    if state.progress is not None:
        parts.append(f"{state.progress:.0f}%")
    return " ".join(parts)
