"""Flows as data: what a definition may say, and every refusal with its words."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.engine.authoring.definitions.checking import MOST_NODES, Definition
from cerebelum.engine.authoring.definitions.reading import MOST_DEPTH
from cerebelum.engine.authoring.definitions.schema import definition_schema, schema_faults
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_definition import DefinitionUnreadable
from cerebelum.engine.domain.errors_flow import InvalidFlow
from cerebelum.engine.domain.json_schema import unsupported
from tests.flows.definition_samples import DELAY, WHOLE


def faults_of(definition: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidFlow) as refused:
        Definition.new(definition)
    return refused.value.faults


def one(node: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "x", "entrypoint": "a", "nodes": {"a": node, **more}}


def test_the_entity_has_every_field() -> None:
    """A18: `Definition.new` gives id, name, definition, entrypoint, version, nodes, edges, created_at and updated_at."""
    entity = Definition.new(WHOLE)
    assert entity.id.startswith("wf-")
    assert entity.id != Definition.new(WHOLE).id
    assert (entity.name, entity.entrypoint, entity.version) == ("order", "load", 3)
    assert entity.definition == WHOLE
    assert entity.definition is not WHOLE
    assert list(entity.nodes) == list(WHOLE["nodes"])
    assert [(edge.source, edge.target) for edge in entity.edges] == [
        ("wait", "load"), ("load", "large"), ("large", "both"), ("large", "wait"), ("both", "wait"),
    ]  # fmt: skip
    assert entity.created_at == entity.updated_at
    assert entity.created_at.tzinfo is not None
    assert (entity.timeout, entity.max_retries, entity.queue) == (7200, 1, "orders")


@pytest.mark.parametrize("empty", [{}, None, [], ""])
def test_nothing_is_no_definition(empty: Any) -> None:
    """A19: `new({})` is rejected, and says what is required."""
    assert faults_of(empty) == ("definition is required", "name is required", "entrypoint is required")


@pytest.mark.parametrize("key", ["name", "entrypoint", "nodes"])
def test_each_key_is_required(key: str) -> None:
    """A19: an error names the key that is missing."""
    definition = {name: value for name, value in WHOLE.items() if name not in (key, "edges")}
    assert f"{key} is required" in faults_of(definition)


@pytest.mark.parametrize("kind", ["function", "map", "conditional", "parallel", "sequential", "delay"])
def test_the_six_types(kind: str) -> None:
    """A20: each type is known, and needs what it needs."""
    assert all("unknown type" not in fault for fault in faults_of(one({"type": kind})))


def test_any_other_type_is_refused() -> None:
    """A20: the refusal names the node, the type, and those there are."""
    assert faults_of(one({"type": "teleport"})) == (
        "node 'a': unknown type 'teleport'; one of function, map, conditional, parallel, sequential, delay",
    )


@pytest.mark.parametrize(
    "node, fault",
    [
        ({"type": "delay"}, "node 'a': a delay node needs 'duration' or 'until' in its config, and not both"),
        ({"type": "delay", "config": {"duration": -1}}, "node 'a': duration: it must not be negative: -1"),
        ({"type": "delay", "config": {"duration": "soon"}}, "node 'a': duration: 'soon' is no duration: a number of seconds, or a text such as 30s, 5m, 2h, 1d"),
        ({"type": "delay", "config": {"duration": True}}, "node 'a': duration: must be a number of seconds, or a text such as 5m, not true or false"),
        ({"type": "delay", "config": {"duration": "9999999d"}}, "node 'a': duration: is longer than 100 years"),
        ({"type": "delay", "config": {"until": "2030-01-01T00:00:00"}}, "node 'a': until: until must be an aware datetime (with tzinfo, such as datetime.now(UTC)), not datetime.datetime(2030, 1, 1, 0, 0)"),
        ({"type": "delay", "config": {"until": "tomorrow"}}, "node 'a': until: Invalid isoformat string: 'tomorrow'"),
        ({"type": "conditional"}, "node 'a': a conditional node needs 'condition' in its config"),
        ({"type": "conditional", "config": {"condition": '__import__("os")'}}, "node 'a': condition: only len(…) can be called\n        __import__(\"os\")\n        ^"),
        ({"type": "function"}, "node 'a': a function node needs 'function' in its config"),
        ({"type": "function", "config": {"function": "os"}}, "node 'a': function: must name a function as \"module:function\", not 'os'"),
        ({"type": "function", "config": {"function": "m:_f"}}, "node 'a': function: 'm:_f' is private: names with a leading underscore are not used"),
        ({"type": "function", "config": {"function": "m:f", "retry": 0}}, "node 'a': retry: Retry(max_attempts=0): must be a whole number, 1 or more"),
        ({"type": "function", "config": {"function": "m:f", "retry": {"times": 2}}}, "node 'a': retry: has no use for 'times'; it knows max_attempts, backoff, backoff_base, max_backoff, jitter, on, never"),
        ({"type": "function", "config": {"function": "m:f", "retry": 2, "at_most_once": True}}, "node 'a': at_most_once and retry contradict each other; drop one"),
        ({"type": "function", "config": {"function": "m:f", "queue": ""}}, "node 'a': queue: queue: '' cannot be a queue's name: 1 to 100 printable characters"),
        ({"type": "function", "config": {"function": "m:f", "x": 1}}, "node 'a': config has no use for 'x'; a function node knows function, result, retry, timeout, compensate, queue, at_most_once"),
        ({"type": "function", "config": []}, "node 'a': config must be an object, not a list"),
        ({"type": "map", "config": {"function": "m:f"}}, "node 'a': a map node needs 'items' in its config"),
        ({"type": "map", "config": {"function": "m:f", "items": "[x for x in y]"}}, "node 'a': items: comprehensions are not allowed\n        [x for x in y]\n        ^"),
        ({"type": "map", "config": {"function": "m:f", "items": "a", "concurrency": 0}}, "node 'a': concurrency: must be a whole number from 1 to 10,000"),
        ({"type": "parallel", "config": {"children": []}}, "node 'a': children: must be a list of node ids, one or more"),
        ({"type": "sequential", "config": {"children": ["b"]}}, "node 'a': its child 'b' is not found in nodes"),
        ({"type": "sequential", "config": {"children": ["a"]}}, "a block contains itself: its children lead back to it"),
        ({"config": {}}, "node 'a': type is required; one of function, map, conditional, parallel, sequential, delay"),
        ([], "node 'a': must be an object, not a list"),
        ({**DELAY, "colour": 1}, "node 'a': unknown key 'colour'; known: type, config, next_nodes, description"),
        ({**DELAY, "next_nodes": "a"}, "node 'a': next_nodes must be a list of node ids"),
        ({**DELAY, "next_nodes": ["b"]}, "Edge references unknown node: b"),
        ({"type": "conditional", "config": {"condition": "a", "then": "a"}, "next_nodes": ["a"]}, "node 'a': give its followers in next_nodes, or as then and else in its config, not both"),
    ],
)  # fmt: skip
def test_faults_of_nodes(node: Any, fault: str) -> None:
    """A21, A25, A26: each type has rules of its own, and each refusal gives the reason and the node's id."""
    assert fault in faults_of(one(node))


