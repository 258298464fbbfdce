"""Durable sleep: due times kept through crashes, nothing held meanwhile, and ways to wake early."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cerebelum import ExecutionFailed
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.durations import instant_us
from cerebelum.engine.ports.store import ExecutionFilter
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger, waiting


async def test_a_sleep_lasts_as_long_as_it_says(world: World) -> None:
    """C1: the timer fires at or after its due time by the store's clock, and the code sees at least that much time pass."""
    handle = await world.client.start(waiting.naps, 0.05)
    assert await handle.result(PATIENCE_S) == ["before", "after"]
    (timer,) = await world.events(handle, ev.TimerStarted)
    history = await handle.history()
    started, fired = (next(e for e in history if e.type == kind) for kind in ("timer_started", "timer_fired"))
    assert timer.due_us >= started.at_us
    assert fired.at_us >= timer.due_us
    assert timer.due_us - history[0].at_us >= 50_000


async def test_every_spelling_of_a_sleep_is_durable(world: World) -> None:
    """C1, A32: `sleep`, `sleep_for` and `asyncio.sleep` are the same durable timer."""
    handle = await world.client.start(waiting.naps_in_every_spelling)
    assert await handle.result(PATIENCE_S) >= 0.03
    assert len(await world.events(handle, ev.TimerFired)) == 4


async def test_sleep_until_an_instant(world: World) -> None:
    """C2: a moment to come is a timer that is due then; one that has passed sets no timer at all."""
    soon = datetime.now(UTC) + timedelta(milliseconds=100)
    handle = await world.client.start(waiting.sleeps_till, soon)
    assert await handle.result(PATIENCE_S) == "awake"
    assert [timer.due_us for timer in await world.events(handle, ev.TimerStarted)] == [instant_us(soon, what="soon")]
    past = await world.client.start(waiting.sleeps_till, soon - timedelta(days=1))
    assert await past.result(PATIENCE_S) == "awake"
    assert await world.events(past, ev.TimerStarted) == []


async def test_sleep_until_refuses_a_naive_instant(world: World) -> None:
    """C2: the same text would mean another instant on another machine, and the error says what to write."""
    with pytest.raises(ExecutionFailed, match="must be an aware datetime"):
        await world.run(waiting.naive_moment)


async def test_a_sleeper_shows_that_it_waits(world: World) -> None:
    """C20: status, current step and the open wait tell that it sleeps, and until when."""
    handle = await world.client.start(waiting.sleeps_long)
    view = await world.until_status(handle, "waiting")
    assert view.row.current_step == "sleep"
    assert view.state.status == "waiting"
    (open_wait,) = view.state.open.values()
    assert (open_wait.kind, open_wait.due_us) == ("sleep", view.row.wake_at_us)


async def test_sleepers_hold_neither_memory_nor_slot(world: World) -> None:
    """C3: two hundred far sleepers are handed back with their wake-up time in the store, and a short one gets through."""
    sleepers = await world.client.start_many(waiting.sleeps_long, [()] * 200)
    for handle in sleepers:
        view = await world.until(handle, lambda view: view.row.status == "waiting" and view.row.owner is None)
        assert view.row.wake_at_us is not None
    while world.node.resident:  # noqa: ASYNC110 - that an execution was put to rest is told to nobody
        await asyncio.sleep(0)
    assert not world.node.steps.attempts
    assert await world.run(waiting.naps, 0.0) == ["before", "after"]
    rows = await world.store.list_executions(ExecutionFilter(statuses=("waiting",), limit=1_000))
    assert len(rows) == 200


@pytest.mark.parametrize("crashes", [1, 3])
async def test_a_sleep_ends_at_its_original_due_time_whatever_dies(world: World, crashes: int) -> None:
    """C4: after a crash the timer is not set anew: it fires once, due when it was due before; nothing is repeated."""
    handle = await world.client.start(waiting.naps, 0.3)
    await world.until_status(handle, "waiting")
    (before,) = await world.events(handle, ev.TimerStarted)
    for _ in range(crashes):
        handle = await world.crash_and_come_back(handle, waiting.naps)
    assert await handle.result(PATIENCE_S) == ["before", "after"]
    assert await world.events(handle, ev.TimerStarted) == [before]
    (fired,) = [recorded for recorded in await handle.history() if recorded.type == "timer_fired"]
    assert fired.at_us >= before.due_us
    assert ledger.effects[handle.id] == ["before", "after"]


async def test_a_sleep_that_came_due_while_nobody_ran_ends_at_once(world: World) -> None:
    """C4: the downtime is not added to the sleep."""
    handle = await world.client.start(waiting.naps, 0.1)
    view = await world.until_status(handle, "waiting")
    (timer,) = await world.events(handle, ev.TimerStarted)
    await world.crash()
    while await world.store.now_us() < timer.due_us:
        view = await handle.describe()
    assert view.row.status == "waiting"
    handle = (await world.come_back(waiting.naps)).handle(handle.id)
    assert await handle.result(PATIENCE_S) == ["before", "after"]
    assert await world.events(handle, ev.TimerStarted) == [timer]


async def test_resume_wakes_a_sleeper_with_data(world: World) -> None:
    """C19: an execution in a long sleep goes on at once, and its next step reads the data."""
    handle = await world.client.start(waiting.sleeps_long)
    await world.until(handle, lambda view: view.row.status == "waiting" and view.row.owner is None)
    await handle.resume({"coupon": 7})
    assert await handle.result(PATIENCE_S) == {"coupon": 7}
    assert [event.wakes for event in await world.events(handle, ev.ExecutionResumed)] == [True]
    assert ledger.effects[handle.id] == ["before"]


async def test_data_of_a_resume_is_still_there_after_a_crash(world: World) -> None:
    """C19: the data lies in the history, so a process that takes over reads the same."""
    handle = await world.client.start(waiting.sleeps_long)
    await world.until_status(handle, "waiting")
    await world.crash()
    await handle.resume("woken while nobody ran")
    handle = (await world.come_back(waiting.sleeps_long)).handle(handle.id)
    assert await handle.result(PATIENCE_S) == "woken while nobody ran"
