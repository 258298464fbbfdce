"""A flow recovered from a checkpoint is the flow recovered from zero, wherever in its blocks it stood."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from cerebelum import Flow, decision, foreach, increment_context, loop, switch
from cerebelum.connect import make_codec
from cerebelum.engine.authoring import flow_checkpoints
from cerebelum.engine.domain import events as ev
from cerebelum.engine.ports.store import Store
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun
from cerebelum.engine.testing.invariants import check_store
from tests.campaign.wrapping import Counting
from tests.engine.world import World
from tests.flows import graphs, ledger
from tests.flows.ledger import pass_gate

CODEC = make_codec()


def count() -> None:
    increment_context("n")


def kind(n: int = 0) -> str:
    return "odd" if n % 2 else "even"


async def count_and_stop(n: int = 0) -> None:
    increment_context("n")
    if n == 9_990:
        await pass_gate()


deep = Flow(
    "deep",
    loop(
        "outer",
        while_=lambda ctx: ctx.get("n", 0) < 14,
        max_iterations=20,
        body=[
            count,
            decision(
                kind,
                {"odd": [count, foreach("each", items=lambda _: [1, 2], body=[graphs.double, count])], "even": [count]},
            ),
            switch("way", on=lambda ctx: ctx.n % 3, cases={0: [count, graphs.one], 1: [count]}, default=[count, count]),
        ],
    ),
    graphs.two,
)
gathering = Flow(
    "gathering", foreach("each", items=lambda _: [3, 4, 5], body=[graphs.double, count], collect="all"), count
)
with_undo = Flow("with_undo", count, count, graphs.steps, count)
long = Flow("long", loop("passes", while_=lambda ctx: ctx.get("n", 0) < 10_000, body=[count_and_stop]), kind)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = await World.open("memory://")
    yield world
    await world.close()


def outcome(flow: Any, execution_id: str, history: list[ev.RecordedEvent]) -> tuple[Any, ...]:
    """Return what a run is after `history`."""
    run = WorkflowRun(execution_id, flow, CODEC)
    asked = Replay(run, history).to_end()
    context = None if run.ended else run.recorded_context.held()
    found = [ev.encode_event(command) for command in asked], sorted(run.pending), run.number, run.ended, context
    run.close()
    return found


@pytest.mark.parametrize(
    "flow", [deep, gathering, graphs.looped, graphs.edges, graphs.Rounds], ids=lambda flow: flow.name
)
async def test_from_every_checkpoint_a_flow_is_the_same(
    world: World, flow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E18, I8: with a checkpoint between any two nodes, each cut history gives the same commands and context as all of it."""
    monkeypatch.setattr(flow_checkpoints, "EVERY", 0)
    handle = await world.client.start(flow, {})
    await world.until(handle, lambda view: view.row.ended)
    history = await handle.history()
    checkpoints = [event.version for event in history if event.type == "checkpoint_created"]
    assert checkpoints
    for checkpoint in checkpoints:
        for end in range(checkpoint, len(history) + 1):
            whole = history[:end]
            cut = [event for event in whole if event.version == 1 or event.version >= checkpoint]
            assert outcome(flow, handle.id, cut) == outcome(flow, handle.id, whole), (checkpoint, end)


class Reading(Counting):
    """Remembers how many events recovery read."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.read: list[int] = []

    async def read_histories(self, ids: list[str], *, for_recovery: bool = False) -> dict[str, list[ev.RecordedEvent]]:
        histories = await self.inner.read_histories(ids, for_recovery=for_recovery)
        self.read += [len(history) for history in histories.values()]
        return histories


async def test_a_flow_of_ten_thousand_steps_recovers_from_its_last_checkpoint(
    worlds: Callable[..., Any], url: str
) -> None:
    """E18: killed near its end, a flow of 10,000 steps reads some hundred events, and ends as it would have."""
    if url.startswith("postgresql"):
        return  # the stores' own part is in their contract; this one is about the flow
    world, through = await worlds(Reading)
    handle = await world.client.start(long, {})
    await world.at_gate(handle)
    await world.crash()
    client = await world.come_back(long)
    ledger.gate(handle.id).set()
    assert await client.handle(handle.id).result(120) == "even"
    assert (await client.handle(handle.id).describe()).context.n == 10_000
    assert len(through.read) == 1
    assert through.read[0] < 2 * flow_checkpoints.EVERY + 20


async def test_a_flow_that_was_changed_where_it_stood_is_parked(worlds: Callable[..., Any]) -> None:
    """E18, G7: code without the node that a checkpoint names pauses the execution, and changes nothing."""
    world, _ = await worlds(Counting)
    before = Flow("changing", loop("passes", while_=lambda ctx: ctx.get("n", 0) < 400, body=[count, count]), stop_here)
    after = Flow("changing", count, stop_here)
    handle = await world.client.start(before, {})
    await world.at_gate(handle)
    await world.crash()
    client = await world.come_back(after)
    view = await world.until(client.handle(handle.id), lambda view: view.row.status == "paused")
    assert "incompatible code" in view.state.reason
    assert (await world.store.get_execution(handle.id)).checkpoint is not None


async def stop_here() -> None:
    await pass_gate()


async def test_while_there_is_something_to_undo_no_checkpoint_is_taken(
    worlds: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """E18, D12: what a compensation needs is no data, so a flow that may have to undo keeps its whole history."""
    from cerebelum import node

    monkeypatch.setattr(flow_checkpoints, "EVERY", 0)
    world, _ = await worlds(Counting)
    flow = Flow("undoable", count, node(graphs.one, compensate=graphs.undo_one), count, graphs.fail)
    handle = await world.client.start(flow, {})
    await world.until(handle, lambda view: view.row.status == "failed")
    kinds = [event.type for event in await handle.history()]
    assert kinds.count("checkpoint_created") == 1  # behind the first node
    assert kinds.index("checkpoint_created") < kinds.index("compensation_started")
    assert "undo 1" in ledger.effects[handle.id]
    assert await check_store(world.store, CODEC, {"undoable": flow}) == []