def test_edges_and_entrypoint_have_the_exact_texts() -> None:
    """A25, A16: the texts are those that were promised."""
    nodes = {"a": DELAY, "b": DELAY}
    edges = [{"from": "a", "to": "X"}, {"from": "a", "to": "b"}, {"from": "b", "to": "a"}]
    assert faults_of({"name": "x", "entrypoint": "Y", "nodes": nodes, "edges": edges}) == (
        "Entrypoint 'Y' not found in nodes",
        "Edge references unknown node: X",
        "Workflow contains cycles without max_iterations",
    )


@pytest.mark.parametrize("guard", [{"max_iterations": 5}, {"condition": "again"}])
def test_a_bounded_or_guarded_cycle_is_accepted(guard: dict[str, Any]) -> None:
    """A16: a cycle whose edge has a condition or a bound is no fault."""
    edges = [{"from": "a", "to": "b"}, {"from": "b", "to": "a", **guard}]
    assert (
        len(Definition.new({"name": "x", "entrypoint": "a", "nodes": {"a": DELAY, "b": DELAY}, "edges": edges}).edges)
        == 2
    )


@pytest.mark.parametrize(
    "edge, fault",
    [
        ([], "edges[0]: must be an object, not a list"),
        ({"from": "a"}, "edges[0]: needs 'from' and 'to', both ids of nodes"),
        ({"from": "a", "to": "a", "max_iterations": 0}, "edges[0]: max_iterations must be a whole number, 1 or more"),
        ({"from": "a", "to": "a", "condition": 3}, "edges[0]: condition must be a text, not a number"),
        ({"from": "a", "to": "a", "condition": "10**10"}, "edges[0]: condition: ** is not allowed\n        10**10\n        ^"),
        ({"from": "a", "to": "a", "when": "x"}, "edges[0]: unknown key 'when'; known: from, to, condition, max_iterations, label"),
    ],
)  # fmt: skip
def test_faults_of_edges(edge: Any, fault: str) -> None:
    """A25, A26: an edge's fault names its place in the list."""
    assert fault in faults_of({**one(DELAY), "edges": [edge]})


def test_children_belong_to_one_block() -> None:
    """A23: a node inside a block has no edges and no second parent."""
    nodes = {
        "a": {"type": "parallel", "config": {"children": ["b", "c", "b"]}},
        "b": DELAY,
        "c": {**DELAY, "next_nodes": ["b"]},
    }
    assert faults_of({"name": "x", "entrypoint": "a", "nodes": nodes}) == (
        "node 'b' is a child of 'a': no edge leads to it or from it, and no flow begins there",
        "node 'c' is a child of 'a': no edge leads to it or from it, and no flow begins there",
        "node 'b' is a child of 'a', and of 'a' again",
    )


