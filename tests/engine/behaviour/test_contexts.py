"""The context that the steps of a flow share: recorded with them, gone with a failed attempt, apart from others'."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import cerebelum
from cerebelum import ExecutionFailed
from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.query import get_execution
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_runtime import NotInStep
from cerebelum.engine.testing.crashes import crash_everywhere
from tests.engine.world import PATIENCE_S, World
from tests.flows import contexts, ledger


class _BackToFront:
    """A transform of every payload, however small."""

    name = "test-back-to-front"

    def encode(self, data: bytes) -> bytes:
        return data[::-1]

    def decode(self, data: bytes) -> bytes:
        return data[::-1]


WRITTEN = {"given": {"k": 1}, "a": 1, "b": [2], "c": {"x": None}, "items": ["one", {"two": 2}], "sum": 5}


async def test_what_one_step_writes_the_next_one_reads(world: World) -> None:
    """B1, B2, B3, B5, B6, B7, B9, F14: every function of the context, also after a sleep; the view holds the same."""
    handle = await world.client.start(contexts.written_and_read, {"k": 1})
    read = await handle.result(PATIENCE_S)
    assert read == {
        "all": WRITTEN,
        "default": "d",
        "has": [True, False],
        "identity": [{"given": {"k": 1}}, handle.id, "read_all"],
    }
    view = await get_execution(world.engine, handle.id, include_logs=True)
    assert view.context.as_dict() == view.state.context.as_dict() == WRITTEN
    assert view.context.sum == 5, "S5: by attribute"
    assert {"by key 1", "by attribute 1"} <= {line.message for line in view.logs}


async def test_a_failed_attempts_writes_are_gone(world: World) -> None:
    """B4, B11: an attempt that increments and then fails, twice, leaves no trace; three passes give 3."""
    handle = await world.client.start(contexts.counted)
    assert await handle.result(PATIENCE_S) == [1, 2, 3]
    assert len(ledger.effects[handle.id]) == 9
    assert (await handle.describe()).context == {"n": 3, "tries": ["count_and_fail"] * 3}


async def test_a_write_outlives_the_process(world: World) -> None:
    """B10: killed while the second step runs, the next process gives it what the first one wrote."""
    handle = await world.client.start(contexts.gated)
    await world.at_gate(handle)
    again = await world.crash_and_come_back(handle, contexts.gated)
    ledger.gate(handle.id).set()
    assert await again.result(PATIENCE_S) == 1


@pytest.mark.parametrize(
    "workflow", [contexts.written_and_read, contexts.counted, contexts.in_branches, contexts.begun_again]
)
async def test_a_crash_anywhere_changes_nothing(
    make_engine: Callable[[], Awaitable[Engine]], workflow: WorkflowDefinition[..., Any]
) -> None:
    """B10, B11, B12: after a crash behind any event the context is the same."""
    args = {contexts.written_and_read: ({"k": 1},), contexts.in_branches: (3,)}.get(workflow, ())
    await crash_everywhere(make_engine, workflow, args)


async def test_parallel_branches_lose_nothing(world: World) -> None:
    """B12: ten branches increment, append and put; all survive, in the order of the branches, 50 times over."""
    handles = [await world.client.start(contexts.in_branches, 10) for _ in range(50)]
    for handle in handles:
        result = await handle.result(PATIENCE_S)
        assert (result["n"], result["found"], result["own-9"]) == (10, list(range(10)), 9)
    view = await handles[0].describe()
    assert view.context == await handles[0].result(), "the projection tells what the flow itself brought together"
    assert len(await world.events(handles[0], ev.ContextChanged)) == 1


async def test_a_compensation_reads_and_writes_the_context(world: World) -> None:
    """B8: `state().flight_booking`, set by an earlier step, is there when it is undone."""
    handle = await world.client.start(contexts.compensated)
    with pytest.raises(ExecutionFailed, match="no hotel"):
        await handle.result(PATIENCE_S)
    assert ledger.effects[handle.id] == ["cancelled LX 1"]
    assert (await handle.describe()).context == {"flight_booking": "LX 1", "cancelled": True}


async def test_concurrent_executions_never_see_each_others_context(world: World) -> None:
    """B13: 100 at once write and read back their own id."""
    handles = [await world.client.start(contexts.kept_apart) for _ in range(100)]
    for handle in handles:
        assert await handle.result(PATIENCE_S) == [handle.id, {"id": handle.id}]


async def test_outside_a_flow_there_is_no_context(world: World) -> None:
    """B13: a bare call, and one in a step of no flow, raise an error that says so."""
    with pytest.raises(NotInStep, match=r"^context\(\) has a meaning inside a running step of a Flow only$"):
        cerebelum.context()
    for name in ("state", "input"):
        with pytest.raises(NotInStep):
            getattr(cerebelum, name)()
    with pytest.raises(
        ExecutionFailed, match=r"context\(\): step 'lonely' is not part of a Flow, so it has no context"
    ):
        await world.run(contexts.without_context)


async def test_a_value_that_json_cannot_hold_is_refused_where_it_is_put(world: World) -> None:
    """B10: the attempt fails at the put, and the error names the key."""
    with pytest.raises(ExecutionFailed, match="context value 'tags' cannot be stored exactly"):
        await world.run(contexts.inexact)


async def test_a_run_that_begins_anew_begins_with_an_empty_context(world: World) -> None:
    """B10, B11: results that are reused bring their writes along; those of the failed step are gone."""
    handle = await world.client.start(contexts.begun_again)
    assert await handle.result(PATIENCE_S) == {"n": 2, "found": [1], "own-1": 1}
    assert (await handle.describe()).context == {"n": 2, "found": [1], "own-1": 1}
    assert any(event.reused for event in await world.events(handle, ev.StepCompleted))


async def test_sealed_patches_are_read_back_and_replayed(new_url: Callable[[], str]) -> None:
    """B10, R10: patches go through payload transforms as results do; crashes and replay find the same."""

    async def make() -> Engine:
        store = open_store(new_url())
        await store.open()
        return Engine(store, make_codec(transforms=(_BackToFront(),)))

    whole = await crash_everywhere(make, contexts.in_branches, (3,))
    patches = [e.patch for r in whole.history if isinstance(e := r.event(), ev.StepCompleted | ev.ContextChanged)]
    assert len(patches) == 4
    assert all(b"$enc" in bytes(patch) for patch in patches)


async def test_a_step_that_writes_nothing_records_nothing(world: World) -> None:
    """B10: the events of steps that only read are as before."""
    handle = await world.client.start(contexts.kept_apart)
    await handle.result(PATIENCE_S)
    recorded = [event for event in await handle.history() if event.type == "step_completed"]
    assert [b"patch" in event.data for event in recorded] == [True, False]


async def test_many_writes_of_one_step_are_recorded_as_few(world: World) -> None:
    """B10: what is recorded is what they come to."""
    handle = await world.client.start(contexts.written_and_read, {})
    await asyncio.wait_for(handle.result(PATIENCE_S), PATIENCE_S)
    first = (await world.events(handle, ev.StepCompleted))[0]
    assert bytes(first.patch).count(b'"put"') == 3


GATHERED = {
    "numbers": [3, 1, 2],
    "n": 10,
    "found": ["add_one"] * 10,
    "squares": [9, 1, 4],
    "results": [9, 1, 4],
}


async def test_a_flow_gathers_from_its_branches_and_items(world: World) -> None:
    """B7, B12, S5: nothing of ten branches and three items is lost; the view shows what the last step saw."""
    handle = await world.client.start(contexts.gathering, {"numbers": [3, 1, 2]})
    assert await handle.result(PATIENCE_S) == [{"numbers": [3, 1, 2]}, GATHERED]
    assert (await handle.describe()).context.as_dict() == GATHERED


async def test_a_crash_anywhere_in_a_flow_loses_nothing_of_its_context(
    make_engine: Callable[[], Awaitable[Engine]],
) -> None:
    """B10, B12: after a crash behind any event the flow ends with the same context."""
    await crash_everywhere(make_engine, contexts.gathering, ({"numbers": [2, 5]},))


async def test_the_compensation_of_a_flows_step_reads_its_context(world: World) -> None:
    """B8: `state().flight_booking` is there when the flow undoes the step that wrote it."""
    handle = await world.client.start(contexts.booking, {})
    with pytest.raises(ExecutionFailed, match="no hotel"):
        await handle.result(PATIENCE_S)
    assert ledger.effects[handle.id] == ["cancelled LX 2"]
