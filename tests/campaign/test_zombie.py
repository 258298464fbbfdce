"""A node that was declared dead and does not know it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from cerebelum.engine.ports.store import Store
from cerebelum.engine.testing.invariants import check_store
from tests.campaign.workloads import around_a_gate
from tests.campaign.wrapping import Recording, ownership
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger

OpenStore = Callable[[], Awaitable[Store]]
NO_LEASE_CHECK_US = 600_000_000  # the zombie is to learn it from the fence, not from its lease


async def two_worlds(opened: OpenStore, world_on: Callable[..., World]) -> tuple[World, World, Recording, Recording]:
    appended: list[tuple[str, int, int, str]] = []
    recordings = [Recording(await opened(), appended) for _ in range(2)]
    for recording in recordings:
        recording.inner.lease_ttl_us = NO_LEASE_CHECK_US
    first, second = (world_on(recording.store) for recording in recordings)
    return first, second, recordings[0], recordings[1]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0.005)


async def test_a_zombie_is_fenced_and_its_heir_finishes(opened: OpenStore, world_on: Callable[..., World]) -> None:
    """I4, I5, I6, I7, R1, R3: taken over while it still ran, node A's next commit changes nothing; B ends the work."""
    a, b, through_a, through_b = await two_worlds(opened, world_on)
    handle = await a.client.start(around_a_gate)
    await a.at_gate(handle)
    zombie = a.node.resident[handle.id]
    a.node.dispatcher.claiming = False
    await b.client.register(around_a_gate)
    assert await b.store.release_dead(dead=[a.node.nonce]) == 1
    b.node.dispatcher.poke()
    await until(lambda: ledger.effects[handle.id].count("at gate") == 2)
    ledger.gate(handle.id).set()

    assert await b.client.handle(handle.id).result(PATIENCE_S) == ["before", "at", "after"]
    await until(lambda: zombie.dropped)
    assert through_a.fenced == [handle.id]
    assert through_b.fenced == []
    assert ownership(through_a.appended) == []
    assert {owner for _, _, _, owner in through_a.appended} == {a.node.nonce, b.node.nonce}
    violations = await check_store(
        b.store, b.engine.codec, {"around_a_gate": around_a_gate}, ledger=ledger.effects[handle.id], deaths=1
    )
    assert violations == []


async def test_a_claim_of_ones_own_execution_replaces_the_run(
    opened: OpenStore, world_on: Callable[..., World]
) -> None:
    """R4, I6: claimed again by the node that runs it, an execution goes on once: the run before it is dropped."""
    a, _, _, _ = await two_worlds(opened, world_on)
    handle = await a.client.start(around_a_gate)
    await a.at_gate(handle)
    before = a.node.resident[handle.id]
    a.node.dispatcher.reclaim(handle.id)
    await until(lambda: ledger.effects[handle.id].count("at gate") == 2)
    assert before.dropped
    ledger.gate(handle.id).set()
    assert await handle.result(PATIENCE_S) == ["before", "at", "after"]
    assert await check_store(a.store, a.engine.codec, {"around_a_gate": around_a_gate}) == []
