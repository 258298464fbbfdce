"""The node's lease: what costs it, what does not, and what happens then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cerebelum.adapters.stores.sqlite.store import SqliteStore
from cerebelum.engine.domain.errors_store import StoreUnreachable
from cerebelum.engine.runtime import lease
from cerebelum.engine.runtime.lease import LeaseKeeper
from cerebelum.engine.testing.invariants import check_store
from tests.campaign.workloads import around_a_gate, has_a_blocking_step
from tests.campaign.wrapping import Wrapping
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger

TTL_US = 600_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(f"sqlite:///{tmp_path}/store.db")
    store.lease_ttl_us = TTL_US
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def world(store: SqliteStore) -> AsyncIterator[World]:
    world = World(store)
    yield world
    await world.engine.stop_node(1.0)


async def nonces(world: World) -> set[str]:
    return {node.nonce for node in await world.store.nodes()}


async def new_nonce(world: World, old: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while world.node.nonce == old or world.node.nonce not in await nonces(world):  # noqa: ASYNC110 - told to nobody
            await asyncio.sleep(0.005)


async def finishes_under_a_new_nonce(world: World, old: str, execution_id: str) -> None:
    await new_nonce(world, old)
    ledger.gate(execution_id).set()
    assert await world.client.handle(execution_id).result(PATIENCE_S) == ["before", "at", "after"]
    assert old not in await nonces(world)
    assert await check_store(world.store, world.engine.codec, {"around_a_gate": around_a_gate}) == []


async def test_a_keeper_that_was_stopped_too_long_drops_the_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """R6: suspended for longer than its lease, a node drops what it runs, rejoins under a new nonce, and goes on."""
    handle = await world.client.start(around_a_gate)
    await world.at_gate(handle)
    old, running = world.node.nonce, world.node.resident[handle.id]
    boot_clock_s = lease.boot_clock_s
    monkeypatch.setattr(lease, "boot_clock_s", lambda: boot_clock_s() + 3600)
    await new_nonce(world, old)
    assert running.dropped
    await finishes_under_a_new_nonce(world, old, handle.id)


async def test_a_node_that_was_declared_dead_rejoins(world: World) -> None:
    """R3, R6: whose lease another node ended, drops the work, and takes it up again under a new nonce."""
    handle = await world.client.start(around_a_gate)
    await world.at_gate(handle)
    old = world.node.nonce
    await world.store.release_dead(dead=[old])
    await finishes_under_a_new_nonce(world, old, handle.id)


async def test_work_that_a_dead_nonce_took_is_not_orphaned(world: World) -> None:
    """I9, I12: what a node started after it was declared dead, and before it noticed, goes on under its new nonce."""
    await world.client.register(around_a_gate)
    old = world.node.nonce
    await world.store.release_dead(dead=[old])
    handle = await world.client.start(around_a_gate)
    await finishes_under_a_new_nonce(world, old, handle.id)


async def test_a_step_that_blocks_the_loop_does_not_cost_the_lease(world: World) -> None:
    """R6: a step that holds the event loop for twice the lease keeps it: another thread renews it."""
    await world.client.register(has_a_blocking_step)
    nonce = world.node.nonce
    assert await world.run(has_a_blocking_step, 2 * TTL_US / 1e6) == "done"
    assert world.node.nonce == nonce
    assert await world.store.release_dead() == 0


class Unreachable(Wrapping):
    """Renews no lease."""

    lease_ttl_us = TTL_US
    tried = 0

    def renew_lease(self, nonce: str) -> int | None:
        self.tried += 1
        raise StoreUnreachable("the database is away")


async def test_a_lease_that_cannot_be_renewed_is_given_up(store: SqliteStore) -> None:
    """R6: without an answer from the store a node stops trusting its lease by its own clock, before the store ends it."""
    lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    through = Unreachable(store)
    began_s = lease.boot_clock_s()
    keeper = LeaseKeeper(through.store, "nonce", lost.set_result)
    keeper.start()
    trusted_before = keeper.trusted
    await asyncio.wait_for(asyncio.shield(lost), PATIENCE_S)
    assert (trusted_before, keeper.trusted) == (True, False)
    assert lease.boot_clock_s() - began_s >= TTL_US / 1e6 * 0.8
    assert through.tried > 1
    await keeper.stop()
