"""From a checked definition to the `Graph` that is run and drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from cerebelum.engine.authoring.definitions.checking import Definition, NodeSpec
from cerebelum.engine.authoring.definitions.functions import FunctionTable
from cerebelum.engine.authoring.definitions.node_config import NodeConfig
from cerebelum.engine.domain import graph as g
from cerebelum.engine.domain.errors_flow import InvalidFlow


class Items:
    """Items that the definition itself holds."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items
        self.text = msgspec.json.encode(items).decode()

    def __call__(self, ctx: Any) -> list[Any]:  # noqa: ARG002 - asked like every function of the context
        """Return a copy: what a flow does to its items stays in that flow."""
        return list(msgspec.json.decode(self.text))


def compiled(definition: Definition, functions: FunctionTable) -> g.Graph:
    """Return the graph of a definition, its functions found.

    Raises:
        InvalidFlow: functions cannot be found; all of them are listed, with the ids of their nodes.
    """
    compiler = _Compiler(definition, functions)
    inside = {child for node in definition.nodes.values() for child in node.config.children}
    nodes = {
        node_id: compiler.node(node_id, node) for node_id, node in definition.nodes.items() if node_id not in inside
    }
    if compiler.faults:
        raise InvalidFlow(definition.name, compiler.faults)
    edges = tuple(
        g.Edge(
            edge.source, edge.target, None if edge.condition is None else g.Expression(edge.condition),
            edge.label, edge.max_iterations,
        )
        for edge in definition.edges
    )  # fmt: skip
    metadata = {"form": "definition", "version": definition.version}
    return g.Graph(definition.name, definition.entrypoint, nodes, edges, metadata)


class _Compiler:
    def __init__(self, definition: Definition, functions: FunctionTable) -> None:
        self._nodes, self._functions = definition.nodes, functions
        self.faults: list[str] = []

    def node(self, node_id: str, spec: NodeSpec) -> g.Node:
        config = spec.config
        match spec.type:
            case "function":
                return g.Step(
                    self._function(node_id, config.function), self._options(node_id, config), collect=config.result
                )
            case "map":
                return g.Map(
                    self._function(node_id, config.function), _items(config), config.concurrency, config.result,
                    self._options(node_id, config),
                )  # fmt: skip
            case "conditional":  # asks only: its edges, which have its condition, lead on
                return g.Switch(
                    g.Expression(config.condition or "false"), (g.Case(True, g.Graph("")),), label=config.condition
                )
            case "parallel":
                return g.Parallel(tuple(self._chain(child, (child,)) for child in config.children))
            case "sequential":
                return g.Sequence(self._chain(node_id, config.children))
            case _:
                return g.Delay(config.duration_us, config.until_us)

    def _chain(self, name: str, children: tuple[str, ...]) -> g.Graph:
        return g.Graph.chain(name, {child: self.node(child, self._nodes[child]) for child in children})

    def _function(self, node_id: str, name: str | None) -> g.FunctionRef:
        assert name is not None, "a definition is compiled once it was found to be sound"
        found: Callable[..., Any] | None = None
        try:
            found = self._functions.find(name)
        except ValueError as error:
            self.faults.append(f"node {node_id!r}: {error}")
        return g.FunctionRef(name, found)

    def _options(self, node_id: str, config: NodeConfig) -> g.StepOptions:
        undo = None if config.compensate is None else self._function(node_id, config.compensate)
        return g.StepOptions(config.retry, config.timeout_us, undo, config.queue, config.at_most_once)


def _items(config: NodeConfig) -> g.Value:
    if isinstance(config.items, str):
        return g.Expression(config.items)
    items = Items(config.items or [])
    return g.Computed(g.FunctionRef.of(items), items.text)
