"""A definition as an entity: read from data, checked as a whole, every fault told at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from msgspec import Struct

from cerebelum.engine.authoring.definitions.node_config import (
    NODE_TYPES,
    NodeConfig,
    checked_condition,
    indented,
    kind_of,
)
from cerebelum.engine.authoring.definitions.reading import check_bounds
from cerebelum.engine.authoring.definitions.schema import schema_faults
from cerebelum.engine.authoring.definitions.shape import edge_faults, nesting_faults
from cerebelum.engine.domain.durations import Duration
from cerebelum.engine.domain.errors_definition import DefinitionUnreadable, ExpressionError
from cerebelum.engine.domain.errors_flow import InvalidFlow

MOST_NODES = 10_000
MOST_EDGES = 50_000
_MOST_NAME_CHARS = 300
_KEYS = (
    "name",
    "entrypoint",
    "nodes",
    "edges",
    "version",
    "description",
    "timeout",
    "max_retries",
    "queue",
    "metadata",
)
_NODE_KEYS = ("type", "config", "next_nodes", "description")
_EDGE_KEYS = ("from", "to", "condition", "max_iterations", "label")


class NodeSpec(Struct, frozen=True):
    """One node as it was given, its configuration checked."""

    type: str
    config: NodeConfig
    next_nodes: tuple[str, ...] = ()


class EdgeSpec(Struct, frozen=True):
    """One edge; `condition` is the text of an expression, None: always."""

    source: str
    target: str
    condition: str | None = None
    max_iterations: int | None = None
    label: str | None = None


class Definition(Struct, frozen=True):
    """A workflow that was given as data, and found to be sound."""

    id: str
    name: str
    definition: dict[str, Any]
    entrypoint: str
    version: int
    nodes: dict[str, NodeSpec]
    edges: tuple[EdgeSpec, ...]
    created_at: datetime
    updated_at: datetime
    timeout: Duration | None = None
    max_retries: int = 0
    queue: str | None = None

    @classmethod
    def new(cls, definition: Any) -> Definition:
        """Return the entity of a definition. Functions are not looked up here.

        Raises:
            InvalidFlow: it has faults; all of them are listed, with the ids of their nodes.
            DefinitionUnreadable: it is too large, or holds what JSON cannot.
        """
        if not definition:
            raise InvalidFlow("", ["definition is required", "name is required", "entrypoint is required"])
        if not isinstance(definition, dict):
            raise InvalidFlow("", [f"definition must be an object, not {kind_of(definition)}"])
        _refuse_masses(definition)
        check_bounds(definition)
        definition = json.loads(json.dumps(definition))  # what the caller does to its own later is not our business
        reader = _Reader(definition)
        nodes, edges = reader.read()
        reader.faults = reader.faults or schema_faults(
            definition
        )  # the words above are kinder, the schema is published
        if reader.faults:
            raise InvalidFlow(str(definition.get("name", ""))[:_MOST_NAME_CHARS], reader.faults)
        now = datetime.now(UTC)
        options = NodeConfig.of("function", {"function": "a:b", **_option(definition, "timeout")})[0]
        return cls(
            id=f"wf-{uuid4()}", name=definition["name"], definition=definition, entrypoint=definition["entrypoint"],
            version=definition.get("version", 1), nodes=nodes, edges=tuple(edges), created_at=now, updated_at=now,
            timeout=None if options.timeout_us is None else options.timeout_us / 1_000_000,
            max_retries=definition.get("max_retries", 0), queue=definition.get("queue"),
        )  # fmt: skip


def _option(definition: dict[str, Any], key: str) -> dict[str, Any]:
    return {key: definition[key]} if key in definition else {}


def _refuse_masses(definition: dict[str, Any]) -> None:
    for key, most in (("nodes", MOST_NODES), ("edges", MOST_EDGES)):
        many = definition.get(key)
        if isinstance(many, dict | list | tuple) and len(many) > most:
            raise DefinitionUnreadable(
                f"the definition is too large for a flow: it has {len(many):,} {key}, {most:,} are allowed"
            )


class _Reader:
    """Goes through a definition and collects what is wrong."""

    def __init__(self, definition: dict[str, Any]) -> None:
        self._definition = definition
        self.faults: list[str] = []

    def read(self) -> tuple[dict[str, NodeSpec], list[EdgeSpec]]:
        self._head()
        nodes = self._nodes()
        edges = [*self._edges(), *_edges_of_nodes(nodes)]
        edges = _without_repeats(edges)
        entrypoint = self._definition.get("entrypoint")
        given = self._definition.get("nodes")
        if isinstance(entrypoint, str) and entrypoint and isinstance(given, dict) and entrypoint not in given:
            self.faults.append(f"Entrypoint {entrypoint!r} not found in nodes")
        known = set(given) if isinstance(given, dict) else set()
        self.faults += edge_faults([(edge.source, edge.target, _is_guarded(edge)) for edge in edges], known)
        children = {node_id: node.config.children for node_id, node in nodes.items() if node.config.children}
        joined = {end for edge in edges for end in (edge.source, edge.target)} | {str(entrypoint)}
        self.faults += nesting_faults(children, known, joined)
        return nodes, edges

    def _head(self) -> None:
        definition = self._definition
        for key in ("name", "entrypoint", "nodes"):
            if not definition.get(key):
                self.faults.append(f"{key} is required")
        for key in ("name", "entrypoint"):
            value = definition.get(key)
            if value and not _is_name(value):
                self.faults.append(f"{key} must be a text of 1 to {_MOST_NAME_CHARS} printable characters")
        for key, least in (("version", 1), ("max_retries", 0)):
            value = definition.get(key, least)
            if type(value) is not int or value < least:
                self.faults.append(f"{key} must be a whole number, {least} or more")
        options = {**_option(definition, "timeout"), **_option(definition, "queue")}
        self.faults += NodeConfig.of("function", {"function": "a:b", **options})[1]
        self._unknown(definition, _KEYS, "")

    def _nodes(self) -> dict[str, NodeSpec]:
        given = self._definition.get("nodes")
        if not given:
            return {}
        if not isinstance(given, dict):
            self.faults.append(f"nodes must be an object, id to node, not {kind_of(given)}")
            return {}
        found = {}
        for node_id, node in given.items():
            before = f"node {node_id!r}: "
            if not _is_name(node_id) or "/" in node_id:
                self.faults.append(
                    f"{before}an id has 1 to {_MOST_NAME_CHARS} printable characters and no /"[: 2 * _MOST_NAME_CHARS]
                )
            elif not isinstance(node, dict):
                self.faults.append(f"{before}must be an object, not {kind_of(node)}")
            else:
                found[node_id] = self._node(node, before)
        return found

    def _node(self, node: dict[str, Any], before: str) -> NodeSpec:
        self._unknown(node, _NODE_KEYS, before)
        following = node.get("next_nodes") or []
        if not isinstance(following, list | tuple) or not all(isinstance(one, str) for one in following):
            self.faults.append(f"{before}next_nodes must be a list of node ids")
            following = []
        kind = node.get("type")
        if kind not in NODE_TYPES:
            said = "type is required" if kind is None else f"unknown type {str(kind)[:50]!r}"
            self.faults.append(f"{before}{said}; one of {', '.join(NODE_TYPES)}")
            return NodeSpec("", NodeConfig(), tuple(following))
        config, faults = NodeConfig.of(kind, node.get("config", {}))
        self.faults += [before + fault for fault in faults]
        if kind == "conditional" and len(following) > 2:
            self.faults.append(f"{before}next_nodes of a conditional are two at most: then, else")
        if kind == "conditional" and following and (config.then or config.otherwise):
            self.faults.append(f"{before}give its followers in next_nodes, or as then and else in its config, not both")
        return NodeSpec(kind, config, tuple(following))

    def _edges(self) -> Iterator[EdgeSpec]:
        given = self._definition.get("edges") or []
        if not isinstance(given, list | tuple):
            self.faults.append(f"edges must be a list, not {kind_of(given)}")
            return
        for number, edge in enumerate(given):
            before = f"edges[{number}]: "
            if not isinstance(edge, dict):
                self.faults.append(f"{before}must be an object, not {kind_of(edge)}")
                continue
            self._unknown(edge, _EDGE_KEYS, before)
            ends = [edge.get(key) for key in ("from", "to")]
            if not all(isinstance(end, str) and end for end in ends):
                self.faults.append(f"{before}needs 'from' and 'to', both ids of nodes")
                continue
            most = edge.get("max_iterations")
            if most is not None and (type(most) is not int or most < 1):
                self.faults.append(f"{before}max_iterations must be a whole number, 1 or more")
            label = edge.get("label")
            if label is not None and not isinstance(label, str):
                self.faults.append(f"{before}label must be a text")
            yield EdgeSpec(str(ends[0]), str(ends[1]), self._condition(edge, before), most, label)

    def _condition(self, edge: dict[str, Any], before: str) -> str | None:
        condition = edge.get("condition")
        if condition is None:
            return None
        try:
            return checked_condition(condition)
        except (TypeError, ValueError) as error:
            self.faults.append(f"{before}condition {error}")
        except ExpressionError as error:
            self.faults.append(f"{before}condition: {indented(error)}")
        return "false"

    def _unknown(self, given: dict[str, Any], known: tuple[str, ...], before: str) -> None:
        self.faults += [
            f"{before}unknown key {key[:50]!r}; known: {', '.join(known)}" for key in given if key not in known
        ]


def _edges_of_nodes(nodes: dict[str, NodeSpec]) -> Iterator[EdgeSpec]:
    for node_id, node in nodes.items():
        if node.type != "conditional":
            yield from (EdgeSpec(node_id, target) for target in node.next_nodes)
            continue
        then, otherwise = (
            (*node.next_nodes, None, None)[:2] if node.next_nodes else (node.config.then, node.config.otherwise)
        )
        condition = node.config.condition or "false"
        if then is not None:
            yield EdgeSpec(node_id, then, condition, None, "true")
        if otherwise is not None:
            yield EdgeSpec(node_id, otherwise, f"not ({condition})", None, "false")


def _without_repeats(edges: list[EdgeSpec]) -> list[EdgeSpec]:
    """An edge that is given with a condition says more than the same one in `next_nodes`."""
    told = {
        (edge.source, edge.target) for edge in edges if edge.condition is not None or edge.max_iterations is not None
    }
    kept = [edge for edge in edges if (edge.source, edge.target) not in told or edge.condition or edge.max_iterations]
    return list(dict.fromkeys(kept))


def _is_guarded(edge: EdgeSpec) -> bool:
    return edge.condition is not None or edge.max_iterations is not None


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_NAME_CHARS and value.isprintable() and bool(value.strip())
