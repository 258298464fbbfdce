"""Where an execution may be forked, and what may be changed in the copy."""

from __future__ import annotations

from typing import Any

import pytest

import cerebelum
from cerebelum import ExecutionFailed
from cerebelum.connect import make_codec
from cerebelum.engine.application.forking import ForkRequest, edits_of, prepare_fork
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ExecutionExists
from cerebelum.engine.domain.errors_fork import EditRefused, ForkDoesNotFit, ForkPointUnknown, ForkRefused
from cerebelum.engine.domain.projection import reconstruct
from cerebelum.testing.blocking import blocking_in_memory_engine
from tests.engine.forking.world_of_forks import ended, stored, version_of
from tests.engine.world import PATIENCE_S, World
from tests.flows import forked, ledger


class Backwards:
    """A transform that hides what it stores from a plain look."""

    name = "backwards"

    def encode(self, data: bytes) -> bytes:
        return data[::-1]

    def decode(self, data: bytes) -> bytes:
        return data[::-1]


async def test_a_failed_execution_goes_on_with_an_edited_result(world: World) -> None:
    """E15: what came before the step is reused, the step runs again with what was edited, and the original stays."""
    failed = await ended(world, forked.order, 500.0)
    before = await stored(world, failed.id)
    fork = await failed.fork(at="ship", patch={"charge.total": 5}, id=f"mended-{failed.id}")
    assert await fork.result(PATIENCE_S) == f"mended-{failed.id}/3"
    assert ledger.effects[fork.id] == ["ship 5"]
    assert await stored(world, failed.id) == before
    state = reconstruct(fork.id, await fork.history())
    assert (state.forked_from, state.forked_at) == (failed.id, await version_of(failed, "step_scheduled", 2) - 1)
    assert state.fork is not None
    assert state.fork.edits == (f"charge.total (event {await version_of(failed, 'step_completed', 1)})",)


async def test_a_step_that_runs_again_has_the_key_of_the_fork(world: World) -> None:
    """E15: its idempotency key is another than the original's, so that the world does it once more."""
    original = await ended(world, forked.order)
    fork = await original.fork(at="ship")
    assert (await original.result(), await fork.result(PATIENCE_S)) == (f"{original.id}/3", f"{fork.id}/3")


async def test_an_edit_alone_forks_behind_the_event_it_changes(world: World) -> None:
    """E15: without `at`, what was made of the old value is not copied."""
    failed = await ended(world, forked.order, 500.0)
    fork = await failed.fork(patch={"reserve.amount": 7})
    await fork.result(PATIENCE_S)
    assert ledger.effects[fork.id] == ["charge 7", "ship 7"]


async def test_the_input_may_be_edited(world: World) -> None:
    """E15: the workflow begins anew with another argument."""
    failed = await ended(world, forked.order, 500.0)
    fork = await failed.fork(patch={"input.amount": 8})
    await fork.result(PATIENCE_S)
    assert ledger.effects[fork.id] == ["reserve", "charge 8", "ship 8"]


async def test_an_edit_that_contradicts_what_is_copied_is_refused_with_the_event(world: World) -> None:
    """E16: a result whose consequence was copied too is no fork: the first such event is named, and an earlier point."""
    failed = await ended(world, forked.order, 500.0)
    with pytest.raises(ForkDoesNotFit) as refused:
        await failed.fork(at="ship", patch={"reserve.amount": 7})
    scheduled = await version_of(failed, "step_scheduled", 1)
    assert refused.value.version == scheduled
    assert f"--at {scheduled - 1}" in str(refused.value)
    assert len(await world.client.list()) == 1


