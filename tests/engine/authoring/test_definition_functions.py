"""Which functions a definition reaches, and the graph it becomes."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from cerebelum.engine.authoring.definitions.checking import Definition
from cerebelum.engine.authoring.definitions.compiling import compiled
from cerebelum.engine.authoring.definitions.functions import FunctionTable
from cerebelum.engine.domain import graph as g
from cerebelum.engine.domain.errors_flow import InvalidFlow
from tests.flows.definition_samples import WHOLE, a_step, function


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """A module that definitions may name."""
    (tmp_path / "my_steps_of_definitions.py").write_text(
        "import os\nfrom os import system\nfrom json import dumps\nfrom cerebelum import step\n"
        "def plain(item): return item\n@step\ndef declared(item): return item\n"
        "class Group:\n    @staticmethod\n    def inside(item): return item\n    def method(self): ...\n"
        "value = 3\n_private = plain\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    import my_steps_of_definitions  # type: ignore[import-not-found]

    found: ModuleType = my_steps_of_definitions
    return found


@pytest.mark.parametrize("name", ["plain", "declared", "Group.inside"])
def test_own_functions_are_found(module: ModuleType, name: str) -> None:
    """A22: functions and steps of a module are found by their names."""
    assert callable(FunctionTable().find(f"{module.__name__}:{name}"))


@pytest.mark.parametrize(
    "name, reason",
    [
        ("os:system", "module 'os' is not yours"),
        ("builtins:eval", "module 'builtins' is not yours"),
        ("subprocess:run", "module 'subprocess' is not yours"),
        ("cerebelum.connect:open_store", "is not yours"),
        ("my_steps_of_definitions:system", "is no function or step"),
        ("my_steps_of_definitions:os.system", "is no function or step"),
        ("my_steps_of_definitions:os.path.join", "is only imported there: it belongs to module"),
        ("my_steps_of_definitions:dumps", "is only imported there: it belongs to module 'json'"),
        ("my_steps_of_definitions:Group", "is no function or step, but type"),
        ("my_steps_of_definitions:value", "is no function or step, but int"),
        ("my_steps_of_definitions:missing", "Function missing not exported from my_steps_of_definitions"),
        ("there_is_no_such_module:f", "module 'there_is_no_such_module' cannot be imported: ModuleNotFoundError"),
    ],
)
def test_nothing_else_is_reached(module: ModuleType, name: str, reason: str) -> None:
    """A22, A26: data reaches functions that its author's modules define, and no others."""
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        FunctionTable().find(name)


def test_with_a_table_nothing_is_imported() -> None:
    """A22: where functions are registered by name, a definition can name those alone."""
    table = FunctionTable({"m:f": function})
    assert table.find("m:f") is function
    with pytest.raises(ValueError, match=r"function 'json:dumps' is not registered \(known: m:f\)"):
        table.find("json:dumps")


def test_functions_that_are_missing_are_all_told() -> None:
    """A14, A22: each with the id of its node, in blocks too."""
    with pytest.raises(InvalidFlow) as refused:
        compiled(Definition.new(WHOLE), FunctionTable({}))
    assert [fault.partition(":")[0] for fault in refused.value.faults] == [
        "node 'load'",
        "node 'one'",
        "node 'one'",
        "node 'two'",
    ]


def test_the_graph_says_what_the_definition_says() -> None:
    """A20, A23, A27, G10: all six types become the one form of graph, which is kept as JSON and read back."""
    graph = compiled(Definition.new(WHOLE), FunctionTable({"m:f": a_step}))
    assert list(graph.nodes) == ["load", "large", "both", "wait"]
    load, both, wait = graph.nodes["load"], graph.nodes["both"], graph.nodes["wait"]
    assert isinstance(load, g.Map)
    assert isinstance(load.items, g.Computed)
    assert load.items.function.function is not None
    assert load.items.function.function({}) == [1, 2]
    assert isinstance(both, g.Parallel)
    inner = both.branches[0].nodes["one"]
    assert isinstance(inner, g.Step)
    assert (inner.options.queue, inner.options.timeout_us, inner.options.retry.max_attempts) == ("q", 300_000_000, 2)
    assert wait == g.Delay(86_400_000_000)
    assert graph.edges[0] == g.Edge("wait", "load", g.Expression("again"), "once more", 3)
    assert [edge.when for edge in graph.out_of("large")] == [
        g.Expression("len(loaded) > 1"), g.Expression("not (len(loaded) > 1)"),
    ]  # fmt: skip
    assert g.Graph.from_json(graph.as_json()).as_json() == graph.as_json()
