"""PostgreSQL loses its backends, or falls over, amid work."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from cerebelum.connect import open_store
from cerebelum.engine.testing.invariants import check_store
from tests.campaign.workloads import chain
from tests.engine.world import World
from tests.flows import ledger
from tests.servers.postgres import PostgresServer

EXECUTIONS, STEPS = 50, 12


@pytest.fixture
async def world(migrated_postgres_url: str) -> AsyncIterator[World]:
    store = open_store(migrated_postgres_url)
    await store.open()
    world = World(store)
    yield world
    await world.close()


async def effects_reach(count: int, ids: list[str]) -> None:
    async with asyncio.timeout(60):
        while sum(len(ledger.effects[execution_id]) for execution_id in ids) < count:  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("fault", ["backends", "immediate"])
async def test_work_goes_on_after_the_server_fell_over(world: World, postgres: PostgresServer, fault: str) -> None:
    """I1, I2, I6-I9, I12, R4: backends killed or the server restarted amid fifty executions: all end, each step once."""
    handles = await world.client.start_many(chain, [(STEPS,)] * EXECUTIONS)
    ids = [handle.id for handle in handles]
    for turn in (1, 2):
        await effects_reach(turn * EXECUTIONS * STEPS // 4, ids)
        if fault == "backends":
            await asyncio.to_thread(postgres.kill_backends)
        else:
            await asyncio.to_thread(postgres.restart, "immediate")
    for handle in handles:
        assert await handle.result(60) == STEPS
    effects = [effect for execution_id in ids for effect in ledger.effects[execution_id]]
    assert len(Counter(effects)) == EXECUTIONS * STEPS
    violations = await check_store(
        world.store, world.engine.codec, {"chain": chain}, ledger=effects, deaths=2, acknowledged=ids
    )
    assert violations == []