@pytest.mark.parametrize(
    "patch,said",
    [
        ({"charge.totl": 5}, "there is no 'totl': its keys are"),
        ({"chrge": 5}, "in the copied events, which have: charge, reserve"),
        ({"charge#2": 5}, "call 2 of it has not completed"),
        ({"charge": {"total": "dear"}}, "total"),
        ({"reserve.items[7]": 5}, "the list has 2 values"),
        ({"signal:go": 5}, "nothing of that name"),
        ({"context.x": 5}, "no step of a flow"),
        ({"charge.total": object()}, "JSON data"),
    ],
)
async def test_an_edit_that_means_nothing_is_refused(world: World, patch: dict[str, Any], said: str) -> None:
    """E15: with what there is, and nothing is written."""
    failed = await ended(world, forked.order, 500.0)
    with pytest.raises(EditRefused, match=said.replace("(", "\\(")):
        await failed.fork(at="ship", patch=patch)
    assert len(await world.client.list()) == 1


async def test_a_place_that_is_not_there_is_refused(world: World) -> None:
    """E15: an event beyond the end, a step that was not called, the end itself, an id that is taken."""
    original = await ended(world, forked.order)
    last = len(await original.history())
    for at in (0, last + 1, "shipp", "ship#2", ""):
        with pytest.raises(ForkPointUnknown):
            await original.fork(at=at)
    with pytest.raises(ForkRefused, match="--at ship"):
        await original.fork(at=last)
    with pytest.raises(ExecutionExists):
        await original.fork(at=1, id=original.id)
    with pytest.raises(ValueError, match="say where"):
        await original.fork()


async def test_the_context_of_a_flow_may_be_edited(world: World) -> None:
    """E15: as it stands at the fork point."""
    original = await ended(world, forked.counting)
    assert await original.result() == 1
    fork = await original.fork(at="tell_total", patch={"context.total": 41})
    assert await fork.result(PATIENCE_S) == 41


async def test_the_plan_tells_what_is_reused_and_what_runs_again(world: World) -> None:
    """E15: and nothing is written by looking."""
    original = await ended(world, forked.order, 500.0)
    request = ForkRequest(at="ship", edits=edits_of({"charge.total": 5}))
    plan = (await prepare_fork(world.engine, original.id, request)).plan
    assert plan.reused == ("reserve", "charge")
    assert [(step.name, step.count) for step in plan.again] == [("ship", 1)]
    assert [(edited.what, edited.before, edited.after) for edited in plan.edits] == [("charge.total", b"500.0", b"5")]
    assert len(await world.client.list()) == 1


async def test_sealed_payloads_are_edited_in_clear_and_stored_sealed(url: str) -> None:
    """J6, E15: the edit is made on what the code sees; neither it nor its old value is stored in clear."""
    world = await World.open(url, codec=make_codec((Backwards(),)))
    failed = await ended(world, forked.order, 500.0)
    fork = await failed.fork(at="ship", patch={"charge.currency": "PLAINLY", "charge.total": 5})
    await fork.result(PATIENCE_S)
    assert ledger.effects[fork.id] == ["ship 5"]
    assert not [event for event in await fork.history() if b"PLAINLY" in event.data]
    assert [event.name for event in await world.events(fork, ev.StepScheduled)] == ["reserve", "charge", "ship"]
    await world.close()


async def test_large_events_are_copied_and_edited_in_their_blobs(world: World) -> None:
    """E15: a payload over 128 KiB lies beside the history; the copy shares it, and an edited one has its own."""
    original = await ended(world, forked.large)
    plain = await original.fork(at="measure")
    assert await plain.result(PATIENCE_S) == await original.result()
    edited = await original.fork(at="measure", patch={"make.tail": "longer"})
    assert await edited.result(PATIENCE_S) == await original.result() + len("longer") - len("end")


def test_scripts_fork_by_the_same_call() -> None:
    """E15: with `connect_blocking`, and with the blocking test engine, the call waits, and so does what it returns."""
    with cerebelum.connect_blocking("memory://") as client:
        handle = client.start(forked.order, 500.0)
        with pytest.raises(ExecutionFailed):
            handle.result(PATIENCE_S)
        fork = handle.fork(at="ship", patch={"charge.total": 5})
        assert fork.result(PATIENCE_S) == f"{fork.id}/3"
    with blocking_in_memory_engine() as kit:
        napped = kit.start(forked.long_nap)
        assert napped.result() == "awake"
        assert napped.fork(at=1).result() == "awake"
