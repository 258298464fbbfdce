"""What happens at the fork point with everything that may be open there, as docs/fork.md specifies it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cerebelum import ExecutionFailed
from cerebelum.engine.application.client import Client, Handle
from cerebelum.engine.application.forking import ForkRequest, prepare_fork, write_fork
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ExecutionExists
from cerebelum.engine.domain.errors_fork import ForkRefused
from cerebelum.engine.domain.ids import new_nonce
from cerebelum.engine.domain.projection import reconstruct
from cerebelum.testing import in_memory_engine
from tests.engine.forking.world_of_forks import ended, version_of
from tests.engine.world import PATIENCE_S, World
from tests.flows import checkpointed, forked, ledger

HOUR_US = 3_600_000_000


async def test_randomness_goes_on_as_in_the_original_and_ids_become_the_forks(world: World) -> None:
    """E7, E15: what was drawn stays drawn, and what is drawn next is what the original drew; `info()` tells the fork's id."""
    original = await ended(world, forked.drawing)
    drawn = await original.result()
    last = len(await original.history()) - 1
    for version in range(1, last + 1):
        again = await (await original.fork(at=version)).result(PATIENCE_S)
        assert [again[0], again[1], again[3], again[4]] == [drawn[0], drawn[1], drawn[3], drawn[4]]
    late = await (await original.fork(at=last)).result(PATIENCE_S)
    early = await original.fork(at=1)
    assert (late[2], (await early.result(PATIENCE_S))[2]) == (original.id, early.id)


async def test_a_fork_of_a_fork_replays_what_both_were_told(world: World) -> None:
    """E15: on either side of the first fork point."""
    original = await ended(world, forked.drawing)
    fork = await original.fork(at=await version_of(original, "step_completed"))
    await fork.result(PATIENCE_S)
    outcome = await original.result()
    for version in range(1, len(await fork.history())):
        again = await (await fork.fork(at=version)).result(PATIENCE_S)
        assert again[:2] + again[3:5] == outcome[:2] + outcome[3:5]


@pytest.mark.parametrize("by", [0, 1], ids=["copied", "asked for again"])
async def test_what_a_timer_had_left_counts_from_the_fork(by: int) -> None:
    """E15: a sleep of an hour that had just begun ends an hour after the fork, not at the instant it was due first."""
    async with in_memory_engine() as kit:
        original = await kit.start(forked.long_nap)
        await kit.settle()
        started = await version_of(original, "timer_started")
        await kit.advance(minutes=10)
        fork = await original.fork(at=started - by)
        await kit.settle()
        view = await fork.describe()
        [wait] = view.state.open.values()
        assert view.state.fork is not None
        assert abs((wait.due_us or 0) - view.state.fork.at_us - HOUR_US) < 1_000_000
        assert view.row.wake_at_us == wait.due_us
        await kit.advance(minutes=55)
        assert [(await each.describe()).row.status for each in (original, fork)] == ["completed", "waiting"]
        await kit.crash()  # whoever takes it up next finds the same instant
        await kit.advance(minutes=4)
        assert (await fork.describe()).row.status == "waiting"
        await kit.advance(minutes=2)
        assert (await fork.describe()).row.status == "completed"


async def test_a_workflows_own_timeout_counts_from_the_fork() -> None:
    """D10, E15: what was left of it; a fork of an old execution does not time out at once."""
    async with in_memory_engine() as kit:
        original = await kit.start(forked.hurried)
        await kit.settle()
        await kit.advance(hours=2)
        assert (await original.describe()).row.status == "failed"
        fork = await original.fork(at=1)
        await kit.settle()
        await kit.advance(minutes=59)
        assert (await fork.describe()).row.status == "waiting"
        await kit.advance(minutes=2)
        assert (await fork.describe()).row.status == "failed"


