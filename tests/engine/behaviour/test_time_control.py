"""Time that is made faster, held or skipped: timers and histories stay what they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cerebelum import ExecutionFailed
from cerebelum.engine.application.client import Handle
from cerebelum.engine.runtime.presence import certainly_dead
from cerebelum.engine.runtime.time_control import TimeControl
from cerebelum.engine.testing import invariants
from tests.engine.world import PATIENCE_S, World, whole_history
from tests.flows import timed
from tests.flows.timed import FAR_S, NEAR_S

KINDS: dict[str, Any] = {
    "sleep": timed.sleeps, "fails_once": timed.retries, "signal paid": timed.waits, "input approval": timed.asks,
    "timeout": timed.limits,
}  # fmt: skip
TIME_WAITS = [pytest.param(workflow, what, id=what.split()[0]) for what, workflow in KINDS.items()]
DURATIONS = [pytest.param(NEAR_S, id="in-memory"), pytest.param(FAR_S, id="at-rest")]
WORKFLOWS: dict[str, Any] = {
    each.name: each for each in (*KINDS.values(), timed.sleeps_twice, timed.works, timed.sleeps_beside_a_wait)
}


@pytest.fixture
def control() -> TimeControl:
    """The node's clock."""
    return TimeControl()


@pytest.fixture
async def world(url: str, control: TimeControl) -> AsyncIterator[World]:
    """An engine on an empty store whose time is controlled."""
    world = await World.open(url, clock=control)
    yield world
    await world.close()


async def until_set(world: World, handle: Handle[Any], duration_s: float) -> None:
    """Wait until its timer is set and, for one that is far away, until the execution is at rest in the store."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            row = (await handle.describe()).row
            live = world.node.resident.get(handle.id)
            if row.wake_at_us is not None and row.status == "waiting" and (duration_s == NEAR_S or live is None):
                return
            if live is not None and duration_s == FAR_S and not (live.running or live.rest or live.dirty):
                live.idle_since_us = 1  # as if it had waited for long already
                live.mark()
            await asyncio.sleep(0.002)


async def check_history(world: World, handle: Handle[Any]) -> None:
    """Check that no timer fired early, that instants never go back, and that a replay asks for the same."""
    history, row = await whole_history(world.store, handle.id), (await handle.describe()).row
    instants = [event.at_us for event in history]
    assert instants == sorted(instants)
    assert invariants.timers(handle.id, history) == []
    assert invariants.replay_equal(row, history, WORKFLOWS, world.codec) == []


@pytest.mark.parametrize("duration_s", DURATIONS)
@pytest.mark.parametrize("workflow, what", TIME_WAITS)
async def test_speed_shortens_every_wait(
    world: World, control: TimeControl, workflow: Any, what: str, duration_s: float
) -> None:
    """I8, I10: at high speed every wait ends soon, the code sees its whole length pass, and the history replays."""
    control.speed = 10_000
    handle = await world.client.start(workflow, duration_s)
    assert await handle.result(PATIENCE_S) >= duration_s
    await check_history(world, handle)


@pytest.mark.parametrize("duration_s", DURATIONS)
@pytest.mark.parametrize("workflow, what", TIME_WAITS)
async def test_a_skip_fires_every_kind_of_timer(
    world: World, control: TimeControl, workflow: Any, what: str, duration_s: float
) -> None:
    """I8, I10: the nearest timer fires now, at its due instant or later; what was skipped is said."""
    handle = await world.client.start(workflow, duration_s)
    await until_set(world, handle, duration_s)
    skipped = await control.skip_next()
    assert skipped is not None
    assert (skipped.execution_id, skipped.workflow) == (handle.id, workflow.name)
    assert skipped.what == (f"{what}_for_long" if what == "fails_once" and duration_s == FAR_S else what)
    assert 0 < skipped.left_us <= duration_s * 1_000_000
    assert duration_s <= await handle.result(PATIENCE_S) < duration_s + PATIENCE_S
    await check_history(world, handle)


@pytest.mark.parametrize("workflow", [timed.ends_soon, timed.ends_late])
async def test_the_time_limit_of_a_workflow_is_skipped_too(world: World, control: TimeControl, workflow: Any) -> None:
    """C4: a workflow's own timeout is a timer like any other."""
    handle = await world.client.start(workflow)
    await until_set(world, handle, FAR_S if workflow is timed.ends_late else NEAR_S)
    skipped = await control.skip_next()
    assert skipped is not None
    assert skipped.what == "timeout"
    with pytest.raises(ExecutionFailed, match="WorkflowTimedOut"):
        await handle.result(PATIENCE_S)


