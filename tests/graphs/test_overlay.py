"""Executions laid over their workflow's graph."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from cerebelum.engine.application.graphs import draw_execution, draw_statistics
from cerebelum.engine.domain.drawing import Drawing, ExecutionMark
from cerebelum.engine.domain.renderers.mermaid import to_mermaid
from cerebelum.engine.domain.statistics import percentile
from cerebelum.graphs import get_graph_with_execution
from tests.engine.world import World
from tests.flows import drawn, founding, ledger


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An engine on a file, so that its views can be read."""
    made = await World.open(f"sqlite:///{tmp_path}/graphs.db")
    yield made
    await made.close()


def state(drawing: Drawing, node_id: str) -> ExecutionMark:
    found = drawing.node(node_id).state
    assert found is not None, f"{node_id} did not run"
    return found


async def test_states_are_those_of_the_rows(world: World, tmp_path: Path) -> None:
    """L7: status, duration_ms, started_at and completed_at of a node equal those in `step_executions`."""
    handle = await world.client.start(drawn.stands, False)
    await handle.result(20)
    shape = await get_graph_with_execution(drawn.stands, "stands", handle.id, client=world.client)
    with sqlite3.connect(tmp_path / "graphs.db") as connection:
        rows = connection.execute(
            "SELECT step, status, duration_ms, started_at, completed_at FROM step_executions "
            "WHERE workflow_id = ? AND status = 'completed' ORDER BY number",
            (handle.id,),
        ).fetchall()
    connection.close()
    by_id = {node["id"]: node["execution_state"] for node in shape["nodes"] if "execution_state" in node}
    assert list(by_id) == ["ship", "second_time", "ship_2"]
    assert [row[0] for row in rows] == ["ship", "second_time", "ship"]
    for (_, status, duration_ms, started_at, completed_at), found in zip(rows, by_id.values(), strict=True):
        assert (found["status"], int(found["duration_ms"])) == (status, duration_ms)
        assert datetime.fromisoformat(found["started_at"]) == datetime.fromisoformat(started_at)
        assert datetime.fromisoformat(found["completed_at"]) == datetime.fromisoformat(completed_at)
    assert by_id["second_time"]["attempt"] == 2


async def test_counts_untaken_branches_and_the_critical_path(world: World) -> None:
    """L7, W9: loops are counted, the branch not taken is dashed, and the way that took the time is bold."""
    handle = await world.client.start(drawn.counted, 3)
    await handle.result(20)
    found = await draw_execution(world.engine, handle.id)
    assert state(found, "ship").count == 3
    counts = {(edge.source, edge.target): edge.count for edge in found.edges}
    assert counts["foreach_number", "ship"] == counts["ship", "foreach_number"] == 3
    assert counts["fork", "second_time_2"] == counts["fork", "charge_card"] == 1
    untaken = {node.id for node in found.nodes if node.untaken}
    assert untaken == {"second_time", "undo_refund"}
    critical = {node.id for node in found.nodes if node.critical}
    last, other = sorted(
        ("second_time_2", "charge_card"), key=lambda name: state(found, name).completed_at or "", reverse=True
    )
    assert {"start", "ship", "fork", last, "join", "ship_2", "end"} <= critical
    assert not critical & {other, "second_time"}
    text = to_mermaid(found)
    assert "==>" in text
    assert "-.->" in text


async def test_a_running_step_is_active(world: World) -> None:
    """L8: during attempt 2 the node is running, active, with its progress; what can still come is not called untaken."""
    handle = await world.client.start(drawn.stands)
    await world.at_gate(handle)
    await world.until(handle, lambda view: any(step.progress for step in view.steps))
    found = await draw_execution(world.engine, handle.id)
    mark = state(found, "slow")
    assert (mark.status, mark.attempt, mark.active, mark.progress) == ("running", 2, True, 40)
    assert mark.completed_at is None
    assert {node.id for node in found.nodes if node.untaken} == {"second_time"}
    ledger.gate(handle.id).set()
    await handle.result(20)


async def test_a_failed_execution_shows_where(world: World) -> None:
    """L7: the failed node is failed, and what came behind it was not taken."""
    handle = await world.client.start(drawn.failing)
    await world.until_status(handle, "failed")
    found = await draw_execution(world.engine, handle.id)
    assert state(found, "no_stock").status == "failed"
    assert found.node("ship_2").untaken
    assert found.node("end").untaken
    assert found.node("no_stock").critical


async def test_a_flow_is_matched_by_place(world: World) -> None:
    """L7: passes of a loop are counted at their node, and the decision's other branch is dashed."""
    handle = await world.client.start(drawn.flow, {"total": 5})
    await handle.result(20)
    found = await draw_execution(world.engine, handle.id, drawn.flow)
    assert state(found, "count_pass").count == 2
    assert state(found, "decision_risk").status == "completed"
    assert {node.id for node in found.nodes if node.untaken} == {"work"}
    taken = {edge.label for edge in found.edges if edge.source == "decision_risk" and edge.count}
    assert taken == {"low"}


async def test_what_was_undone_stands_at_its_compensation(world: World) -> None:
    """L7: a flow's compensation is a record of its own node, and does not count as another run of what it undoes."""
    handle = await world.client.start(founding.book_travel, {"declined": True})
    await world.until_status(handle, "failed")
    found = await draw_execution(world.engine, handle.id, founding.book_travel)
    for booked, undo in (("book_flight", "undo_cancel_flight"), ("book_hotel", "undo_cancel_hotel")):
        assert (state(found, booked).count, state(found, undo).count) == (1, 1)
        assert not found.node(undo).untaken
    assert state(found, "charge_customer").status == "failed"


async def test_statistics_are_over_many(world: World) -> None:
    """W9: `--stats` gives p50, p95 and the failure rate of each node over the executions of its workflow."""
    for _ in range(3):
        await (await world.client.start(drawn.counted, 2)).result(20)
    failed = await world.client.start(drawn.failing)
    await world.until_status(failed, "failed")
    found = await draw_statistics(world.engine, drawn.counted)
    numbers = found.node("ship").statistics
    assert numbers is not None
    assert (numbers.count, numbers.failure_rate) == (3, 0)
    assert 0 < numbers.p50_ms <= numbers.p95_ms
    assert found.node("second_time").statistics is None
    other = (await draw_statistics(world.engine, drawn.failing)).node("no_stock").statistics
    assert other is not None
    assert other.failure_rate == 1


def test_percentiles_are_values_that_occurred() -> None:
    """W9: nearest rank: of twenty values p50 is the tenth and p95 the nineteenth."""
    values = [float(number) for number in range(20, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile([7.0], 0.95)) == (10, 19, 7)
