"""Recovery from a checkpoint is recovery from zero, with less to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cerebelum.connect import make_codec
from cerebelum.engine.domain import events as ev
from cerebelum.engine.ports.store import Store
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun
from cerebelum.engine.testing.invariants import check_store
from tests.campaign.wrapping import Counting
from tests.engine.world import PATIENCE_S
from tests.flows import ledger
from tests.flows.checkpointed import asks_too_early, counts, counts_and_listens

CODEC = make_codec()


def outcome(definition: Any, history: list[ev.RecordedEvent]) -> tuple[Any, ...]:
    """Return what a run is after `history`: what it asks next, waits for, and would draw."""
    run = WorkflowRun("exec-checkpoints", definition, CODEC)
    asked = Replay(run, history).to_end()
    found = (
        [ev.encode_event(command) for command in asked],
        sorted(run.pending),
        run.number,
        run.now_us(),
        run.loop.time(),
        run.ended,
        None if run.ended else run.rng.random(),
    )
    run.close()
    return found


def cut(history: list[ev.RecordedEvent], at: int) -> list[ev.RecordedEvent]:
    """Return what recovery reads where the newest checkpoint is event `at`."""
    return [event for event in history if event.version == 1 or event.version >= at]


async def test_from_every_checkpoint_the_run_is_the_same(worlds: Callable[..., Any]) -> None:
    """E18, I8: for each checkpoint and each event after it, the cut history gives the same run as the whole one."""
    world, _ = await worlds(Counting)
    handle = await world.client.start(counts, 4, naps=True, id="exec-checkpoints")
    await handle.result(PATIENCE_S)
    history = await handle.history()
    checkpoints = [event.version for event in history if event.type == "checkpoint_created"]
    assert len(checkpoints) == 4
    for checkpoint in checkpoints:
        for end in range(checkpoint, len(history) + 1):
            prefix = history[:end]
            assert outcome(counts, cut(prefix, checkpoint)) == outcome(counts, prefix), (checkpoint, end)


class Reading(Counting):
    """Remembers how many events recovery read."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.read: list[int] = []

    async def read_histories(self, ids: list[str], *, for_recovery: bool = False) -> dict[str, list[ev.RecordedEvent]]:
        histories = await self.inner.read_histories(ids, for_recovery=for_recovery)
        self.read += [len(history) for history in histories.values()]
        return histories


async def test_recovery_reads_the_last_checkpoint_and_what_follows(worlds: Callable[..., Any]) -> None:
    """E18, U10: taken over amid fifty passes, an execution reads a handful of events and ends as it would have."""
    world, through = await worlds(Reading)
    handle = await world.client.start(counts_and_listens, 50)
    await world.until(handle, lambda view: view.row.current_step == "signal go")
    await world.crash()
    client = await world.come_back(counts_and_listens)
    await client.handle(handle.id).signal("go", "now")
    assert await client.handle(handle.id).result(PATIENCE_S) == [50, "now"]
    assert through.read == [3]  # the first event, the checkpoint, the wait
    assert ledger.effects[handle.id] == [f"count {number}" for number in range(50)]
    assert await check_store(world.store, CODEC, {"counts_and_listens": counts_and_listens}) == []


async def test_a_signal_that_came_before_the_checkpoint_is_not_lost(worlds: Callable[..., Any]) -> None:
    """C9, E18: a buffered signal is part of the checkpoint, and taken once behind it."""
    world, _ = await worlds(Counting)
    handle = await world.client.start(counts_and_listens, 3, id="exec-checkpoints-2")
    await handle.signal("go", "early")
    assert await handle.result(PATIENCE_S) == [3, "early"]
    history = await handle.history()
    last = max(event.version for event in history if event.type == "checkpoint_created")
    received = next(event.version for event in history if event.type == "signal_received")
    if received < last:
        assert outcome(counts_and_listens, cut(history, last)) == outcome(counts_and_listens, history)


@pytest.mark.parametrize("passes", [6])
async def test_the_row_tells_the_newest_checkpoint(worlds: Callable[..., Any], passes: int) -> None:
    """E18, F1: the row's checkpoint follows from the history, and a rebuild of the row gives it again."""
    world, _ = await worlds(Counting)
    handle = await world.client.start(counts, passes)
    await handle.result(PATIENCE_S)
    history = await handle.history()
    newest = max(event.version for event in history if event.type == "checkpoint_created")
    row = await world.store.get_execution(handle.id)
    assert row.checkpoint == newest


async def test_no_checkpoint_is_taken_while_something_is_open(worlds: Callable[..., Any]) -> None:
    """E18: a state that leaves out an open step would lose it."""
    world, _ = await worlds(Counting)
    assert await world.run(asks_too_early) == [False, True]
