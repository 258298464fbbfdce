"""Compensation: newest first, once each, and the original error stays the error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from cerebelum import ExecutionCancelled, ExecutionFailed, step
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.testing.crashes import crash_everywhere
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger, sagas


async def test_completed_steps_are_undone_newest_first(world: World) -> None:
    """D12, D13, D14: those with `compensate` only, each given the step's own result; the failed step is not undone."""
    handle = await world.client.start(sagas.trip)
    with pytest.raises(ExecutionFailed):
        await handle.result(PATIENCE_S)
    expected = ["book flight", "book hotel", "charge", "charge", "cancel hotel 4", "cancel flight 17"]
    assert ledger.effects[handle.id] == expected


async def test_the_original_error_stays_the_error(world: World) -> None:
    """D15: the row and the final event tell why it failed; the compensations are in the history."""
    handle = await world.client.start(sagas.trip)
    with pytest.raises(ExecutionFailed, match="card declined"):
        await handle.result(PATIENCE_S)
    assert "card declined" in ((await handle.describe()).row.error or "")
    assert [event.name for event in await world.events(handle, ev.CompensationStarted)] == [
        "cancel_hotel",
        "cancel_flight",
    ]
    assert len(await world.events(handle, ev.CompensationCompleted)) == 2


async def test_a_saga_block_undoes_what_was_added_to_it(world: World) -> None:
    """D12: `undo.add` inside `async with saga()`."""
    handle = await world.client.start(sagas.trip_by_hand)
    with pytest.raises(ExecutionFailed, match="card declined"):
        await handle.result(PATIENCE_S)
    assert ledger.effects[handle.id][-2:] == ["cancel hotel 5", "cancel flight 6"]


async def test_steps_that_never_ran_are_not_undone(world: World) -> None:
    """D13: after a failure in the second of three only the first is undone."""
    handle = await world.client.start(sagas.half_a_trip)
    with pytest.raises(ExecutionFailed):
        await handle.result(PATIENCE_S)
    assert ledger.effects[handle.id] == ["book flight", "charge", "charge", "cancel flight 17"]


async def test_code_may_go_on_after_a_saga_failed(world: World) -> None:
    """D12: the block is undone where it stands, and its error can be caught around it."""
    handle = await world.client.start(sagas.caught)
    assert await handle.result(PATIENCE_S) == "went on after: card declined"
    assert ledger.effects[handle.id][-1] == "cancel flight 17"


async def test_a_compensation_that_fails_does_not_stop_the_others(world: World) -> None:
    """D15, D16: its failure is recorded, the rest is undone, and the original error stays."""
    handle = await world.client.start(sagas.undone_badly)
    with pytest.raises(ExecutionFailed, match="card declined"):
        await handle.result(PATIENCE_S)
    assert ledger.effects[handle.id][-3:] == ["cancel hotel 5", "cannot undo", "cancel flight 6"]
    assert [event.error.message for event in await world.events(handle, ev.CompensationFailed)] == ["stuck"]


async def test_branches_that_completed_are_undone(world: World) -> None:
    """D12, A38: of a gather too."""
    handle = await world.client.start(sagas.parallel_trip)
    with pytest.raises(ExecutionFailed):
        await handle.result(PATIENCE_S)
    assert sorted(ledger.effects[handle.id][-2:]) == ["cancel flight 17", "cancel hotel 4"]


async def test_a_crash_between_two_compensations_repeats_none(world: World) -> None:
    """D16: killed while the second one runs, the next process runs only what was not done yet."""
    handle = await world.client.start(sagas.dies_while_undoing)
    await world.at_gate(handle, "undo")
    await world.until(
        handle, lambda view: any(step.name == "cancel_hotel" and step.status == "completed" for step in view.steps)
    )
    ledger.gate(handle.id, "undo").set()
    ledger.effects[handle.id].remove("at undo")
    handle = await world.crash_and_come_back(handle, sagas.dies_while_undoing)
    with pytest.raises(ExecutionFailed, match="card declined"):
        await handle.result(PATIENCE_S)
    assert ledger.effects[handle.id].count("cancel hotel 5") == 1
    assert ledger.effects[handle.id].count("undone at gate") == 1


@pytest.mark.parametrize("workflow", [sagas.trip, sagas.caught], ids=lambda flow: flow.name)
async def test_a_rollback_ends_the_same_after_a_crash_at_each_event(
    make_engine: Callable[[], Awaitable[Engine]], workflow: object
) -> None:
    """D16: at every point of the rollback."""
    await crash_everywhere(make_engine, workflow)  # type: ignore[arg-type]


async def test_a_workflow_timeout_compensates(world: World) -> None:
    """D10: when its time is up, what was done is undone, and it failed with the timeout."""
    handle = await world.client.start(sagas.too_long_a_trip)
    with pytest.raises(ExecutionFailed) as failed:
        await handle.result(PATIENCE_S)
    assert failed.value.error_type == "WorkflowTimedOut"
    assert ledger.effects[handle.id] == ["book flight", "book hotel", "cancel hotel 4", "cancel flight 17"]


async def test_a_cancellation_compensates(world: World) -> None:
    """D12, H10: what was done is undone, and it ends as cancelled with its reason."""
    handle = await world.client.start(sagas.cancelled_trip)
    await world.until_status(handle, "waiting")
    await handle.cancel("changed my mind")
    with pytest.raises(ExecutionCancelled, match="changed my mind"):
        await handle.result(PATIENCE_S)
    assert ledger.effects[handle.id] == ["book flight", "cancel flight 17"]


def test_a_compensation_that_does_not_exist_is_refused_at_definition() -> None:
    """D17: by the name itself when it is misspelt, and by us when it is no function."""
    with pytest.raises(DefinitionError, match="'refund'"):
        step(compensate="refund")(len)  # type: ignore[call-overload]
    with pytest.raises(NameError):
        step(compensate=refnud)(len)  # type: ignore[name-defined]  # noqa: F821