async def test_a_wait_of_the_copied_part_has_its_time_left(world: World) -> None:
    """E15: the limit of a wait for a signal is put off as a timer's."""
    original = await world.client.start(forked.limited)
    await world.until_status(original, "waiting")
    await original.signal("go", 1)
    await original.result(PATIENCE_S)
    fork = await original.fork(at=await version_of(original, "wait_started"))
    view = await world.until_status(fork, "waiting")
    [wait] = view.state.open.values()
    assert (wait.due_us or 0) > view.state.fork.at_us + HOUR_US - 5_000_000  # type: ignore[union-attr]
    await fork.signal("go", 2)
    assert await fork.result(PATIENCE_S) == 2


async def test_a_completed_child_is_not_run_again(world: World) -> None:
    """E15: its result is in the copied part."""
    original = await world.client.start(forked.parent)
    child_id = await _child_of(world, original)
    ledger.gate(child_id, "child").set()
    result = await original.result(PATIENCE_S)
    fork = await original.fork(at=await version_of(original, "child_completed"))
    assert await fork.result(PATIENCE_S) == result
    assert len(await world.client.list(workflow="child")) == 1


async def test_an_open_child_begins_anew_as_the_forks_own(world: World) -> None:
    """E15: the fork does not wait for the original's child, which reports to the original alone."""
    original = await world.client.start(forked.parent)
    child_id = await _child_of(world, original)
    at = await version_of(original, "child_started")
    fork = await original.fork(at=at)
    own = await _child_of(world, fork)
    assert own != child_id
    ledger.gate(own, "child").set()
    assert await fork.result(PATIENCE_S) == [f"{own} 1"]
    assert (await original.describe()).row.status == "waiting"
    ledger.gate(child_id, "child").set()
    assert await original.result(PATIENCE_S) == [f"{child_id} 1"]
    again = await fork.fork(at=at)  # of the fork: a third one
    third = await _child_of(world, again)
    ledger.gate(third, "child").set()
    assert await again.result(PATIENCE_S) == [f"{third} 1"]
    assert len({child_id, own, third}) == 3


async def _child_of(world: World, handle: Handle[Any]) -> str:
    await world.until(handle, lambda view: any(wait.kind == "child" for wait in view.state.open.values()))
    child_id = (await world.events(handle, ev.ChildStarted))[0].execution_id
    await world.at_gate(world.client.handle(child_id), "child")
    return child_id


async def test_an_open_child_with_an_id_of_its_own_is_refused(world: World) -> None:
    """E15: there is one execution of that id; before it began the fork is taken, with a warning that it cannot have one."""
    name = f"named-{new_nonce()}"
    original = await world.client.start(forked.named_parent, name)
    await _child_of(world, original)
    at = await version_of(original, "child_started")
    with pytest.raises(ForkRefused, match=f"--at {at - 1}"):
        await original.fork(at=at)
    prepared = await prepare_fork(world.engine, original.id, ForkRequest(at=at - 1))
    assert any(name in warning for warning in prepared.plan.warnings)
    ledger.gate(name, "child").set()
    await original.result(PATIENCE_S)


async def test_a_child_may_be_forked_and_its_parent_is_not_told(world: World) -> None:
    """E15: the fork of a child has no parent: what becomes of it answers nobody's wait."""
    original = await world.client.start(forked.parent)
    child_id = await _child_of(world, original)
    fork = await world.client.handle(child_id).fork(at=1)
    ledger.gate(fork.id, "child").set()
    await fork.result(PATIENCE_S)
    assert (await fork.describe()).row.parent is None
    assert (await original.describe()).row.status == "waiting"
    ledger.gate(child_id, "child").set()
    assert await original.result(PATIENCE_S) == [f"{child_id} 1"]


