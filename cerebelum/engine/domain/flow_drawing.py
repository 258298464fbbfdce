"""The drawing of a `Graph`: of a flow's blocks, of edges between functions, of a definition. Exact, since it is data."""

from __future__ import annotations

from collections.abc import Sequence as Many
from datetime import UTC, datetime
from typing import NamedTuple

from cerebelum.engine.domain import graph as g
from cerebelum.engine.domain.drawing import Drawing, NodeType, title_case, took
from cerebelum.engine.domain.sketch import Sketch, Way, Ways

_OTHERWISE = "otherwise"


class _Block(NamedTuple):
    """A drawn node of the graph: where one comes in, and which ways lead out."""

    entry: str
    exits: Ways


def draw_graph(graph: g.Graph, name: str | None = None) -> Drawing:
    """Return the drawing of a graph.

    Args:
        name: of the picture; default: the graph's.
    """
    return _Pen(Sketch(name or graph.name)).whole(graph)


class _Pen:
    def __init__(self, sketch: Sketch) -> None:
        self._sketch = sketch

    def whole(self, graph: g.Graph) -> Drawing:
        return self._sketch.finish(self._graph(graph, self._sketch.start, ""))

    def _graph(self, graph: g.Graph, ways: Ways, prefix: str) -> Ways:
        """Draw a graph at the end of `ways`; return the ways out of it."""
        block = self._inside(graph, prefix)
        if block is None:
            return ways
        self._sketch.lead(ways, block.entry)
        return block.exits

    def _inside(self, graph: g.Graph, prefix: str) -> _Block | None:
        blocks = {node_id: self._node(node_id, node, f"{prefix}{node_id}") for node_id, node in graph.nodes.items()}
        if not blocks:
            return None
        outgoing: dict[str, list[g.Edge]] = {node_id: [] for node_id in blocks}
        for edge in graph.edges:
            if edge.source in blocks and edge.target in blocks:
                outgoing[edge.source].append(edge)
        exits: Ways = []
        for node_id, block in blocks.items():
            for edge in outgoing[node_id]:
                self._sketch.lead(_labelled(block.exits, _edge_label(edge)), blocks[edge.target].entry)
            if not outgoing[node_id]:
                exits += block.exits
            elif all(edge.when is not None for edge in outgoing[node_id]):
                exits += _labelled(block.exits, _OTHERWISE)
        first = graph.entrypoint if graph.entrypoint in blocks else next(iter(blocks))
        return _Block(blocks[first].entry, exits)

    def _node(self, node_id: str, node: g.Node, place: str) -> _Block:
        match node:
            case g.Step():
                return self._step(node_id, node, place)
            case g.Decision():
                return self._decision(node_id, node, place)
            case g.Switch():
                return self._switch(node_id, node, place)
            case g.Loop():
                text = node.label or f"{title_case(node_id)}: while {_text(node.while_)}"
                return self._repeated("loop", text, node_id, node.body, place, "repeat")
            case g.ForEach():
                many = f", {node.concurrency} at once" if node.concurrency > 1 else ""
                text = node.label or f"{title_case(node_id)}: each of {_text(node.items)}{many}"
                return self._repeated("foreach", text, node_id, node.body, place, "each")
            case g.Parallel():
                return self._parallel(node_id, node, place)
            case g.Sequence():
                return self._sequence(node_id, node, place)
            case g.Map():
                text = f"{title_case(node.function.short_name)} \N{MULTIPLICATION SIGN} each of {_text(node.items)}"
                return self._single("map", node.label or text, node_id, place, node.function.short_name, node.options)
            case g.Subflow():
                return self._single("subflow", node.label or title_case(node_id), node_id, place, node.flow.short_name)
            case g.Delay():
                return self._single("sleep", node.label or _delay(node), node_id, place)
            case g.Signal():
                return self._single("signal", node.label or f"Signal {node.name}", node_id, place, node.name)
            case g.Input():
                return self._single("input", node.label or f"Input {node.name}", node_id, place, node.name)

    def _single(
        self, type_: NodeType, label: str, node_id: str, place: str, name: str = "",
        options: g.StepOptions | None = None,
    ) -> _Block:  # fmt: skip
        made = self._sketch.add(type_, label, [], node_id=node_id, place=place, name=name)
        if options is not None and options.compensate is not None:
            undo = options.compensate.short_name
            self._sketch.compensation(made, undo, f"{place}/{undo}")
        return _Block(made, [Way(made)])

    def _step(self, node_id: str, node: g.Step, place: str) -> _Block:
        options = node.options
        own = getattr(node.function.function, "compensate", None)
        if options.compensate is None and own is not None:
            options = g.StepOptions(compensate=g.FunctionRef.of(own))
        return self._single(
            "step", node.label or title_case(node_id), node_id, place, node.function.short_name, options
        )

    def _decision(self, node_id: str, node: g.Decision, place: str) -> _Block:
        drawn_id = node_id if node_id.startswith("decision_") else f"decision_{node_id}"
        block = self._single("decision", node.label or title_case(node_id), drawn_id, place, node.function.short_name)
        exits: Ways = []
        for label, body in node.branches.items():
            exits += self._graph(body, [Way(block.entry, label)], f"{place}/{label}/")
        return _Block(block.entry, [*exits, Way(block.entry, _OTHERWISE)])

    def _switch(self, node_id: str, node: g.Switch, place: str) -> _Block:
        text = node.label or f"{title_case(node_id)}: {_text(node.on)}"
        block = self._single("switch", text, node_id, place)
        exits: Ways = []
        for case in node.cases:
            exits += self._graph(case.body, [Way(block.entry, str(case.value))], f"{place}/{case.value}/")
        default = [Way(block.entry, "default" if node.default is not None else _OTHERWISE)]
        exits += default if node.default is None else self._graph(node.default, default, f"{place}/default/")
        return _Block(block.entry, exits)

    def _repeated(self, type_: NodeType, text: str, node_id: str, body: g.Graph, place: str, each: str) -> _Block:
        block = self._single(type_, text, node_id, place)
        self._sketch.lead(self._graph(body, [Way(block.entry, each)], f"{place}/"), block.entry)
        return _Block(block.entry, [Way(block.entry, "done")])

    def _parallel(self, node_id: str, node: g.Parallel, place: str) -> _Block:
        block = self._single("parallel", node.label or title_case(node_id), node_id, place)
        exits: Ways = []
        for number, branch in enumerate(node.branches):
            exits += self._graph(branch, [Way(block.entry)], f"{place}/{number}/")
        joined = self._sketch.add("join", "Join", exits, node_id=f"{node_id}_join")
        return _Block(block.entry, [Way(joined)])

    def _sequence(self, node_id: str, node: g.Sequence, place: str) -> _Block:
        inside = self._inside(node.body, f"{place}/")
        return inside or self._single("join", node.label or title_case(node_id), node_id, place)


def _labelled(ways: Many[Way], label: str | None) -> Ways:
    """Put the label of an edge behind a block onto the block's open ways; a decision's own labels stay."""
    return [way._replace(label=_both(way.label, label)) for way in ways]


def _both(first: str | None, second: str | None) -> str | None:
    return f"{first}, {second}" if first and second else first or second


def _edge_label(edge: g.Edge) -> str | None:
    if edge.label is not None:
        return edge.label
    return None if edge.when is None else _text(edge.when)


def _text(value: g.Value | g.Condition) -> str:
    if isinstance(value, g.Computed):
        return value.text or value.function.short_name
    return value.text


def _delay(node: g.Delay) -> str:
    if node.duration_us is not None:
        return f"Sleep {took(node.duration_us / 1000)}"
    if node.until_us is not None:
        moment = datetime.fromtimestamp(node.until_us / 1_000_000, UTC)
        return f"Sleep until {moment:%Y-%m-%d %H:%M:%S}Z"
    return "Sleep" if node.computed is None else f"Sleep for {_text(node.computed)}"
