"""`wait_until`: a wait for the workflow's own state, not recorded and the same on every replay."""

from __future__ import annotations

from typing import Any

import pytest

from cerebelum import ExecutionFailed
from cerebelum.engine.testing.crashes import crash_everywhere
from tests.engine.world import World, types_of
from tests.flows import listening


async def test_it_goes_on_when_other_tasks_have_made_it_true(world: World) -> None:
    """C6: beside `gather`, after the trigger that made the condition true; only its steps are in the history."""
    handle = await world.client.start(listening.waits_for_two)
    assert await handle.result(20) == ["last", "a", "b"]
    assert [kind for kind in types_of(await handle.history()) if kind not in ("step_scheduled", "step_completed")] == [
        "execution_started",
        "execution_completed",
    ]


async def test_a_timeout_raises(world: World) -> None:
    """C10: a durable timer, and a `TimeoutError` that the code can handle."""
    handle = await world.client.start(listening.waits_in_vain, 0.05)
    assert await handle.result(20) == "in vain"
    assert "timer_started" in types_of(await handle.history())


async def test_waiters_wake_one_another(world: World) -> None:
    """C6: a condition that another waiter made true is seen in the same activation, however often."""
    assert await world.run(listening.passes_a_ball) == ["a", "b", "a", "b", "a", "b"]


async def test_a_condition_that_fails_raises_at_the_wait(world: World) -> None:
    """C10: the error is the waiter's, as if it had called the condition itself."""
    assert await world.run(listening.broken_condition) == "caught"


async def test_a_condition_may_not_act(world: World) -> None:
    """C6: it is looked at any number of times, so it may ask for nothing that would be recorded."""
    with pytest.raises(ExecutionFailed, match="may only look") as failed:
        await world.run(listening.acting_condition)
    assert failed.value.error_type == "QueryMayNotAct"


async def test_a_wait_that_nothing_can_end_is_a_deadlock(world: World) -> None:
    """D11: no step, timer or update can make it true, so it fails rather than wait for ever."""
    with pytest.raises(ExecutionFailed, match="can never come"):
        await world.run(listening.waits_for_nothing)


@pytest.mark.parametrize(
    "workflow, args",
    [
        (listening.waits_for_two, []),
        (listening.waits_in_vain, [0.05]),
        (listening.passes_a_ball, []),
        (listening.broken_condition, []),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_it_survives_a_crash_after_every_event(make_engine: Any, workflow: Any, args: list[Any]) -> None:
    """C4, I8: from each prefix of the history the same result, and replay asks for nothing else."""
    await crash_everywhere(make_engine, workflow, args)
