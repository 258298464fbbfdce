"""The code may be ahead of the store; its effects never are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_runtime import ExecutionFailed
from cerebelum.engine.domain.errors_store import StoreFull
from cerebelum.engine.domain.ids import ExecutionId
from cerebelum.engine.ports.store import Batch, Committed, Store
from cerebelum.engine.runtime.live import LiveExecution
from cerebelum.engine.runtime.node import NodeSettings
from cerebelum.engine.testing.invariants import check_store
from tests.campaign.workloads import around_a_gate, chain, has_a_child, sleeps, spins_later
from tests.campaign.wrapping import Counting, Refusing, Wrapping
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger
from tests.flows.fanout import named_child

KNOWN: dict[str, WorkflowDefinition[..., Any]] = {
    flow.name: flow for flow in (around_a_gate, chain, has_a_child, sleeps)
}
Worlds = Callable[..., Any]


class Holding(Wrapping):
    """Holds commits back while `open` is not set; `held` counts those that wait."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.open = asyncio.Event()
        self.open.set()
        self.held = 0

    async def commit(self, batch: Batch) -> Committed:
        self.held += 1
        await self.open.wait()
        self.held -= 1
        return await self.inner.commit(batch)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0)


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_step_begins_only_when_what_it_follows_from_is_durable(worlds: Worlds) -> None:
    """R5, I7: with the commit of a step's result held back, the code has scheduled the next step, which has not run."""
    world, store = await worlds(Holding)
    handle = await world.client.start(around_a_gate)
    await world.at_gate(handle)
    store.open.clear()
    ledger.gate(handle.id).set()
    await until(lambda: store.held)
    await turns()
    live = world.node.resident[handle.id]
    assert [entry[1] for entry in live.unstarted] == [3]
    assert len(ledger.effects[handle.id]) == 3  # before, at, and standing at the gate; not after
    store.open.set()
    assert await handle.result(PATIENCE_S) == ["before", "at", "after"]


async def test_without_that_rule_a_step_runs_ahead(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """R5: the guard is what protects: without `is_ahead`, the next step takes effect while the result is in the air."""
    monkeypatch.setattr(LiveExecution, "is_ahead", False)
    world, store = await worlds(Holding)
    handle = await world.client.start(around_a_gate)
    await world.at_gate(handle)
    store.open.clear()
    ledger.gate(handle.id).set()
    await until(lambda: store.held)
    await until(lambda: len(ledger.effects[handle.id]) == 4)
    store.open.set()
    await handle.result(PATIENCE_S)


async def test_no_step_of_a_new_execution_begins_before_its_start_is_durable(worlds: Worlds) -> None:
    """R5, I1: while the start is on its way to the store, its code has begun, and nothing of it took effect."""
    world, store = await worlds(Holding)
    await world.client.register(chain)
    held_back = ExecutionId.new()
    store.open.clear()
    start = asyncio.ensure_future(world.client.start(chain, 1, id=held_back))
    await until(lambda: store.held)
    await turns()
    assert ledger.effects[held_back] == []
    assert held_back not in world.node.resident
    store.open.set()
    assert await (await start).result(PATIENCE_S) == 1


async def test_code_that_began_under_a_taken_id_leaves_no_trace(worlds: Worlds) -> None:
    """R5, F9: a second start of an id that runs here changes neither its history nor its steps."""
    world, _ = await worlds(Counting)
    taken = ExecutionId.new()
    first = await world.client.start(around_a_gate, id=taken)
    await world.at_gate(first)
    before = await first.history()
    again = await world.client.start(around_a_gate, id=taken)
    assert again.existed
    assert await first.history() == before
    ledger.gate(first.id).set()
    assert await first.result(PATIENCE_S) == ["before", "at", "after"]
    assert len(ledger.effects[taken]) == 4
    assert await check_store(world.store, world.engine.codec, KNOWN) == []


async def test_a_start_that_the_store_refuses_has_no_effect(worlds: Worlds) -> None:
    """R5, I1: the code of a start that could not be written is thrown away before any step of it begins."""
    world, store = await worlds(Refusing)
    await world.client.register(chain)
    refused = ExecutionId.new()
    store.error = StoreFull("the disk is full")
    with pytest.raises(StoreFull):
        await world.client.start(chain, 1, id=refused)
    store.error = None
    assert await world.run(chain, 1) == 1
    assert ledger.effects[refused] == []
    assert await world.store.get_execution(refused) is None


@pytest.mark.parametrize("workflow, arguments, commits", [(chain, (1,), 2), (chain, (3,), 4), (sleeps, (3600.0,), 1)])
async def test_what_the_code_asks_goes_with_what_led_to_it(
    worlds: Worlds, workflow: WorkflowDefinition[..., Any], arguments: tuple[Any, ...], commits: int
) -> None:
    """U10: a start and its first step are one commit, a result and the next step are one; a sleeper is written once."""
    world, through = await worlds(Counting)
    await world.client.register(workflow)
    through.calls.clear()
    handle = await world.client.start(workflow, *arguments)
    await until(lambda: not world.node.resident)
    assert through.calls["commit"] == commits, through.calls
    row = await world.store.get_execution(handle.id)
    assert row.owner is None
    assert row.status == ("waiting" if workflow is sleeps else "completed")


async def test_a_child_begins_after_the_start_of_its_parent(worlds: Worlds) -> None:
    """R5, F24: where the code asks for a child at once, its parent's first event is in the store before the child is."""
    world, _ = await worlds(Counting)
    handle = await world.client.start(named_child)
    assert await handle.result(PATIENCE_S) == await world.client.handle("child-of-my-own").result(PATIENCE_S)
    history = await handle.history()
    child = await world.client.handle("child-of-my-own").history()
    assert [event.version for event in history] == list(range(1, len(history) + 1))
    assert child[0].at_us >= history[0].at_us


async def test_a_step_is_not_repeated_because_the_code_after_it_does_not_end() -> None:
    """I6, I7, R10: a result that led to code which spins is kept: its step took effect once when the execution is parked."""
    world = await World.open("memory://", settings=NodeSettings(activation_limit_s=0.1, blocked_warning_s=0.05))
    handle = await world.client.start(spins_later)
    with pytest.raises(ExecutionFailed, match="PoisonExecution"):
        await handle.result(60)
    assert len(ledger.effects[handle.id]) == 1
    assert len(await world.events(handle, ev.StepCompleted)) == 1
    await world.close()