async def test_a_start_at_a_later_time_is_skipped_too(world: World, control: TimeControl) -> None:
    """C4: an execution that is to begin tomorrow begins now."""
    handle = await world.client.start(timed.works, 1, scheduled_at=datetime.now(UTC) + timedelta(days=1))
    await world.client.start(timed.works, 1)  # a node is there
    skipped = await control.skip_next()
    assert skipped is not None
    assert (skipped.execution_id, skipped.what) == (handle.id, "start")
    assert await handle.result(PATIENCE_S) == 1


async def test_the_timer_that_ends_first_is_named(world: World, control: TimeControl) -> None:
    """I10: of an execution at rest that waits for several things, it is the timer that is named, not the newest wait."""
    handle = await world.client.start(timed.sleeps_beside_a_wait, FAR_S)
    await until_set(world, handle, FAR_S)
    skipped = await control.skip_next()
    assert skipped is not None
    assert skipped.what == "sleep"
    assert await handle.result(PATIENCE_S) == "slept"
    await check_history(world, handle)


async def test_skips_go_from_timer_to_timer(world: World, control: TimeControl) -> None:
    """I10: skipped in a row, timers come in the order of their instants, in memory or at rest; then there is none."""
    durations = [FAR_S, NEAR_S, 2 * FAR_S]
    handles = [await world.client.start(timed.sleeps, duration_s) for duration_s in durations]
    for handle, duration_s in zip(handles, durations, strict=True):
        await until_set(world, handle, NEAR_S if duration_s == NEAR_S else FAR_S)
    skipped = [await control.skip_next() for _ in range(4)]
    assert [one and one.execution_id for one in skipped] == [handles[1].id, handles[0].id, handles[2].id, None]
    for handle in handles:
        await handle.result(PATIENCE_S)
        await check_history(world, handle)


@pytest.mark.parametrize("duration_s", DURATIONS)
@pytest.mark.parametrize("workflow, what", TIME_WAITS)
async def test_no_timer_comes_due_while_timers_are_paused(
    world: World, control: TimeControl, workflow: Any, what: str, duration_s: float
) -> None:
    """I10: its instant passes in the pause without effect, while steps run; it fires when the pause ends."""
    handle = await world.client.start(workflow, duration_s)
    await until_set(world, handle, duration_s)
    control.paused = True
    control._ahead_us += int(duration_s) * 2_000_000
    world.node.timers._wake.set()
    world.node.dispatcher.poke()
    assert await world.run(timed.works, 30) == 30
    row = (await handle.describe()).row
    assert row.status == "waiting"
    assert row.wake_at_us is not None
    assert row.wake_at_us < control.now_us()
    control.paused = False
    assert await handle.result(PATIENCE_S) >= duration_s
    await check_history(world, handle)


@pytest.mark.parametrize("workflow, what", TIME_WAITS)
async def test_what_the_store_finds_due_is_held_as_well(
    world: World, control: TimeControl, monkeypatch: pytest.MonkeyPatch, workflow: Any, what: str
) -> None:
    """I10: an execution that is claimed in the pause, since the store finds it due, still waits for its timer."""
    if not hasattr(world.store, "_clock"):
        pytest.skip("platform: the server's own clock cannot be set")
    handle = await world.client.start(workflow, FAR_S)
    await until_set(world, handle, FAR_S)
    control.paused = True
    world.move_clock_on(2 * FAR_S * 1_000_000)
    monkeypatch.setattr(world.store, "_clock", control.store_now_us)
    world.node.dispatcher.poke()
    async with asyncio.timeout(PATIENCE_S):
        while handle.id not in world.node.resident:  # noqa: ASYNC110 - told to nobody
            await asyncio.sleep(0.002)
    assert await world.run(timed.works, 30) == 30
    assert handle.id in world.node.resident
    assert (await handle.describe()).row.status == "waiting"
    control.paused = False
    assert await handle.result(PATIENCE_S) >= FAR_S
    await check_history(world, handle)


async def test_single_timers_fire_in_a_pause(world: World, control: TimeControl) -> None:
    """I10: while timers are paused, a skip lets one fire, and only that one."""
    control.paused = True
    near, far = await world.client.start(timed.sleeps, NEAR_S), await world.client.start(timed.sleeps, FAR_S)
    await until_set(world, near, NEAR_S)
    await until_set(world, far, FAR_S)
    skipped = await control.skip_next()
    assert skipped is not None
    assert skipped.execution_id == near.id
    assert await near.result(PATIENCE_S) >= NEAR_S
    assert (await far.describe()).row.status == "waiting"
    skipped = await control.skip_next()
    assert skipped is not None
    assert skipped.execution_id == far.id
    assert await far.result(PATIENCE_S) >= FAR_S
    assert await control.skip_next() is None


