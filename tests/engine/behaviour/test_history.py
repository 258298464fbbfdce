"""The history: what it holds, in which order, and that everything else follows from it."""

from __future__ import annotations

import asyncio

import pytest

from cerebelum.engine.application import query
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.ids import ExecutionId, event_id, new_nonce
from cerebelum.engine.domain.projection import ExecutionState, advance, reconstruct
from cerebelum.engine.ports.store import Append, Batch
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun
from tests.engine.world import PATIENCE_S, World, types_of
from tests.flows import ledger, lifecycle, primitives, retrying, sagas, steps, waiting


async def test_events_come_in_the_order_of_what_happened(world: World) -> None:
    """F2, F25: started, scheduled, completed, ended; the row is written no earlier than the last of them."""
    handle = await world.client.start(waiting.naps, 0.0)
    await handle.result(PATIENCE_S)
    history = await handle.history()
    types = types_of(history)
    assert types[0] == "execution_started"
    assert types[-1] == "execution_completed"
    assert [kind for kind in types if kind.startswith("step")] == ["step_scheduled", "step_completed"] * 2
    assert [event.at_us for event in history] == sorted(event.at_us for event in history)
    assert (await handle.describe()).row.updated_at_us >= history[-1].at_us


async def test_versions_count_without_gaps(world: World) -> None:
    """F1, F5: 1, 2, 3 … for each execution; an event's id is a version-4 UUID of its own."""
    handles = await world.client.start_many(steps.in_order, [([],)] * 10)
    await asyncio.gather(*(handle.result(PATIENCE_S) for handle in handles))
    ids = set()
    for handle in handles:
        history = await handle.history()
        assert [event.version for event in history] == list(range(1, len(history) + 1))
        ids |= {event_id(handle.id, event.version) for event in history}
    assert {identity.version for identity in ids} == {4}
    assert len(ids) == sum([len(await handle.history()) for handle in handles])


async def test_events_can_be_asked_for_by_type_and_range(world: World) -> None:
    """F3, F7: the founding documents' names give the same events; a range includes both ends; a made-up type is refused."""
    handle = await world.client.start(waiting.naps, 0.02)
    await handle.result(PATIENCE_S)
    engine = world.engine
    for alias, kind in (
        ("node_completed", "step_completed"),
        ("function_started", "step_scheduled"),
        ("sleep_started", "timer_started"),
    ):
        found = await query.history(engine, handle.id, type_=alias)
        assert found
        assert found == await query.history(engine, handle.id, type_=kind)
    assert [event.version for event in await query.history(engine, handle.id, from_version=3, to_version=5)] == [
        3,
        4,
        5,
    ]
    with pytest.raises(ValueError, match="teleported"):
        await query.history(engine, handle.id, type_="teleported")


async def test_what_was_acknowledged_is_there_after_a_crash(world: World) -> None:
    """F4, I1: every start that returned is in the store, whatever the process does next."""
    handles = await world.client.start_many(lifecycle.long_wait, [()] * 20)
    await world.crash()
    for handle in handles:
        assert types_of(await world.store.read_history(handle.id))[0] == "execution_started"


async def test_a_stale_append_writes_nothing(world: World) -> None:
    """F6, I5: of two writers that expect the same version one is fenced, and the history has no trace of it."""
    handle = await world.client.start(lifecycle.long_wait)
    row = (await world.until_status(handle, "waiting")).row
    history = await handle.history()
    forged = ev.RecordedEvent(2, "execution_paused", b"{}", row.updated_at_us)
    owner = row.owner or ""
    append = Append(row=row, expected_version=1, owner=owner, epoch=row.epoch, events=[forged])
    committed = await world.store.commit(Batch(id=new_nonce(), appends=[append]))
    assert committed.fenced == {handle.id}
    assert await handle.history() == history


