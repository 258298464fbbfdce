"""What validation finds in a graph: everything, in its exact words, at any size."""

from __future__ import annotations

from typing import Any

import pytest

from cerebelum.engine.domain import graph as g
from cerebelum.engine.domain.graph_checks import MOST_LEVELS, MOST_NODES, check, reachable_functions


def one(state: Any) -> Any:
    return state


def two(state: Any, more: Any) -> Any:
    return state, more


def step(function: Any = one) -> g.Step:
    return g.Step(g.FunctionRef.of(function), passes="state")


def graph(*edges: g.Edge, entrypoint: str = "a", **nodes: g.Node) -> g.Graph:
    return g.Graph("flow", entrypoint, nodes or {"a": step(), "b": step()}, edges)


def test_all_faults_are_listed_at_once() -> None:
    """A13, A14, A25: three separate faults give three entries, each in its exact words."""
    found = check(graph(g.Edge("a", "nowhere"), entrypoint="begin", a=step(two)), owner="my_app.ProcessOrder")
    assert found.faults == [
        "Entrypoint 'begin' not found in nodes",
        "Edge references unknown node: nowhere",
        "Function two not exported from my_app.ProcessOrder",
    ]


CYCLE = (g.Edge("a", "b"), g.Edge("b", "a"))


def test_a_cycle_that_nothing_ends_is_refused() -> None:
    """A16: the texts of both forms; a definition asks for max_iterations even where there is a condition."""
    text = "Workflow contains cycles without iteration guards - potential infinite loop"
    assert check(graph(*CYCLE)).faults == [f"{text}: a -> b -> a"]
    definition = check(graph(CYCLE[0], g.Edge("b", "a", g.Expression("x > 1"))), is_definition=True)
    assert definition.faults == ["Workflow contains cycles without max_iterations: a -> b -> a"]


def test_a_guarded_cycle_is_accepted() -> None:
    """A16: with a condition it is accepted with a warning, with max_iterations without one."""
    guarded = check(graph(CYCLE[0], g.Edge("b", "a", g.Expression("x > 1"))))
    assert not guarded.faults
    assert len(guarded.warnings) == 1
    bounded = check(graph(CYCLE[0], g.Edge("b", "a", max_iterations=5)))
    assert not bounded.faults
    assert not bounded.warnings


def test_what_cannot_be_reached_is_a_warning() -> None:
    """A15: a function that no edge leads to is a warning that names it, no fault."""
    found = check(graph(a=step(), lonely=step()))
    assert not found.faults
    assert found.warnings == ["lonely cannot be reached from a"]


def test_reachable_functions_are_found_depth_first() -> None:
    """A12: all that the entry point leads to, in the order of a depth-first search."""

    def make(name: str) -> g.Step:
        return g.Step(g.FunctionRef(f"m:{name}", one))

    edges = (g.Edge("a", "b"), g.Edge("a", "c"), g.Edge("b", "d"))
    whole = g.Graph("flow", "a", {name: make(name) for name in "abcde"}, edges)
    assert [found.name for found in reachable_functions(whole)] == ["m:a", "m:b", "m:d", "m:c"]


@pytest.mark.parametrize("shape", ["chain", "wide"])
def test_a_graph_of_a_hundred_thousand_nodes_is_refused(shape: str) -> None:
    """A14: at once, and without a stack overflow."""
    nodes: dict[str, g.Node] = {str(number): step() for number in range(100_000)}
    large = g.Graph.chain("large", nodes) if shape == "chain" else g.Graph("large", "0", nodes)
    assert check(large).faults == [f"the graph has more than {MOST_NODES:,} nodes; use subflows"]


def test_a_thousand_levels_are_refused() -> None:
    """A14: so is what is nested a thousand deep."""
    inner = graph(a=step())
    for _ in range(1_000):
        inner = graph(a=g.Sequence(inner))
    assert check(inner).faults == [f"blocks are nested deeper than {MOST_LEVELS} levels"]


def test_a_long_chain_is_checked_without_recursion() -> None:
    """A16: a cycle around ten thousand nodes is found."""
    nodes: dict[str, g.Node] = {str(number): step() for number in range(10_000)}
    chain = g.Graph.chain("long", nodes)
    around = g.Graph("long", "0", nodes, (*chain.edges, g.Edge("9999", "0")))
    assert not check(chain).faults
    assert len(check(around).faults) == 1


def test_a_graph_survives_its_json() -> None:
    """A27: what is stored with the code gives the same graph again, functions by name."""
    whole = g.Graph.chain(
        "flow",
        {
            "a": g.Step(g.FunctionRef.of(one), g.StepOptions(timeout_us=5, compensate=g.FunctionRef.of(two))),
            "b": g.Decision(g.FunctionRef.of(one), {"yes": graph(a=step()), "no": g.Graph("no")}),
            "c": g.Switch(g.Expression("kind"), (g.Case("x", graph(a=step())),), graph(a=step())),
            "d": g.Loop(g.Computed(g.FunctionRef.of(one), "ctx.n < 3"), graph(a=step()), 5),
            "e": g.Parallel((graph(a=step()), graph(a=step()))),
            "f": g.ForEach(g.Expression("items"), graph(a=step()), 2, "out"),
            "g": g.Map(g.FunctionRef.of(one), g.Expression("items")),
            "h": g.Delay(5), "i": g.Signal("go"), "j": g.Input("review"),
            "k": g.Subflow(g.FunctionRef("m:child")), "l": g.Sequence(graph(a=step())),
        },
    )  # fmt: skip
    again = g.Graph.from_json(whole.as_json())
    assert again == whole
    assert [place for place, _ in g.all_nodes(again)].count("b/yes/a") == 1
