"""Flows as they are written: the forms, what is refused at definition, and what they are to the engine."""

from __future__ import annotations

import types
from typing import Any

import pytest

from cerebelum import (
    Flow,
    FlowWarning,
    InvalidFlow,
    Retry,
    Workflow,
    decision,
    edge,
    error,
    foreach,
    hours,
    loop,
    node,
    ok,
    parallel,
    sleep,
    step,
    workflow,
)
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import graph as g
from cerebelum.engine.domain.errors import DefinitionError, InvalidTime
from cerebelum.engine.domain.errors_payload import ArgumentError
from cerebelum.engine.runtime.code.digest import describe
from tests.flows import founding, graphs


def a() -> None: ...
def b() -> None: ...


def test_all_forms_are_workflows() -> None:
    """A1, A27, A28: a flow, and a class of functions, are workflows with a name, options and a graph."""
    flows: list[Any] = [founding.order_workflow, founding.ProcessOrder, founding.book_travel]
    for flow in flows:
        assert flow.graph.nodes
        assert isinstance(flow, WorkflowDefinition)
    assert founding.ProcessOrder.name == "tests.flows.founding.ProcessOrder"
    assert (founding.order_workflow.timeout_us, founding.order_workflow.max_retries) == (7_200_000_000, 3)
    assert isinstance(founding.ProcessOrder, type)


def test_the_decorator_form_gives_the_same_graph() -> None:
    """A27, A30: steps in the order of their declaration, with their options; the functions stay functions."""
    flow = Flow("by_decorators", timeout=hours(2))

    @flow.step
    def first() -> int:
        return 1

    @flow.step(retry=Retry(max_attempts=2), queue="slow")
    def second() -> int:
        return 2

    @flow.decision({"yes": [a], "no": [b]})
    def third() -> str:
        return "yes"

    assert list(flow.graph.nodes) == ["first", "second", "third"]
    options: Any = flow.graph.nodes["second"].options  # type: ignore[union-attr]
    assert (options.retry.max_attempts, options.queue) == (2, "slow")
    assert (first(), second(), third()) == (1, 2, "yes")


def test_the_graph_is_read_when_the_class_is_defined() -> None:
    """A7, A9, A12: edges with their four fields; the functions that `start` leads to, depth first."""
    names = [function.__name__ for function in founding.ProcessOrder.reachable_functions()]
    assert names == ["start", "validate", "reserve", "confirm", "charge", "refuse"]
    found = founding.ProcessOrder.graph.edges[1]
    assert (found.source, found.target, found.when, found.metadata) == ("validate", "reserve", g.Pattern("ok"), {})
    assert graphs.Pauses.graph.entrypoint == "begin"


def test_a_class_without_an_entry_point_is_refused() -> None:
    """A9, A13, A14: neither `start` nor `entrypoint`, and a function that takes two: both are told at once."""
    with pytest.raises(InvalidFlow) as caught:

        class Faulty(Workflow):
            def validate(state: Any, more: Any) -> Any:  # noqa: N805
                return ok((state, more))

            def charge(state: Any) -> Any:  # noqa: N805
                return ok(state)

            edges = (edge(validate, charge), edge(charge, validate))

    assert len(caught.value.faults) == 3
    assert "Entrypoint 'start' not found in nodes" in caught.value.faults
    assert caught.value.faults[1].startswith("Function validate not exported from ")


def test_a_misspelt_function_fails_at_definition() -> None:
    """A6: edges name functions, so the class does not come to be."""
    with pytest.raises(NameError):

        class Typo(Workflow):
            def start(state: Any) -> Any:  # noqa: N805
                return ok(state)

            edges = (edge(start, validat),)  # type: ignore[name-defined]  # noqa: F821


def test_an_unreachable_function_is_warned_of() -> None:
    """A15: it is accepted, with one warning that names it."""
    with pytest.warns(FlowWarning, match="lonely cannot be reached"):

        class Lonely(Workflow):
            def start(state: Any) -> Any:  # noqa: N805
                return ok(state)

            def lonely(state: Any) -> Any:  # noqa: N805
                return ok(state)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Flow("x", 42),
        lambda: Flow("x", loop("l", while_=42, body=[a])),  # type: ignore[arg-type]
        lambda: Flow("x", loop("l", while_=lambda ctx: True, body=[a], max_iterations=0)),
        lambda: Flow("x", foreach("f", items=lambda ctx: [], body=[a], concurrency=0)),
        lambda: Flow("x", loop("l", while_=lambda ctx: True, body=[])),
        lambda: Flow("x", decision(a, {})),
        lambda: Flow("x", parallel("p")),
        lambda: Flow("x", node(42)),  # type: ignore[arg-type]
        lambda: Flow("x", edges=[edge(a, b), edge(b, a)]),
        lambda: Flow("x", loop("l", while_=step(a), body=[a])),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_work_is_refused_at_definition(make: Any) -> None:
    """A14: blocks that cannot run are refused where they are written."""
    with pytest.raises(DefinitionError):
        make()


def test_patterns_and_outcomes() -> None:
    """A3, A8: ok and error are outcomes and patterns; sleep takes a duration with a unit."""
    flow = Flow("x", edges=[edge(a, b, when=error("declined")), edge(a, b, when=error(...)), edge(a, b, when=ok(3))])
    assert [e.when.text for e in flow.graph.edges] == ["error('declined')", "error(_)", "ok(3)"]  # type: ignore[union-attr]
    assert sleep({"ms": 500}, "s").duration_us == 500_000
    with pytest.raises(InvalidTime, match="unknown unit 'years'"):
        sleep({"years": 1}, "s")


def test_a_condition_shows_its_source() -> None:
    """A7: a lambda is drawn as its text."""
    found = Flow("x", loop("l", while_=lambda ctx: ctx.get("n", 0) < 3, body=[a])).graph.nodes["l"]
    assert isinstance(found, g.Loop)
    assert isinstance(found.while_, g.Computed)
    assert found.while_.text == 'ctx.get("n", 0) < 3'


def test_a_flow_and_a_workflow_inside_a_flow_are_subflows() -> None:
    """A27: what is a workflow becomes a child."""

    @workflow
    async def child() -> None: ...

    flow = Flow("x", child, Flow("inner", a))
    assert [type(found) for found in flow.graph.nodes.values()] == [g.Subflow, g.Subflow]


def test_the_input_is_one_object() -> None:
    """A1: a dict, a dataclass, or keywords; anything else is refused."""
    bind = founding.order_workflow.signature.bind
    assert bind(({"order_id": "1"},), {}) == bind((), {"order_id": "1"}) == {"order_id": "1"}
    refused: list[Any] = [(1,), ({1: 2},), ({}, {})]
    for wrong in refused:
        with pytest.raises(ArgumentError):
            bind(wrong, {})


def test_the_graph_is_stored_with_the_code() -> None:
    """A27, G10: the code version holds the graph as JSON, and the flow's function is a line of its own file."""
    version = describe(founding.order_workflow)
    assert version.graph is not None
    assert g.Graph.from_json(version.graph).nodes.keys() == founding.order_workflow.graph.nodes.keys()
    function = founding.order_workflow.function
    assert isinstance(function, types.FunctionType)
    assert function.__code__.co_filename.endswith("founding.py")