async def test_a_message_reaches_an_execution_in_a_pause(world: World, control: TimeControl) -> None:
    """I10: a pause of the timers holds nothing but timers: a signal wakes what rests in the store."""
    handle = await world.client.start(timed.sleeps_twice, NEAR_S, FAR_S)
    await until_set(world, handle, NEAR_S)
    await control.skip_next()
    await world.until(handle, lambda view: view.row.current_step == "signal go on")
    control.paused = True
    await handle.signal("go on")
    await world.until(handle, lambda view: view.row.current_step == "sleep")
    control.paused = False
    await until_set(world, handle, FAR_S)
    await control.skip_next()
    await handle.result(PATIENCE_S)
    await check_history(world, handle)


async def test_time_never_goes_back_after_a_restart_at_normal_speed(world: World, control: TimeControl) -> None:
    """E3, I8: what was far ahead when its process died goes on from there, and its next sleep is as long as it says."""
    control.speed = 10_000
    handle = await world.client.start(timed.sleeps_twice, FAR_S, NEAR_S)
    await world.until(handle, lambda view: view.row.current_step == "signal go on")
    assert control.now_us() - control.store_now_us() >= (FAR_S - 60) * 1_000_000
    await world.crash()
    later = world._options["clock"] = TimeControl()
    handle = (await world.come_back(timed.sleeps_twice)).handle(handle.id)
    await world.engine.start_node()
    assert later.now_us() >= (await handle.describe()).row.updated_at_us
    await handle.signal("go on")
    await world.until(handle, lambda view: view.row.current_step == "sleep")
    await until_set(world, handle, NEAR_S)
    skipped = await later.skip_next()
    assert skipped is not None
    assert skipped.left_us <= NEAR_S * 1_000_000
    first_s, second_s, last_s = await handle.result(PATIENCE_S)
    assert second_s - first_s >= FAR_S
    assert last_s - second_s >= NEAR_S
    await check_history(world, handle)


async def test_the_lease_stays_on_the_stores_clock(world: World, control: TimeControl) -> None:
    """R6: a leap of a month and a high speed cost no lease and prolong none."""
    handle = await world.client.start(timed.sleeps, 30 * 24 * FAR_S)
    await until_set(world, handle, FAR_S)
    nonce = world.node.nonce
    await control.skip_next()
    control.speed = 100_000
    await handle.result(PATIENCE_S)
    await world.node.dispatcher.release_dead()
    world.store.renew_lease(nonce)
    (node,) = await world.store.nodes()
    assert (node.nonce, world.node.nonce) == (nonce, nonce)
    assert not certainly_dead(node)
    assert node.lease_until_us <= await world.store.now_us() + world.store.lease_ttl_us
    assert node.started_at_us <= await world.store.now_us()
    assert world.node.membership.lease.trusted
    assert await world.run(timed.works, 3) == 3


async def test_without_a_timer_there_is_nothing_to_skip(world: World, control: TimeControl) -> None:
    """I10: a skip without a timer, or without a node, does nothing and says so; a paused execution's do not count."""
    assert await control.skip_next() is None
    handle = await world.client.start(timed.sleeps, NEAR_S)
    await until_set(world, handle, NEAR_S)
    await handle.pause()
    await world.until_status(handle, "paused")
    before_us = control.now_us()
    assert await control.skip_next() is None
    assert control.now_us() - before_us < PATIENCE_S * 1_000_000


@pytest.mark.parametrize("speed", [0, 0.5, -1, float("nan"), float("inf"), 2_000_000])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    """E3: time stands neither still nor goes back, and stays within the calendar."""
    with pytest.raises(ValueError, match="at least 1"):
        TimeControl(speed)
    control = TimeControl(60)
    with pytest.raises(ValueError, match="at least 1"):
        control.speed = speed
    assert control.speed == 60


def test_time_is_never_behind_the_clock_and_keeps_its_lead() -> None:
    """E3: whatever is switched, and in whatever order, the next reading is no earlier than the last."""
    control = TimeControl()
    readings = [time.time_ns() // 1000]
    for speed, paused in [(1, False), (50_000, False), (50_000, True), (1, True), (7, True), (7, False), (1, False)]:
        control.speed, control.paused = speed, paused
        readings.extend([control.now_us(), control.now_us()])
        assert control.due_us() <= control.now_us()
        assert control.store_now_us() <= control.now_us()
    assert readings == sorted(readings)
