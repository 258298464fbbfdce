"""What the engine promises about effects: exactly once in the store, at most once, progress kept, keys that stay."""

from __future__ import annotations

import asyncpg
import pytest

from cerebelum import ExecutionFailed
from cerebelum.engine.domain import events as ev
from tests.engine.world import PATIENCE_S, World
from tests.flows import effecting, ledger


@pytest.fixture
def dialect(url: str) -> str:
    """What SQL the store speaks."""
    return url.partition(":")[0]


async def moves(url: str) -> list[tuple[str, int]]:
    """Return what transactional steps wrote, read over a connection of our own."""
    if url.startswith("postgresql"):
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch("SELECT item, amount FROM stock_moves ORDER BY item")]
        finally:
            await connection.close()
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return list(connection.execute("SELECT item, amount FROM stock_moves ORDER BY item"))


@pytest.fixture
def sql_world(world: World, dialect: str) -> World:
    """A world whose store runs SQL."""
    if dialect == "memory":
        pytest.skip("platform: the memory store runs no SQL")
    return world


async def test_writes_of_a_transactional_step_commit_with_its_result(sql_world: World, url: str, dialect: str) -> None:
    """D7, design 4.1: once per completed step, also over a crash; an attempt that failed writes nothing."""
    handle = await sql_world.client.start(effecting.moves_stock, dialect)
    await sql_world.at_gate(handle)
    ledger.gate(handle.id).set()
    handle = await sql_world.crash_and_come_back(handle, effecting.moves_stock)
    assert await handle.result(PATIENCE_S) == 7
    assert await moves(url) == [("book", 3), ("pen", 4), ("second", 2)]
    assert ledger.effects[handle.id][:2] == ["move book", "move pen"]


async def test_a_transaction_needs_a_transactional_step(world: World) -> None:
    """B13: the error names the step and what is missing."""
    with pytest.raises(ExecutionFailed, match="transactional=True"):
        await world.run(effecting.asks_for_transaction)


async def test_an_at_most_once_step_is_not_run_again_after_a_crash(world: World) -> None:
    """D8, design 4.1: its start was committed first, so the next process tells the workflow that it was interrupted."""
    handle = await world.client.start(effecting.launches)
    await world.at_gate(handle, "launch")
    assert len(await world.events(handle, ev.StepStarted)) == 1
    ledger.gate(handle.id, "launch").set()
    handle = await world.crash_and_come_back(handle, effecting.launches)
    assert await handle.result(PATIENCE_S) == "interrupted: launch"
    assert ledger.effects[handle.id] == ["at launch"]


async def test_an_at_most_once_step_that_ends_is_a_step_like_others(world: World) -> None:
    """Design 4.1: without a crash its result arrives."""
    handle = await world.client.start(effecting.launches)
    await world.at_gate(handle, "launch")
    ledger.gate(handle.id, "launch").set()
    assert await handle.result(PATIENCE_S) == "launched"


async def test_the_next_attempt_finds_the_progress_and_the_same_key(world: World) -> None:
    """D7: `info().progress` is what the last heartbeat said, and the idempotency key is the same for all attempts."""
    handle = await world.client.start(effecting.resumes_counting)
    assert await handle.result(PATIENCE_S) == 5
    assert ledger.effects[handle.id] == [f"{handle.id}/1 from 0", f"{handle.id}/1 from 5"]


async def test_progress_that_was_recorded_survives_a_crash(world: World) -> None:
    """D8: a long attempt is recorded with its newest heartbeat, and another process goes on from there."""
    handle = await world.client.start(effecting.remembers_progress)
    await world.at_gate(handle, "beat")
    world.move_clock_on(6_000_000)  # longer than a heartbeat interval
    await world.until(handle, lambda view: view.steps[0].progress is not None)
    handle = await world.crash_and_come_back(handle, effecting.remembers_progress)
    assert await handle.result(PATIENCE_S) == {"row": 41}


async def test_a_large_result_comes_back_whole(world: World) -> None:
    """F4, R10: 200 KB lie beside the history, and are there for the next step, for the caller, and after a crash."""
    size = 200_000
    handle = await world.client.start(effecting.passes_on, size)
    assert await handle.result(PATIENCE_S) == size
    stored = await world.store.read_history(handle.id)
    assert max(len(event.data) for event in stored) < 1_000
    (made, _) = await world.events(handle, ev.StepCompleted)
    assert len(bytes(made.result)) == size + 2
    assert await world.run(effecting.returns_large, size) == "x" * size


async def test_a_large_result_survives_a_crash(world: World) -> None:
    """F4: a process that takes over reads it back."""
    handle = await world.client.start(effecting.passes_on, 200_000, 0.4)
    await world.until(handle, lambda view: bool(view.state.open))
    handle = await world.crash_and_come_back(handle, effecting.passes_on)
    assert await handle.result(PATIENCE_S) == 200_000


async def test_a_result_over_the_limit_is_refused_at_its_source(world: World) -> None:
    """R10: 3 MiB fail the step with an error that tells size, limit and what to do; nothing of it is stored."""
    with pytest.raises(ExecutionFailed, match="too large") as failed:
        await world.run(effecting.passes_on, 3 << 20)
    assert failed.value.error_type == "PayloadTooLarge"
