"""A step that failed may be given a result in the fork: what it would have said, or what a person found out."""

from __future__ import annotations

import pytest

from cerebelum.engine.application.forking import ForkRequest, edits_of, prepare_fork
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.editing import Edit
from cerebelum.engine.domain.errors_fork import EditRefused, ForkDoesNotFit
from cerebelum.engine.domain.projection import reconstruct
from tests.engine.forking.world_of_forks import ended, stored, version_of
from tests.engine.world import PATIENCE_S, World
from tests.flows import forked, ledger


async def test_a_failed_step_is_given_a_result(world: World) -> None:
    """E15: its failure becomes its end in the copy, it does not run, what follows goes on with the value."""
    failed = await ended(world, forked.order, 500.0)
    before = await stored(world, failed.id)
    fork = await failed.fork(patch={"ship": "by hand"})
    assert await fork.result(PATIENCE_S) == "by hand"
    assert ledger.effects.get(fork.id, []) == []
    assert await stored(world, failed.id) == before
    at = await version_of(failed, "step_failed")
    [given] = [recorded for recorded in await fork.history() if recorded.version == at]
    [lost] = [recorded for recorded in await failed.history() if recorded.version == at]
    was, now = lost.event(), given.event()
    assert isinstance(was, ev.StepFailedEvent)
    assert isinstance(now, ev.StepCompleted)
    assert (now.number, now.attempt, now.started_us, bytes(now.result)) == (
        was.number,
        was.attempt,
        was.started_us,
        b'"by hand"',
    )
    assert given.at_us == lost.at_us
    state = reconstruct(fork.id, await fork.history())
    assert state.forked_at == at
    assert state.fork is not None
    assert state.fork.edits == (f"ship (event {at})",)


async def test_the_plan_tells_that_it_does_not_run(world: World) -> None:
    """E15: the dry run shows the value that is given, and says that the step is not run for it."""
    failed = await ended(world, forked.order, 500.0)
    at = await version_of(failed, "step_failed")
    plan = (await prepare_fork(world.engine, failed.id, ForkRequest(edits=edits_of({"ship": "by hand"})))).plan
    assert plan.version == at
    assert plan.again == ()
    assert [(edited.what, edited.before, edited.after) for edited in plan.edits] == [("ship", b"", b'"by hand"')]
    assert any("ship had failed" in warning and "does not run it" in warning for warning in plan.warnings)
    assert len(await world.client.list()) == 1


async def test_a_given_result_may_be_changed_again_in_a_fork_of_the_fork(world: World) -> None:
    """E15: in the fork it is a result like any other; a fork of that may change it, also a part of it."""
    failed = await ended(world, forked.order, 500.0)
    first = await failed.fork(patch={"ship": {"by": "hand", "cost": 3}}, at=await version_of(failed, "step_failed"))
    await world.until(first, lambda view: view.row.ended)
    second = await first.fork(patch={"ship": "found"})
    assert await second.result(PATIENCE_S) == "found"


async def test_a_part_of_what_is_not_there_cannot_be_changed(world: World) -> None:
    """E15: a failed step has no result to change a part of; a retried attempt's failure is no end at all."""
    failed = await ended(world, forked.order, 500.0)
    with pytest.raises(EditRefused, match="the step failed"):
        await failed.fork(patch={"ship#1.cost": 3})
    with pytest.raises(EditRefused, match="no call of it has completed"):
        await failed.fork(patch={"ship.cost": 3})
    with pytest.raises(EditRefused, match="not JSON"):
        await prepare_fork(world.engine, failed.id, ForkRequest(edits=[Edit("ship", b"by hand")]))


async def test_what_the_failure_led_to_is_not_copied_beside_the_result(world: World) -> None:
    """E16: behind the failure the history tells of its consequences, which contradict a result: refused, with the event."""
    failed = await ended(world, forked.order, 500.0)
    retried = await ended(world, forked.tries_twice)
    first = await version_of(retried, "step_failed")
    with pytest.raises(ForkDoesNotFit):
        await retried.fork(at=first + 1, patch={"ship#1": "by hand"})
    assert len(await world.client.list()) == 2
    assert failed.id != retried.id
