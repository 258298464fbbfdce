"""An execution's statuses: how it moves between them, and what may be asked of it in each."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cerebelum import ExecutionCancelled, ExecutionFailed
from cerebelum.engine.application.client import Handle
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ExecutionNotFound, ForbiddenTransition
from cerebelum.engine.domain.execution import STATUSES, Status, can_transition, check_transition
from tests.engine.world import PATIENCE_S, World, types_of
from tests.flows import ledger, lifecycle, steps

ALLOWED = {
    "pending": {"running", "paused", "failed", "cancelled"},
    "running": {"waiting", "paused", "completed", "failed", "cancelled"},
    "waiting": {"running", "paused", "completed", "failed", "cancelled"},
    "paused": {"running", "waiting", "failed", "cancelled"},
}
LATER = timedelta(hours=1)


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_the_table_of_transitions(before: Status, after: Status) -> None:
    """H1, H2, H3: of the 49 pairs exactly these are allowed; the final statuses have no way out."""
    assert can_transition(before, after) == (after in ALLOWED.get(before, set()))
    if not can_transition(before, after):
        with pytest.raises(ForbiddenTransition, match=f"Cannot start execution in {before} state"):
            check_transition(before, after, verb="start")


async def bring(world: World, status: str) -> Handle[Any]:
    """Return an execution in `status`."""
    if status == "pending":
        handle: Handle[Any] = await world.client.start(lifecycle.quick, scheduled_at=datetime.now(UTC) + LATER)
    elif status == "running":
        handle = await world.client.start(lifecycle.busy)
        await world.at_gate(handle, "never")
    elif status in ("waiting", "paused"):
        handle = await world.client.start(lifecycle.long_wait)
        await world.until_status(handle, "waiting")
        if status == "paused":
            await handle.pause("for the test")
    elif status == "completed":
        handle = await world.client.start(lifecycle.quick)
    elif status == "failed":
        handle = await world.client.start(steps.raises_itself)
    else:
        handle = await world.client.start(lifecycle.long_sleep)
        await handle.cancel("for the test")
    await world.until_status(handle, status)
    return handle


@pytest.mark.parametrize("status", ["pending", "running", "waiting", "paused"])
async def test_cancel_ends_an_open_execution(world: World, status: str) -> None:
    """H1, H10: in each open status it ends as cancelled, with its reason and the time."""
    handle = await bring(world, status)
    await handle.cancel("no longer wanted")
    with pytest.raises(ExecutionCancelled, match="no longer wanted"):
        await handle.result(PATIENCE_S)
    view = await world.until_status(handle, "cancelled")
    assert view.row.completed_at_us is not None
    assert view.state.reason == "no longer wanted"
    assert types_of(await handle.history())[-1] == "execution_cancelled"


@pytest.mark.parametrize("status", ["pending", "running", "waiting"])
async def test_pause_stops_an_open_execution_and_resume_lets_it_go_on(world: World, status: str) -> None:
    """H1, H8, H9: pausing is possible in each open status, and resuming brings it back to where it was."""
    handle = await bring(world, status)
    await handle.pause("hold on")
    view = await world.until_status(handle, "paused")
    assert view.state.reason == "hold on"
    await handle.resume()
    await world.until_status(handle, status)
    assert types_of(await handle.history()).count("execution_resumed") == 1


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "signal"])
async def test_nothing_can_be_asked_of_an_ended_execution(world: World, status: str, verb: str) -> None:
    """H3, H4: the error names the verb and the status, and neither the row nor the history changes."""
    handle = await bring(world, status)
    row, history = (await handle.describe()).row, await handle.history()
    with pytest.raises(ForbiddenTransition, match=f"Cannot {verb} execution in {status} state"):
        await (handle.signal("go") if verb == "signal" else getattr(handle, verb)())
    assert (await handle.describe()).row == row
    assert await handle.history() == history


async def test_a_paused_execution_cannot_be_paused(world: World) -> None:
    """H4: and nothing changes."""
    handle = await bring(world, "paused")
    history = await handle.history()
    with pytest.raises(ForbiddenTransition, match="Cannot pause execution in paused state"):
        await handle.pause()
    assert await handle.history() == history


async def test_the_row_follows_the_execution(world: World) -> None:
    """H5, H6, H14: the start returns at once; then the times are set, and each step is named as it comes."""
    handle = await world.client.start(lifecycle.three_steps)
    for name in ("one", "two", "three"):
        await world.at_gate(handle, name)
        row = (await world.until(handle, lambda view, name=name: view.row.current_step == name)).row  # type: ignore[misc]
        assert row.status == "running"
        assert row.started_at_us is not None
        assert row.completed_at_us is None
        ledger.gate(handle.id, name).set()
    assert await handle.result(PATIENCE_S) == ["one", "two", "three"]
    row = (await handle.describe()).row
    assert (row.status, row.current_step, row.error) == ("completed", None, None)
    assert row.completed_at_us is not None
    assert row.started_at_us is not None
    assert row.inserted_at_us <= row.started_at_us <= row.completed_at_us


async def test_a_failed_execution_keeps_its_error(world: World) -> None:
    """H5: error and time are on the row."""
    handle = await bring(world, "failed")
    row = (await handle.describe()).row
    assert row.error == "RuntimeError: from the workflow"
    assert row.completed_at_us is not None


async def test_pause_lets_the_step_in_progress_finish_and_begins_no_other(world: World) -> None:
    """H8, H9: the running step is recorded, the next is not begun until resume, and none is repeated."""
    handle = await world.client.start(lifecycle.three_steps)
    await world.at_gate(handle, "one")
    await handle.pause()
    await world.until_status(handle, "paused")
    for name in ("one", "two", "three"):
        ledger.gate(handle.id, name).set()
    await world.until(handle, lambda view: view.steps[0].status == "completed")
    view = await world.until(handle, lambda view: view.row.owner is None)
    assert [step.name for step in view.steps] == ["one"]
    assert view.row.status == "paused"
    await handle.resume()
    assert await handle.result(PATIENCE_S) == ["one", "two", "three"]
    assert ledger.effects[handle.id] == ["at one", "at two", "at three"]


async def test_a_pause_outlives_a_crash(world: World) -> None:
    """H8: a process that takes over begins no further step either."""
    handle = await world.client.start(lifecycle.three_steps)
    await world.at_gate(handle, "one")
    await handle.pause()
    await world.until_status(handle, "paused")
    handle = await world.crash_and_come_back(handle, lifecycle.three_steps)
    for name in ("one", "two", "three"):
        ledger.gate(handle.id, name).set()
    view = await world.until(handle, lambda view: view.row.owner is None)
    assert view.row.status == "paused"
    assert "at two" not in ledger.effects[handle.id]
    await handle.resume()
    assert await handle.result(PATIENCE_S) == ["one", "two", "three"]


async def paused_napper(world: World) -> tuple[Handle[Any], int]:
    """Return an execution that was paused while it slept, and when its timer is due."""
    seconds = 0.05
    while True:
        handle = await world.client.start(lifecycle.naps_a_little, seconds)
        due_us = world.node.clock.now_us() + int(seconds * 1e6)
        try:
            await handle.pause()
        except ForbiddenTransition:  # a busy machine: it has slept enough already
            seconds *= 3
            continue
        await world.until_status(handle, "paused")
        return handle, due_us


async def test_a_timer_that_comes_due_during_a_pause_fires_after_it(world: World) -> None:
    """H8, H9: a paused sleeper does not wake; resumed, it goes on."""
    handle, due_us = await paused_napper(world)
    async with asyncio.timeout(PATIENCE_S):
        while world.node.clock.now_us() <= due_us:  # noqa: ASYNC110 - nothing tells that the instant has passed
            await asyncio.sleep(0.005)
    assert "timer_fired" not in types_of(await handle.history())
    await handle.resume()
    assert await handle.result(PATIENCE_S) == "awake"


async def test_cancel_stops_the_running_step(world: World) -> None:
    """H11: its task is cancelled, and nothing of it is left on the node."""
    handle = await bring(world, "running")
    await handle.cancel()
    with pytest.raises(ExecutionCancelled):
        await handle.result(PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while "stopped" not in ledger.effects[handle.id] or world.node.steps.attempts:  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0.005)
    assert handle.id not in world.node.resident


async def test_cancel_drops_timers_and_waits(world: World) -> None:
    """H11: nothing wakes it any more, a later signal is refused, and its inbox is empty."""
    sleeper = await world.client.start(lifecycle.long_sleep)
    await world.until_status(sleeper, "waiting")
    await sleeper.cancel()
    with pytest.raises(ExecutionCancelled):
        await sleeper.result(PATIENCE_S)
    row = (await world.until_status(sleeper, "cancelled")).row
    assert (row.wake_at_us, row.owner) == (None, None)
    with pytest.raises(ForbiddenTransition):
        await sleeper.signal("go")
    assert await world.store.inbox_of(sleeper.id) == []


async def test_an_execution_scheduled_for_later_stays_pending(world: World) -> None:
    """H12: until its time has come; then it runs."""
    far = await world.client.start(lifecycle.quick, scheduled_at=datetime.now(UTC) + LATER)
    at = datetime.now(UTC) + timedelta(milliseconds=200)
    soon = await world.client.start(lifecycle.quick, "it is time", scheduled_at=at)
    assert (await soon.describe()).row.status == "pending"
    assert await soon.result(PATIENCE_S) == "it is time"
    row = (await world.until_status(soon, "completed")).row
    assert row.scheduled_at_us is not None
    assert row.started_at_us is not None
    assert row.started_at_us >= row.scheduled_at_us
    await far.signal("early")  # a node takes it up to record the signal
    row = (await world.until(far, lambda view: bool(view.state.signals) and view.row.owner is None)).row
    assert (row.status, row.started_at_us, row.wake_at_us) == ("pending", None, row.scheduled_at_us)


async def test_the_status_of_an_unknown_execution_is_not_found(world: World) -> None:
    """H15, N1: the error names the id."""
    with pytest.raises(ExecutionNotFound, match="exec-nope"):
        await world.client.handle("exec-nope").describe()
    with pytest.raises(ExecutionNotFound, match="exec-nope"):
        await world.client.handle("exec-nope").result(PATIENCE_S)


async def test_a_failure_of_one_leaves_the_others_alone(world: World) -> None:
    """H2, A5: of many executions on one node only the failing one fails."""
    handles = [await world.client.start(lifecycle.quick, str(n)) for n in range(10)]
    bad = await world.client.start(steps.raises_itself)
    with pytest.raises(ExecutionFailed):
        await bad.result(PATIENCE_S)
    assert [await handle.result(PATIENCE_S) for handle in handles] == [str(n) for n in range(10)]


async def test_cancel_is_recorded_once(world: World) -> None:
    """H10: asked twice, it ends once, for the first reason."""
    handle = await bring(world, "waiting")
    await handle.cancel("first")
    with contextlib.suppress(ForbiddenTransition):  # it may have ended by now
        await handle.cancel("second")
    with pytest.raises(ExecutionCancelled, match="first"):
        await handle.result(PATIENCE_S)
    assert len(await world.events(handle, ev.ExecutionCancelledEvent)) == 1
