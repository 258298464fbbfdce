"""Which edges an execution went along, and which chain of them made it take as long as it did.

What an execution records are its steps and waits, not its branches. So the way to a record is inferred: it began when
the newest of the records that can lead to it had ended, and it came along the nodes in between, which record nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence

import msgspec

from cerebelum.engine.domain.drawing import CONTROL_TYPES, Drawing

_Span = tuple[str, int, int | None]  # node, event that began it, event that ended it
_START = -1
_Path = tuple[int, ...]  # numbers of edges, in the order they were taken


def take_ways(drawing: Drawing, spans: Sequence[_Span], *, is_over: bool, is_completed: bool) -> Drawing:
    """Return the drawing with counts on its edges, the ways not taken, and the critical path.

    Args:
        spans: what ran, in the order in which it began.
        is_over: the execution has ended: what it did not do it never will.
    """
    ways = _Ways(drawing)
    last = max((max(begun, ended or 0) for _, begun, ended in spans), default=0)
    arrivals = [*spans, ("end", last + 1, last + 1)] if is_completed and ways.has_end else list(spans)
    before: dict[int, tuple[int, _Path]] = {}
    left, reached = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    ended = deque(sorted((end, number) for number, (_, _, end) in enumerate(arrivals) if end is not None))
    newest: dict[str, int] = {}  # of each node, what ended there last
    for number, (node_id, begun, _) in enumerate(arrivals):
        while ended and ended[0][0] < begun:
            other = ended.popleft()[1]
            newest[arrivals[other][0]] = other
        came = ways.to(node_id)
        sources = {newest[name]: came[name] for name in came if name in newest}
        if not sources and "start" in came:
            sources = {_START: came["start"]}
        if not sources:
            continue
        latest = max(sources, key=lambda other: (arrivals[other][2] or 0, other) if other >= 0 else (0, 0))
        before[number] = (latest, sources[latest])
        for source, path in sources.items():
            if source == latest or ways.joins(path):
                for edge in path:
                    left[edge].add(source)
                    reached[edge].add(number)
    # one way before a fork leads to several records, one behind a join comes from several
    taken = Counter({edge: min(len(left[edge]), len(reached[edge])) for edge in left})
    critical_nodes, critical_edges = _critical(arrivals, before) if is_over else (set[str](), set[int]())
    return _marked(drawing, arrivals, taken, critical_nodes, critical_edges, is_over=is_over)


def _critical(arrivals: Sequence[_Span], before: dict[int, tuple[int, _Path]]) -> tuple[set[str], set[int]]:
    """Walk back from what ended last, each time to what it had waited for."""
    over = [number for number, (_, _, end) in enumerate(arrivals) if end is not None]
    if not over:
        return set(), set()
    number = max(over, key=lambda found: (arrivals[found][2] or 0, found))
    nodes, edges = {arrivals[number][0]}, set[int]()
    while number in before:
        number, path = before[number]
        edges.update(path)
        if number < 0:
            nodes.add("start")
            break
        nodes.add(arrivals[number][0])
    return nodes, edges


def _marked(
    drawing: Drawing, arrivals: Sequence[_Span], taken: Counter[int], critical_nodes: set[str],
    critical_edges: set[int], *, is_over: bool,
) -> Drawing:  # fmt: skip
    ends = {drawing.edges[edge].source for edge in taken} | {drawing.edges[edge].target for edge in taken}
    seen = ends | {span[0] for span in arrivals} | {"start"}
    decided = {drawing.edges[edge].source for edge in taken}
    passed = {
        drawing.edges[edge].source for edge in critical_edges if drawing.edges[edge].source in ends
    } | critical_nodes
    edges = []
    for number, edge in enumerate(drawing.edges):
        count = taken.get(number, 0)
        skipped = edge.source in decided and _chooses(drawing, edge.source)
        edges.append(
            msgspec.structs.replace(
                edge, count=count or None, untaken=not count and (is_over or skipped), critical=number in critical_edges
            )
        )
    missed = {node.id for node in drawing.nodes if node.id not in seen}
    if not is_over:
        missed = {
            name for name in missed
            if (into := [edge for edge in edges if edge.target == name]) and all(edge.untaken for edge in into)
        }  # fmt: skip
    nodes = tuple(
        msgspec.structs.replace(node, untaken=node.id in missed, critical=node.id in passed) for node in drawing.nodes
    )
    return msgspec.structs.replace(drawing, nodes=nodes, edges=tuple(edges))


def _chooses(drawing: Drawing, node_id: str) -> bool:
    return drawing.node(node_id).type in ("decision", "switch")


class _Ways:
    """The paths between nodes that leave records, over those that leave none."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing
        self._types = {node.id: node.type for node in drawing.nodes}
        self._recorded = {node.id for node in drawing.nodes if node.state is not None}
        self._into: dict[str, list[int]] = {}
        for number, edge in enumerate(drawing.edges):
            self._into.setdefault(edge.target, []).append(number)
        self._found: dict[str, dict[str, _Path]] = {}

    @property
    def has_end(self) -> bool:
        return "end" in self._types

    def to(self, node_id: str) -> dict[str, _Path]:
        """Return the nodes that can have led to this one directly, each with the shortest path from it."""
        if node_id not in self._found:
            found: dict[str, _Path] = {}
            waiting: deque[tuple[str, _Path]] = deque([(node_id, ())])
            seen = {node_id}
            while waiting:
                name, path = waiting.popleft()
                for number in self._into.get(name, ()):
                    source = self._drawing.edges[number].source
                    longer = (number, *path)
                    silent = self._types[source] in CONTROL_TYPES and source not in self._recorded and source != "start"
                    if not silent:
                        found.setdefault(source, longer)
                    elif source not in seen:
                        seen.add(source)
                        waiting.append((source, longer))
            self._found[node_id] = found
        return self._found[node_id]

    def joins(self, path: _Path) -> bool:
        """Whether the path goes through the end of something that ran at once."""
        return any(self._types[self._drawing.edges[number].target] == "join" for number in path)
