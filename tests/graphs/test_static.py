"""What the source of a function says, where the golden pictures do not show it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cerebelum import step, workflow
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_code import SourceMissing
from cerebelum.graphs import draw, generate, to_ascii, to_cytoscape, to_dot, to_mermaid, to_svg
from tests.flows import drawn, plain_only


@step
async def look(item: int) -> int:
    return item


@workflow
async def with_helpers(number: int = 1) -> int:
    async def twice(item: int) -> int:
        return await look(item) + await look(item)

    first = await twice(number)
    aliased = look
    later = aliased(first)
    return await later


@workflow
async def deep(number: int = 1) -> int:
    if number > 1:
        if number > 2:
            return await look(1)
        number += 1
    if number:
        number = 0
    return number


def test_functions_within_are_followed_and_aliases_known() -> None:
    """L5: a local function is drawn in the place of each call, a coroutine where it is awaited."""
    assert [node.id for node in draw(with_helpers).nodes] == ["start", "look", "look_2", "look_3", "end"]


def test_a_branch_without_records_is_not_drawn() -> None:
    """L5: an `if` in which nothing is recorded and that ends nothing leaves the picture alone."""
    decisions = [node.label for node in draw(deep).nodes if node.type == "decision"]
    assert decisions == ["number > 1", "number > 2"]


def test_plain_def_workflows_are_drawn_without_await() -> None:
    """L5: in a plain `def` workflow a call of a step is drawn although nothing is awaited."""
    drawing = draw(plain_only.generators)
    assert [node.type for node in drawing.nodes] == ["start", "foreach", "step", "foreach", "step", "end"]


def test_a_dynamic_call_is_dotted_and_says_so() -> None:
    """L5: what only a running execution knows is never guessed."""
    drawing = draw(drawn.dynamic)
    dotted = [node.label for node in drawing.nodes if node.dotted]
    assert dotted == [
        "HANDLERS[kind]: known only when it runs",
        "handler: known only when it runs",
        "again: calls itself, not followed",
    ]


def test_a_flow_and_a_workflow_go_through_the_same_functions() -> None:
    """L1: `generate` and the exports take functions and flows, and one name for the picture."""
    for workflow_ in (drawn.chain, drawn.flow):
        assert set(generate(workflow_, "named")) == {"nodes", "edges"}
        assert to_mermaid(workflow_).startswith("flowchart")
        assert to_dot(workflow_).startswith("digraph")
        assert to_cytoscape(workflow_)["elements"]["nodes"]
        assert to_svg(workflow_).startswith("<svg")
        assert "Start" in to_ascii(workflow_)


def test_what_has_no_graph_is_refused() -> None:
    """L1: anything else is refused with its name."""
    with pytest.raises(DefinitionError, match="has no graph"):
        draw("order")


def test_a_function_without_source_is_refused() -> None:
    """L5: a workflow that was made by `exec` has no source to read, and says so."""
    scope: dict[str, object] = {"__name__": "nowhere"}
    exec("from cerebelum import workflow\n@workflow\nasync def made() -> None: ...", scope)
    with pytest.raises(SourceMissing):
        draw(scope["made"])


def test_importing_cerebelum_loads_no_renderer() -> None:
    """W10: graphs cost nothing until they are asked for."""
    code = "import sys, cerebelum; assert not [m for m in sys.modules if 'renderers' in m or 'static_' in m]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_together_forks_and_joins() -> None:
    """L5: `together(partial(step, …), …)` of plain workflows is a fork and a join; helpers in it are followed."""
    drawing = draw(plain_only.branches)
    types = [node.type for node in drawing.nodes]
    assert types.count("fork") == types.count("join") == 2
    assert {node.name for node in drawing.nodes if node.type == "step"} == {"slow", "echo"}