async def test_signals_of_the_copied_part_are_there_and_later_ones_are_not(world: World) -> None:
    """E15: a payload may be edited; what the original was told later, or had in its inbox, the fork is not told."""
    original = await world.client.start(forked.signalled)
    await original.signal("go", {"by": "ann"})
    await world.until(original, lambda view: len(view.state.signals) == 1 and bool(view.state.open))
    received = await version_of(original, "signal_received")
    await original.signal("go", "second")
    await original.result(PATIENCE_S)
    fork = await original.fork(at=received, patch={"signal:go.by": "bob"})
    view = await world.until(fork, lambda view: bool(view.state.open))
    assert len(view.state.signals) == 1
    await fork.signal("go", "third")
    assert await fork.result(PATIENCE_S) == [{"by": "bob"}, "third"]


async def test_an_open_input_is_asked_again_of_the_fork(world: World) -> None:
    """E15: both wait, each for its own answer; one that was given may be edited."""
    original = await world.client.start(forked.asking)
    await world.until_status(original, "waiting")
    fork = await original.fork(at=await version_of(original, "input_requested"))
    await world.until_status(fork, "waiting")
    assert {asked.execution_id for asked in await world.client.pending_inputs()} == {original.id, fork.id}
    await fork.provide_input("sign_off", "no")
    await original.provide_input("sign_off", "yes")
    assert (await fork.result(PATIENCE_S), await original.result(PATIENCE_S)) == ("no", "yes")
    edited = await original.fork(patch={"answer:sign_off": "perhaps"})
    assert await edited.result(PATIENCE_S) == "perhaps"


async def test_what_the_original_did_is_undone_by_the_forks_own_saga(world: World) -> None:
    """D12, E15: the copied steps belong to it; the plan warns of it."""
    original = await ended(world, forked.order, 500.0)
    request = ForkRequest(at="ship")
    prepared = await prepare_fork(world.engine, original.id, request)
    assert any("undoes what the original did: refund" in warning for warning in prepared.plan.warnings)
    fork = await original.fork(at="ship")
    with pytest.raises(ExecutionFailed):
        await fork.result(PATIENCE_S)
    assert ledger.effects[fork.id] == ["ship 500", "refund 500"]


async def test_an_update_under_way_is_carried_on(world: World) -> None:
    """E15: an accepted update is part of the history; its handler goes on in the fork."""
    original = await world.client.start(forked.updated)
    await world.until(original, lambda view: view.row.last_version > 0 and view.row.status == "waiting")
    assert await original.update("add", 1) == 1
    fork = await original.fork(at=await version_of(original, "update_accepted"))
    assert await fork.update("add", 2) == 2
    assert await fork.result(PATIENCE_S) == [1, 2]
    await original.cancel()


async def test_a_fork_is_not_recovered_from_a_checkpoint_behind_its_point(world: World) -> None:
    """E15: its row names the newest checkpoint that was copied, and it ends as the original at every point."""
    original = await world.client.start(checkpointed.counts, 4, id="long")
    await world.until(original, lambda view: view.row.ended)
    history = await original.history()
    checkpoints = [event.version for event in history if event.type == "checkpoint_created"]
    assert len(checkpoints) > 1
    for at in (checkpoints[0] - 1, checkpoints[0], checkpoints[1] + 1):
        prepared = await prepare_fork(world.engine, original.id, ForkRequest(at=at))
        copied = [version for version in checkpoints if version <= at]
        assert (prepared.start.row.checkpoint or 0) <= (copied[-1] if copied else 0)
        fork = await original.fork(at=at)
        assert await fork.result(PATIENCE_S) == await original.result()


async def test_a_successor_of_a_fork_is_no_fork(world: World) -> None:
    """E15: `continue_as_new` begins a history of its own, under an id that the original's successor does not have."""
    original = await ended(world, forked.passes_on, 1)
    fork = await original.fork(at=1)
    last = await fork.result(PATIENCE_S)
    assert last not in (original.id, fork.id, await original.result())
    state = (await world.client.handle(last).describe()).state
    assert (state.forked_from, state.fork, state.run) == (None, None, 2)


