from __future__ import annotations

import pytest

from cerebelum.engine.domain.errors_code import NoWorkflow, SeveralWorkflows, WorkflowNotInFlow
from cerebelum.engine.runtime.code.loading import load_flow
from cerebelum.engine.runtime.code.selection import select_workflow
from tests.engine.runtime.code.conftest import WriteFile

TWO = "WORKFLOW\n@workflow\nasync def order(): pass\n@workflow('give-back')\nasync def refund(): pass\n"


def test_the_only_workflow_needs_no_name(write: WriteFile) -> None:
    """A6: `cerebelum run flow.py` is enough when there is one, children in helper modules notwithstanding."""
    write("children.py", "WORKFLOW\n@workflow\nasync def child(): pass\n")
    source = "WORKFLOW\nfrom children import child\n@workflow\nasync def order(): pass\n"
    flow = load_flow(write("flow.py", source))
    assert select_workflow(flow).name == "order"
    assert select_workflow(flow, "child").name == "child"


def test_a_file_that_only_passes_a_workflow_on_means_that_one(write: WriteFile) -> None:
    """A6: `main.py` that imports its workflow from a module can be run."""
    write("lib/order.py", "WORKFLOW\n@workflow\nasync def order(): pass\n")
    assert select_workflow(load_flow(write("main.py", "from lib.order import order\n"))).name == "order"


def test_several_workflows_must_be_told_apart_by_name(write: WriteFile) -> None:
    """A6: the message lists what to type; then the name, or the variable, chooses."""
    flow = load_flow(write("flow.py", TWO))
    with pytest.raises(SeveralWorkflows, match=r"(?s)run .*flow\.py:order\n.*run .*flow\.py:give-back") as caught:
        select_workflow(flow)
    assert (caught.value.code, caught.value.exit_code) == ("CB105", 9)
    assert select_workflow(flow, "give-back") is select_workflow(flow, "refund")


def test_an_unknown_name_is_answered_with_the_nearest(write: WriteFile) -> None:
    """A6: exit code 3, the names there are, and the one that was likely meant."""
    flow = load_flow(write("flow.py", TWO))
    with pytest.raises(WorkflowNotInFlow, match=r"(?s)known: order, give-back.*run .*flow\.py:order") as caught:
        select_workflow(flow, "ordre")
    assert (caught.value.code, caught.value.exit_code, caught.value.nearest) == ("CB107", 3, "order")


def test_a_flow_without_a_workflow_points_at_what_looks_like_one(write: WriteFile) -> None:
    """A6: an undecorated `async def` is shown with its line."""
    source = "async def fetch(): pass\nasync def order(n: int): await fetch()\ndef plain(): pass\n"
    with pytest.raises(NoWorkflow) as caught:
        select_workflow(load_flow(write("flow.py", source)))
    text = str(caught.value)
    assert "no function under @workflow" in text
    assert "> 2 | async def order(n: int): await fetch()" in text
    assert "above line 2" in text
    assert (caught.value.code, caught.value.exit_code) == ("CB104", 9)


def test_an_empty_flow_says_how_to_begin(write: WriteFile) -> None:
    """A6: with nothing to point at, the message says what a workflow is."""
    flow = load_flow(write("flow.py", ""))
    with pytest.raises(NoWorkflow, match="explain CB104"):
        select_workflow(flow)
    with pytest.raises(NoWorkflow):
        select_workflow(flow, "order")
