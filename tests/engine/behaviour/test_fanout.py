"""Children, fan-out, repeated steps, and executions that continue with an empty history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from cerebelum import ExecutionCancelled, ExecutionFailed
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.ids import child_id
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.testing.crashes import crash_everywhere
from tests.engine.world import PATIENCE_S, World, types_of
from tests.flows import fanout, ledger


async def test_each_pass_of_a_loop_has_a_record_of_its_own(world: World) -> None:
    """A36, E11: the same step three times is three steps, counted 0, 1, 2, each with its own result."""
    handle = await world.client.start(fanout.loop_of_three)
    assert await handle.result(PATIENCE_S) == [0, 2, 4]
    steps = (await handle.describe()).steps
    assert [(step.name, step.iteration, bytes(step.result or b"")) for step in steps] == [
        ("double", 0, b"0"), ("double", 1, b"2"), ("double", 2, b"4"),
    ]  # fmt: skip


async def test_a_crash_in_the_second_pass_resumes_in_the_second_pass(world: World) -> None:
    """A36: the first pass is not repeated."""
    handle = await world.client.start(fanout.loop_that_dies)
    await world.at_gate(handle, "second")
    ledger.gate(handle.id, "second").set()
    handle = await world.crash_and_come_back(handle, fanout.loop_that_dies)
    assert await handle.result(PATIENCE_S) == [0, 1, 2]
    done = [line for line in ledger.effects[handle.id] if line.startswith("pass")]
    assert done == ["pass 0", "pass 1", "pass 1", "pass 2"]


@pytest.mark.parametrize("concurrency", [1, 3, 50])
async def test_map_steps_keeps_order_and_its_limit(world: World, concurrency: int) -> None:
    """A3, A39: results stand in the items' order, and no more than `concurrency` calls are open at once."""
    handle = await world.client.start(fanout.maps, 12, concurrency)
    assert await handle.result(PATIENCE_S) == [number * number for number in range(12)]
    running = most = 0
    for line in ledger.effects[handle.id]:
        running += 1 if line.startswith("+") else -1
        most = max(most, running)
    assert 1 <= most <= min(12, concurrency)


async def test_map_steps_of_nothing_is_nothing(world: World) -> None:
    """A39: zero items, zero steps, no error."""
    handle = await world.client.start(fanout.maps, 0, 5)
    assert await handle.result(PATIENCE_S) == []
    assert (await handle.describe()).steps == []


async def test_map_steps_fails_with_its_first_failure(world: World) -> None:
    """A38: what completed before stays recorded."""
    handle = await world.client.start(fanout.map_fails)
    with pytest.raises(ExecutionFailed, match="three"):
        await handle.result(PATIENCE_S)
    assert len(await world.events(handle, ev.StepCompleted)) >= 2


async def test_children_run_and_return_their_results(world: World) -> None:
    """A42: each is an execution of its own, with an id that follows from the parent's, and it names its parent."""
    handle = await world.client.start(fanout.parent, 5)
    assert await handle.result(PATIENCE_S) == [0, 2, 4, 6, 8]
    started = await world.events(handle, ev.ChildStarted)
    assert [event.execution_id for event in started] == [child_id(handle.id, event.number) for event in started]
    rows = await world.store.list_executions(ExecutionFilter(parent=handle.id))
    assert {row.id for row in rows} == {event.execution_id for event in started}


async def test_children_are_not_started_twice_after_a_crash_at_each_event(
    make_engine: Callable[[], Awaitable[Engine]],
) -> None:
    """A42, I14: wherever the parent dies, the same children are there, and the result is the same."""
    outcome = await crash_everywhere(make_engine, fanout.parent, (2,), others=(fanout.child,))
    assert outcome.content == b"[0,2]"


async def test_a_child_may_have_an_id_of_its_own(world: World) -> None:
    """A42: as a start may."""
    assert await world.run(fanout.named_child) == 8
    assert (await world.client.handle("child-of-my-own").describe()).row.status == "completed"


async def test_the_failure_of_a_child_reaches_its_parent(world: World) -> None:
    """A42: as `ChildFailed`, which the parent may catch."""
    assert await world.run(fanout.parent_of_failure) == "failing_child: failed: ValueError: spoilt"


async def test_cancelling_the_parent_cancels_the_child(world: World) -> None:
    """H10, H11: nobody waits for it any more."""
    handle = await world.client.start(fanout.parent_of_waiting)
    (started,) = (await world.until(handle, lambda view: bool(view.state.open))).state.open.values()
    child = world.client.handle(child_id(handle.id, started.number))
    await world.until_status(child, "waiting")
    await handle.cancel("not needed")
    for cancelled in (handle, child):
        with pytest.raises(ExecutionCancelled):
            await cancelled.result(PATIENCE_S)


async def test_a_timeout_around_a_child_cancels_it(world: World) -> None:
    """H11: and the parent goes on."""
    handle = await world.client.start(fanout.impatient_parent)
    assert await handle.result(PATIENCE_S) == "gave up"
    (cancelled,) = await world.events(handle, ev.ChildCancelled)
    with pytest.raises(ExecutionCancelled, match="parent no longer waits"):
        await world.client.handle(cancelled.execution_id).result(PATIENCE_S)


async def test_a_cancelled_child_fails_its_parent(world: World) -> None:
    """A42: the parent is told that its child was cancelled."""
    handle = await world.client.start(fanout.parent_of_waiting)
    (started,) = (await world.until(handle, lambda view: bool(view.state.open))).state.open.values()
    child = world.client.handle(child_id(handle.id, started.number))
    await world.until_status(child, "waiting")
    await child.cancel("by hand")
    with pytest.raises(ExecutionFailed, match="was cancelled"):
        await handle.result(PATIENCE_S)


async def test_a_child_outlives_a_crash(world: World) -> None:
    """A42, C4: parent and child are both taken up again, and the child's result arrives."""
    handle = await world.client.start(fanout.parent_of_waiting)
    (started,) = (await world.until(handle, lambda view: bool(view.state.open))).state.open.values()
    await world.until_status(world.client.handle(child_id(handle.id, started.number)), "waiting")
    handle = await world.crash_and_come_back(handle, fanout.parent_of_waiting, fanout.waiting_child)
    await world.client.handle(child_id(handle.id, started.number)).signal("go", "on")
    assert await handle.result(PATIENCE_S) == "on"


async def test_continue_as_new_keeps_the_history_short(world: World) -> None:
    """A42: each run has its own short history, and the result is that of the last."""
    handle = await world.client.start(fanout.counts_down, 4)
    assert await handle.result(PATIENCE_S) == 2 * (4 + 3 + 2 + 1)
    next_id, lengths = handle.id, []
    while next_id:
        view = await world.client.handle(next_id).describe()
        assert view.row.status == "completed"
        lengths.append(view.state.version)
        next_id = view.state.continued_as or ""
    assert lengths == [4] * 5
    assert types_of(await handle.history())[-1] == "continued_as_new"


async def test_continue_as_new_counts_runs(world: World) -> None:
    """A42, B7: `info().run` tells which one it is."""
    assert await world.run(fanout.tells_run) == 3