async def test_a_second_run_is_forked_with_what_the_first_one_did(world: World) -> None:
    """D9, E15: `max_retries` counts on; results of the first run are reused as in the original."""
    original = await ended(world, forked.tries_twice)
    retried = await version_of(original, "execution_retried")
    fork = await original.fork(at=retried)
    with pytest.raises(ExecutionFailed):
        await fork.result(PATIENCE_S)
    assert ledger.effects[fork.id] == ["ship 1000"]
    assert len(await world.events(fork, ev.ExecutionRetried)) == 1


async def test_an_at_most_once_step_that_had_begun_is_not_begun_again(world: World) -> None:
    """E15: forked behind its beginning it fails there, with a warning; forked before, it runs."""
    original = await world.client.start(forked.only_once)
    await world.at_gate(original, "once")
    begun = await version_of(original, "step_started")
    prepared = await prepare_fork(world.engine, original.id, ForkRequest(at=begun))
    assert any("--at once" in warning for warning in prepared.plan.warnings)
    fork = await original.fork(at=begun)
    with pytest.raises(ExecutionFailed):
        await fork.result(PATIENCE_S)
    assert ledger.effects[fork.id] == []
    again = await original.fork(at="once")
    ledger.gate(again.id, "once").set()
    assert await again.result(PATIENCE_S) == "done"
    ledger.gate(original.id, "once").set()
    assert await original.result(PATIENCE_S) == "done"


async def test_a_paused_execution_gives_a_paused_fork(world: World) -> None:
    """E15: the pause was copied, and the plan says so."""
    original = await world.client.start(forked.signalled)
    await world.until_status(original, "waiting")
    await original.pause("lunch")
    await world.until_status(original, "paused")
    at = await version_of(original, "execution_paused")
    assert (await prepare_fork(world.engine, original.id, ForkRequest(at=at))).plan.warnings
    fork = await original.fork(at=at)
    await world.until_status(fork, "paused")
    await fork.resume()
    await world.until_status(fork, "waiting")


async def test_of_two_forks_under_one_id_one_is_written(world: World) -> None:
    """E15, R2: the commit decides, and a child that belongs to no fork is asked to cancel."""
    original = await world.client.start(forked.parent)
    child_id = await _child_of(world, original)
    with_child = await version_of(original, "child_started")
    first = await prepare_fork(world.engine, original.id, ForkRequest(at=1, id="one"))
    second = await prepare_fork(world.engine, original.id, ForkRequest(at=with_child, id="one"))
    await write_fork(world.engine, first)
    with pytest.raises(ExecutionExists):
        await write_fork(world.engine, second)
    orphan = world.client.handle(second.children[0].row.id)
    assert (await world.until(orphan, lambda view: view.row.ended)).row.status == "cancelled"
    ledger.gate(child_id, "child").set()


async def test_a_start_that_nobody_took_up_is_forked_before_its_time_begins(world: World) -> None:
    """D10, E15: a deferred start has no time that could be put off; its timeout counts from when the fork begins."""
    idle = Client(world.engine, node=False)
    original = await idle.start(forked.hurried, scheduled_at=datetime(2100, 1, 1, tzinfo=UTC))
    fork = await original.fork(at=1)
    state = reconstruct(fork.id, await fork.history())
    assert state.status == "pending"
    assert state.fork is not None
    assert [ancestor.late_us for ancestor in state.fork.lineage] == [0]


async def test_a_fork_of_a_scheduled_execution_keeps_its_fire_time(world: World) -> None:
    """J8, E15: a report for a day that was caught up later is of that day in a fork, too."""
    original: Handle[Any] = await world.client.start(forked.scheduled, id=f"n{new_nonce()}-2027-01-04T03:00:00Z")
    result = await original.result(PATIENCE_S)
    for version in range(1, len(await original.history())):
        assert await (await original.fork(at=version)).result(PATIENCE_S) == result