def test_all_faults_are_told_at_once() -> None:
    """A14: the whole list comes back, and the message shows it."""
    broken = {
        **one({"type": "teleport"}, b={"type": "delay"}),
        "version": 0, "edges": [{"from": "a", "to": "q"}], "typo": 1,
    }  # fmt: skip
    with pytest.raises(InvalidFlow) as refused:
        Definition.new(broken)
    assert len(refused.value.faults) == 5
    assert all(fault in str(refused.value) for fault in refused.value.faults)
    assert isinstance(refused.value, DefinitionError)


# -- bounds -----------------------------------------------------------------------------------------------------------
def nested(levels: int) -> list[Any]:
    deep: list[Any] = []
    for _ in range(levels):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: {"name": "x", "entrypoint": "a", "nodes": {f"n{n}": DELAY for n in range(100_000)}}, "100,000 nodes, 10,000 are allowed"),
        (lambda: {**one(DELAY), "edges": [{"from": "a", "to": "a"}] * 100_000}, "100,000 edges, 50,000 are allowed"),
        (lambda: {**one(DELAY), "description": "x" * 10_000_000}, "more than 1,000,000 characters"),
        (lambda: {**one(DELAY), "metadata": {"x": [0] * 10_000_000}}, "more than 200,000 values"),
        (lambda: {**one(DELAY), "metadata": {"x": nested(1_000)}}, f"deeper than {MOST_DEPTH} levels"),
        (lambda: {**one(DELAY), "metadata": {"x": nested(100_000)}}, f"deeper than {MOST_DEPTH} levels"),
        (lambda: {**one(DELAY), "metadata": {"x": 10**4000_0}}, "digits"),
        (lambda: {**one(DELAY), "metadata": {1: 2}}, "keys must be texts"),
        (lambda: {**one(DELAY), "metadata": {"x": float("nan")}}, "nan is not data"),
        (lambda: {**one(DELAY), "metadata": {"x": {1, 2}}}, "a value of type set is not data"),
        (lambda: {**one(DELAY), "description": "\ud800"}, "lone surrogate"),
    ],
)  # fmt: skip
def test_masses_are_refused_before_they_are_walked_through(make: Callable[[], Any], message: str) -> None:
    """A14, A26: 10 MB, 100,000 nodes, 1,000 levels, or what is no data: refused with a clear error."""
    with pytest.raises(DefinitionUnreadable, match=message):
        Definition.new(make())


def test_blocks_nested_too_deeply_are_refused() -> None:
    """A23: blocks in blocks have a bound that is stated, and no chain of nodes has one."""
    nodes: dict[str, Any] = {
        f"n{n}": {"type": "sequential", "config": {"children": [f"n{n + 1}"]}} for n in range(1_000)
    }
    nodes["n1000"] = DELAY
    assert faults_of({"name": "x", "entrypoint": "n0", "nodes": nodes}) == ("blocks are nested deeper than 40 levels",)
    chain: dict[str, Any] = {f"n{n}": {**DELAY, "next_nodes": [f"n{n + 1}"]} for n in range(MOST_NODES - 1)}
    chain[f"n{MOST_NODES - 1}"] = DELAY
    assert len(Definition.new({"name": "x", "entrypoint": "n0", "nodes": chain}).nodes) == MOST_NODES


# -- the schema -------------------------------------------------------------------------------------------------------
def test_the_schema_can_be_judged_and_accepts_what_is_sound() -> None:
    """A18: the published schema is used when a definition is loaded, so all of it must be understood."""
    assert unsupported(definition_schema()) == []
    assert schema_faults(WHOLE) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("name"),
        lambda d: d["nodes"]["wait"].update(type="teleport"),
        lambda d: d["nodes"]["wait"].update(config={}),
        lambda d: d["nodes"]["large"]["config"].pop("condition"),
        lambda d: d["nodes"]["both"]["config"].update(children=[]),
        lambda d: d["edges"][0].update(max_iterations=0),
        lambda d: d.update(extra=1),
        lambda d: d["nodes"]["one"]["config"].update(retry={"times": 1}),
    ],
)
def test_the_schema_refuses_what_the_checks_refuse(change: Callable[[Any], Any]) -> None:
    """A18: the schema and the checks agree."""
    definition = copy.deepcopy(WHOLE)
    change(definition)
    assert schema_faults(definition)
    assert faults_of(definition)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.sampled_from(["a", "m:f", "len(a)", "parallel", ""]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from([
        "name", "entrypoint", "nodes", "edges", "type", "config", "a", "from", "to", "children", "condition", "function",
    ]), below, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(
    nodes=_JSON,
    edges=_JSON,
    config=_JSON,
    kind=st.sampled_from(["function", "map", "conditional", "parallel", "sequential", "delay"]),
)
def test_any_data_is_accepted_or_refused(nodes: Any, edges: Any, config: Any, kind: str) -> None:
    """A14: whatever JSON is given, the answer is an entity or the list of faults, never another error."""
    for definition in (
        {"name": "x", "entrypoint": "a", "nodes": nodes, "edges": edges},
        {"name": "x", "entrypoint": "a", "nodes": {"a": {"type": kind, "config": config}}, "edges": edges},
    ):
        try:
            entity = Definition.new(definition)
        except (InvalidFlow, DefinitionUnreadable) as error:
            str(error)
        else:
            assert json.loads(json.dumps(entity.definition)) == entity.definition
