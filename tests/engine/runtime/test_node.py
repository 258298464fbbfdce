"""A node: one bad execution or component does not take the others with it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from msgspec import Raw

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_runtime import ExecutionFailed
from cerebelum.engine.domain.ids import new_nonce
from cerebelum.engine.ports.store import Batch
from cerebelum.engine.runtime.loop import WorkflowLoop
from cerebelum.engine.runtime.node import NodeSettings
from cerebelum.engine.runtime.starting import new_start
from cerebelum.engine.runtime.supervisor import ComponentFailed, Supervisor
from cerebelum.engine.testing.invariants import check_store
from tests.campaign import workloads
from tests.campaign.workloads import around_a_gate, chain, sleeps
from tests.campaign.wrapping import Wrapping
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger

SETTINGS = NodeSettings(activation_limit_s=0.1, blocked_warning_s=0.05)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = await World.open("memory://", settings=SETTINGS)
    yield world
    await world.close()


@pytest.mark.parametrize("bad", ["spins", "spins_later", "blocks", "blocks_later"])
async def test_code_that_never_ends_fails_its_own_execution_only(world: World, bad: str) -> None:
    """R10, E16: a hot loop, with or without awaits, at the start or after a step, is parked as CB813; others go on."""
    neighbour = await world.client.start(around_a_gate)
    await world.at_gate(neighbour)
    handle = await world.client.start(getattr(workloads, bad))
    with pytest.raises(
        ExecutionFailed, match=r"PoisonExecution: .* was parked: 3 times: (TurnLimit|ActivationBlocked)"
    ):
        await handle.result(60)
    ledger.gate(neighbour.id).set()
    assert await neighbour.result(PATIENCE_S) == ["before", "at", "after"]
    assert await world.run(chain, 3) == 3
    assert world.node.resident == {}


async def test_an_execution_claimed_too_often_without_progress_is_parked(world: World) -> None:
    """R10: its sixth claim without a new event parks an execution with the evidence, and none of its code runs."""
    started = ev.ExecutionStarted(workflow="chain", input=Raw(b'{"count":3}'))
    start = new_start("exec-poison", started, now_us=await world.store.now_us(), owner=None)
    start.row.claims = SETTINGS.most_claims
    await world.store.commit(Batch(id=new_nonce(), starts=[start]))
    await world.client.register(chain)
    handle = world.client.handle("exec-poison")
    view = await world.until_status(handle, "paused")
    assert "CB813 PoisonExecution" in view.state.reason
    assert "its process ended 5 times while it ran" in view.state.reason
    assert ledger.effects["exec-poison"] == []
    await handle.resume()
    assert await handle.result(PATIENCE_S) == 3


def loops() -> int:
    return sum(type(each) is WorkflowLoop for each in gc.get_objects())


async def test_executions_put_to_rest_leave_nothing_for_the_collector(world: World) -> None:
    """O14: sleepers are freed when they leave memory, with the collector off: nothing of them refers to itself."""
    await world.client.register(sleeps)
    gc.collect()
    before = loops()
    gc.disable()
    try:
        await world.client.start_many(sleeps, [(3600.0,)] * 200)
        async with asyncio.timeout(PATIENCE_S):
            while world.node.resident:  # noqa: ASYNC110 - what it waits for is told to nobody
                await asyncio.sleep(0.005)
        assert loops() - before < 20  # the last few may still be in somebody's hands
    finally:
        gc.enable()


class Crashes:
    """Breaks the named component of a node when its event is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: dict[str, asyncio.Event] = {}
        add = Supervisor.add

        def breakable(supervisor: Supervisor, name: str, component: Callable[[], Awaitable[None]]) -> None:
            event = self.events[name] = asyncio.Event()

            async def run() -> None:
                tasks = [asyncio.ensure_future(component()), asyncio.ensure_future(event.wait())]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                event.clear()
                raise RuntimeError(f"{name} was broken")

            add(supervisor, name, run)

        monkeypatch.setattr(Supervisor, "add", breakable)


async def test_each_component_comes_back_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """V9, E19: each of the node's components broken in turn comes back; executions in memory stay, and go on."""
    crashes = Crashes(monkeypatch)
    world = await World.open("memory://")
    try:
        handle = await world.client.start(around_a_gate)
        await world.at_gate(handle)
        live = world.node.resident[handle.id]
        for name in world.node.supervisor.components:
            before = dict(world.node.supervisor.restarts)
            crashes.events[name].set()
            async with asyncio.timeout(PATIENCE_S):
                while name not in world.node.supervisor.restarts:  # noqa: ASYNC110 - what it waits for is told to nobody
                    await asyncio.sleep(0.005)
            assert world.node.supervisor.restarts == {**before, name: 1}
            assert await world.run(chain, 3) == 3
            assert world.node.resident[handle.id] is live
        ledger.gate(handle.id).set()
        assert await handle.result(PATIENCE_S) == ["before", "at", "after"]
        known: dict[str, WorkflowDefinition[..., Any]] = {"around_a_gate": around_a_gate, "chain": chain}
        assert await check_store(world.store, world.engine.codec, known) == []
    finally:
        await world.close()


class Broken(Wrapping):
    """Has a bug that breaks whoever looks for the next wake-up."""

    async def next_wake_us(self, **_: Any) -> int | None:
        raise ZeroDivisionError("a bug in the adapter")


async def test_a_component_that_keeps_failing_stops_the_node_loudly() -> None:
    """V9: whoever waits for a result, then or later, gets `ComponentFailed`; the node signs off, so others take over."""
    plain = await World.open("memory://")
    world = World(Broken(plain.store).store)
    handle = await world.client.start(around_a_gate)
    with pytest.raises(ComponentFailed, match="dispatcher keeps failing: ZeroDivisionError"):
        await handle.result(PATIENCE_S)
    with pytest.raises(ComponentFailed):
        await world.client.start(chain, 1)
    await world.engine.stop_node(1.0)
    assert await world.store.nodes() == []
    row = await world.store.get_execution(handle.id)
    assert row is not None
    assert row.owner is None
    assert row.wake_at_us is not None
    await plain.close()
