"""The journal's rules, through a real node: what it lets out, what it repeats, whom it spares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cerebelum.engine.domain.errors_runtime import ExecutionFailed
from cerebelum.engine.domain.errors_store import StoreError, StoreFull, StoreLocked
from cerebelum.engine.ports.store import Batch, Committed
from cerebelum.engine.runtime.node import NodeSettings
from cerebelum.engine.testing.invariants import check_store
from tests.campaign.workloads import around_a_gate, chain, has_a_child, long_around_a_gate, writes_nowhere
from tests.campaign.wrapping import Counting, Doubtful, Refusing, Wrapping
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger

KNOWN = {flow.name: flow for flow in (around_a_gate, chain, has_a_child, writes_nowhere)}
RESULT = ["before", "at", "after"]


async def violations(world: World) -> list[str]:
    return await check_store(world.store, world.engine.codec, KNOWN)


@pytest.mark.parametrize("fate", ["landed", "lost", "late"])
async def test_a_start_in_doubt_runs_once(worlds: Callable[..., Any], fate: str) -> None:
    """R4, I6, I9: whether a start's doubtful commit is there, is not, or lands late, the execution runs to its end."""
    world, through = await worlds(Doubtful)
    await world.client.register(chain)
    through.arm(fate)
    handle = await world.client.start(chain, 2)
    assert not handle.existed
    assert await handle.result(PATIENCE_S) == 2
    assert through.doubt_count == 1
    assert await violations(world) == []


@pytest.mark.parametrize("fate", ["landed", "lost", "late"])
async def test_a_step_in_doubt_is_recorded_once(worlds: Callable[..., Any], fate: str) -> None:
    """R4, I6, I7, I9: a step's result whose commit is in doubt is found there or written again, never twice."""
    world, through = await worlds(Doubtful)
    handle = await world.client.start(around_a_gate)
    await world.at_gate(handle)
    through.arm(fate)
    ledger.gate(handle.id).set()
    assert await handle.result(PATIENCE_S) == RESULT
    assert through.doubt_count == 1
    effects = ledger.effects[handle.id]
    assert await check_store(world.store, world.engine.codec, KNOWN, ledger=effects, deaths=1) == []


@pytest.mark.parametrize(
    "error", [StoreFull("the disk is full"), StoreLocked("somebody else writes")], ids=["full", "locked"]
)
async def test_a_store_that_refuses_for_a_while_loses_nothing(worlds: Callable[..., Any], error: StoreError) -> None:
    """I1, I7, I9: refused, a start gets the error; what runs waits, and goes on by itself without doing it again."""
    told: list[StoreError] = []
    settings = NodeSettings(store_patience_s=0.1)
    world, through = await worlds(Refusing, settings=settings, on_trouble=told.append)
    handle = await world.client.start(around_a_gate)
    await world.at_gate(handle)
    through.error = error
    ledger.gate(handle.id).set()
    with pytest.raises(type(error)):
        await world.client.start(chain, 1)
    async with asyncio.timeout(PATIENCE_S):
        while not told:  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0.005)
    through.error = None
    assert await handle.result(PATIENCE_S) == RESULT
    assert through.refused_count > 1
    keys = [effect for effect in ledger.effects[handle.id] if effect != "at gate"]
    assert len(keys) == len(set(keys)) == 3
    assert await violations(world) == []


async def test_a_child_is_started_although_the_store_refused_at_first(worlds: Callable[..., Any]) -> None:
    """I9: a refused commit that holds a child's start is made later with the child, so its parent does not wait in vain."""
    world, through = await worlds(Refusing)
    await world.client.register(has_a_child)
    handle = await world.client.start(has_a_child)
    await world.at_gate(handle)
    through.error = StoreLocked("somebody else writes")
    ledger.gate(handle.id).set()
    async with asyncio.timeout(PATIENCE_S):
        while through.refused_count < 2:  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0.005)
    through.error = None
    assert await handle.result(PATIENCE_S) == 2
    assert await violations(world) == []