async def test_a_follower_sees_every_event_once_and_in_order(world: World) -> None:
    """F8, I3: from its beginning to its end, as they are committed, over the store alone."""
    handle = await world.client.start(lifecycle.three_steps)
    seen: list[ev.RecordedEvent] = []

    async def follow() -> None:
        async for event in handle.follow():
            seen.append(event)
            if event.type == "step_scheduled":
                name = event.event().name  # type: ignore[union-attr]
                ledger.gate(handle.id, name).set()

    await asyncio.wait_for(follow(), PATIENCE_S)
    assert seen == await handle.history()


@pytest.mark.parametrize(
    "workflow", [steps.with_options, steps.raises_itself, sagas.trip, waiting.waits_in_vain], ids=lambda flow: flow.name
)
async def test_the_row_follows_from_the_history(world: World, workflow: object) -> None:
    """F9: made anew from the events, the row of an ended execution is equal to what it was."""
    arguments = (0.01,) if workflow is waiting.waits_in_vain else ()
    handle = await world.client.start(workflow, *arguments)  # type: ignore[arg-type, var-annotated]
    before = (await world.until(handle, lambda view: view.row.ended)).row
    await query.rebuild_projection(world.engine, handle.id)
    assert (await handle.describe()).row == before


async def test_the_row_of_a_waiting_execution_follows_too(world: World) -> None:
    """F9: all that people see of it; it is looked at once more, and goes on waiting."""
    handle = await world.client.start(waiting.sleeps_long)
    before = (await world.until(handle, lambda view: view.row.owner is None and view.row.status == "waiting")).row
    rebuilt = await query.rebuild_projection(world.engine, handle.id)
    for field in ("status", "workflow", "code", "current_step", "last_version", "started_at_us", "queue", "priority"):
        assert getattr(rebuilt, field) == getattr(before, field), field


async def test_a_history_only_grows(world: World) -> None:
    """F10, I3: what was read at any time is a prefix of what is read later."""
    handle = await world.client.start(waiting.naps, 0.05)
    earlier: list[list[ev.RecordedEvent]] = []
    while not (await handle.describe()).row.ended:
        earlier.append(await handle.history())
        await asyncio.sleep(0)
    final = await handle.history()
    for read in earlier:
        assert final[: len(read)] == read


def test_ids_are_text_with_a_prefix() -> None:
    """F22: `exec-` and a version-4 UUID; nothing else is of the generated form."""
    assert ExecutionId.valid(ExecutionId.new())
    for text in (None, "abc", "exec-", "exec-12345678-1234-1234-1234-123456789abc", 5):
        assert not ExecutionId.valid(text)


async def test_the_state_can_be_told_after_every_event(world: World) -> None:
    """E17: a pure function of any prefix; step by step or at once it gives the same, and it ends where the row stands."""
    handle = await world.client.start(retrying.lucky)
    await handle.result(PATIENCE_S)
    history = await handle.history()
    state = ExecutionState(execution_id=handle.id)
    for length, event in enumerate(history, start=1):
        advance(state, event)
        assert reconstruct(handle.id, history[:length]) == state
        assert state.version == length
    row = (await handle.describe()).row
    assert (state.status, state.ended_us, state.current_step) == (row.status, row.completed_at_us, row.current_step)


async def test_replaying_calls_no_step_again(world: World) -> None:
    """E10, E12: three replays of a run give the recorded results and failures, and no effect."""
    for workflow, count in ((retrying.lucky, 3), (retrying.not_retried, 1)):
        handle = await world.client.start(workflow)  # type: ignore[misc]
        await world.until(handle, lambda view: view.row.ended)
        history = await handle.history()
        for _ in range(3):
            run = WorkflowRun(handle.id, workflow, world.engine.codec)
            assert Replay(run, history).to_end() == []
            run.close()
        assert len(ledger.effects[handle.id]) == count
        assert await handle.history() == history


async def test_workflow_time_is_that_of_the_history(world: World) -> None:
    """E3: the clock stands still until an event moves it, and a replay reads the same instants."""
    first, second = await world.run(primitives.sleeps), await world.run(primitives.sleeps)
    assert first[1] == second[1] == 1.0
    handle = await world.client.start(steps.knows_itself, "A", 0.0)
    told = await handle.result(PATIENCE_S)
    assert told["unchanged"]