class Choosy(Wrapping):
    """Cannot write batches that hold events of `bad`: the error is none of the store's own."""

    bad = ""

    async def commit(self, batch: Batch) -> Committed:
        if any(append.row.id == self.bad and append.events for append in batch.appends):
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return await self.inner.commit(batch)


async def test_one_execution_that_cannot_be_written_spares_its_neighbours(worlds: Callable[..., Any]) -> None:
    """Hazard "one bad row in a batch": the others of the batch go through; the bad one alone is tried again, and heals."""
    world, through = await worlds(Choosy, settings=NodeSettings(most_blocked=10))
    bad = await world.client.start(around_a_gate)
    neighbours = await world.client.start_many(around_a_gate, [()] * 5)
    for handle in (bad, *neighbours):
        await world.at_gate(handle)
    through.bad = bad.id
    for handle in (bad, *neighbours):
        ledger.gate(handle.id).set()
    for handle in neighbours:
        assert await handle.result(PATIENCE_S) == RESULT
    through.bad = ""
    assert await bad.result(PATIENCE_S) == RESULT
    assert await violations(world) == []


async def test_wrong_sql_of_a_transactional_step_parks_its_own_execution_only(
    worlds: Callable[..., Any], url: str
) -> None:
    """Hazard "poison execution": SQL that the database refuses ends in CB813, while other executions commit."""
    if url.startswith("memory"):
        return  # runs no SQL, and says so
    world, _ = await worlds(Wrapping)
    handle = await world.client.start(writes_nowhere)
    assert await world.run(chain, 5) == 5
    with pytest.raises(ExecutionFailed, match=r"PoisonExecution: .* was parked: 3 times: StoreError: .*no_such_table"):
        await handle.result(PATIENCE_S)
    assert await world.run(chain, 5) == 5


async def test_a_start_is_acknowledged_only_after_its_commit(worlds: Callable[..., Any]) -> None:
    """R5, I1: `start` returns no earlier than the store's commit does."""
    held, release = asyncio.Event(), asyncio.Event()

    class Slow(Wrapping):
        async def commit(self, batch: Batch) -> Committed:
            held.set()
            await release.wait()
            return await self.inner.commit(batch)

    world, _ = await worlds(Slow)
    await world.client.register(chain)
    start = asyncio.ensure_future(world.client.start(chain, 1))
    async with asyncio.timeout(PATIENCE_S):
        await held.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not start.done()
        release.set()
        assert await (await start).result() == 1


async def test_the_hot_path_asks_the_store_nothing(worlds: Callable[..., Any]) -> None:
    """U10: fifty steps of an execution that was started here read nothing of it, and commit once a step, and once to begin."""
    world, through = await worlds(Counting)
    await world.client.register(chain)
    through.calls.clear()
    assert await world.run(chain, 50) == 50
    reads = {name for name in through.calls if name.startswith(("read_", "get_", "last_"))}
    assert reads <= {"read_logs"}, through.calls
    assert through.calls["commit"] <= 50 + 2, through.calls


async def test_a_takeover_reads_the_history_once(worlds: Callable[..., Any]) -> None:
    """U10: taken over, an execution of fifty steps is read once per ownership, not once per step."""
    world, through = await worlds(Counting)
    handle = await world.client.start(long_around_a_gate)
    await world.at_gate(handle)
    await world.crash()
    through.calls.clear()
    client = await world.come_back(long_around_a_gate)
    ledger.gate(handle.id).set()
    assert await client.handle(handle.id).result(PATIENCE_S) == 50
    assert through.calls["read_histories"] + through.calls["read_history"] == 1, through.calls


async def test_commits_batch_under_load(worlds: Callable[..., Any]) -> None:
    """Q3: two hundred executions of ten steps take far fewer commits than they have steps."""
    world, through = await worlds(Counting)
    await world.client.register(chain)
    handles = await world.client.start_many(chain, [(10,)] * 200)
    for handle in handles:
        assert await handle.result(PATIENCE_S) == 10
    assert through.event_count >= 200 * 2 * 10
    assert through.calls["commit"] < 200 * 10 / 4, through.calls
