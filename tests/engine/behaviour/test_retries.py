"""Retries of steps and of workflows, and timeouts. No test waits for a backoff: delays are read from the history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from cerebelum import ExecutionFailed, Retry
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.testing.crashes import crash_everywhere
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger, retrying

BACKOFFS_MS = {
    "exponential": [2_000, 4_000, 8_000],
    "linear": [1_000, 2_000, 3_000],
    "constant": [3_000, 3_000, 3_000],
    "capped": [1_000, 1_000, 1_000],
}


@pytest.mark.parametrize("kind", BACKOFFS_MS)
async def test_the_recorded_pauses_between_attempts_follow_the_policy(world: World, kind: str) -> None:
    """D2-D5, D7: each failed attempt records when the next begins, and the pauses are those of the policy."""
    handle = await world.client.start(retrying.backs_off, kind)
    for attempts, pause_ms in enumerate(BACKOFFS_MS[kind], start=1):
        view = await world.until(handle, lambda view, n=attempts: len(_failures(view.steps)) == n)  # type: ignore[misc]
        newest = view.steps[0].attempts[attempts - 1]
        assert newest.retry_at_us is not None
        assert newest.ended_us is not None
        assert newest.retry_at_us - newest.ended_us == pause_ms * 1_000
        assert view.steps[0].status == "waiting"
        if attempts < 3:
            world.move_clock_on(pause_ms * 1_000)
    await handle.cancel("seen enough")


def _failures(steps: object) -> list[object]:
    return [attempt for step in steps for attempt in step.attempts if attempt.status == "failed"]  # type: ignore[attr-defined]


def test_backoffs_of_many_attempts() -> None:
    """D2, D3, D5: the twentieth pause with base 2 is capped at 3600 s; base 2 gives 2, 4, 6 s when linear."""
    assert [Retry(max_attempts=30).delay_us(n) // 1_000 for n in (1, 2, 3, 20)] == [2_000, 4_000, 8_000, 3_600_000]
    assert [Retry(backoff="linear").delay_us(n) // 1_000 for n in (1, 2, 3)] == [2_000, 4_000, 6_000]
    assert Retry(backoff_base=10).delay_us(10_000) == 3_600_000_000


def test_a_policy_has_defaults_and_refuses_what_cannot_work() -> None:
    """D1, D6: exponential, base 2, at most an hour; an unknown strategy, key or number is refused where it is written."""
    policy = Retry(max_attempts=3)
    assert (policy.backoff, policy.backoff_base, policy.max_backoff) == ("exponential", 2, 3600)
    with pytest.raises(DefinitionError, match="random"):
        Retry(backoff="random")  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="max_attempts=0"):
        Retry(max_attempts=0)
    with pytest.raises(DefinitionError, match="backoff_base"):
        Retry(backoff_base=0)
    with pytest.raises(TypeError, match="attempts"):
        Retry(attempts=3)  # type: ignore[call-arg]


async def test_every_attempt_is_a_record_of_its_own(world: World) -> None:
    """D7: number, status, error and times of each; the last of a step that failed twice is the third."""
    handle = await world.client.start(retrying.lucky)
    assert await handle.result(PATIENCE_S) == 3
    (step,) = (await handle.describe()).steps
    assert [(attempt.attempt, attempt.status) for attempt in step.attempts] == [
        (1, "failed"),
        (2, "failed"),
        (3, "completed"),
    ]
    assert [attempt.error and attempt.error.message for attempt in step.attempts] == ["attempt 1", "attempt 2", None]
    for attempt in step.attempts:
        assert attempt.ended_us is not None
        assert 0 < attempt.started_us <= attempt.ended_us


async def test_the_pause_between_attempts_survives_a_crash(world: World) -> None:
    """D8: the next attempt has the right number and its original due time, and no attempt is repeated."""
    handle = await world.client.start(retrying.retried_later)
    await world.until(handle, lambda view: bool(_failures(view.steps)))
    (failed,) = await world.events(handle, ev.StepFailedEvent)
    handle = await world.crash_and_come_back(handle, retrying.retried_later)
    assert await handle.result(PATIENCE_S) == 2
    assert ledger.effects[handle.id] == ["attempt 1", "attempt 2"]
    assert await world.events(handle, ev.StepFailedEvent) == [failed]
    (completed,) = await world.events(handle, ev.StepCompleted)
    assert failed.retry_at_us is not None
    assert (completed.attempt, completed.started_us >= failed.retry_at_us) == (2, True)


async def test_a_far_retry_holds_no_memory(world: World) -> None:
    """D8: an execution that waits long for its retry is handed back with the due time in the store."""
    handle = await world.client.start(retrying.backs_off, "exponential")
    for attempts, pause_us in ((1, 2_000_000), (2, 4_000_000)):
        await world.until(handle, lambda view, n=attempts: len(_failures(view.steps)) == n)  # type: ignore[misc]
        world.move_clock_on(pause_us)
    view = await world.until(handle, lambda view: len(_failures(view.steps)) == 3 and view.row.owner is None)
    assert view.row.wake_at_us == view.steps[0].attempts[2].retry_at_us
    assert view.row.status == "waiting"


async def test_a_timeout_ends_the_attempt_and_counts_as_a_failure(world: World) -> None:
    """D9: two attempts, two timeout errors, and then the execution has failed with one."""
    handle = await world.client.start(retrying.timed_out)
    with pytest.raises(ExecutionFailed, match=r"timeout of 0\.05 s") as failed:
        await handle.result(PATIENCE_S)
    assert failed.value.error_type == "StepTimedOut"
    assert [event.error.name for event in await world.events(handle, ev.StepFailedEvent)] == ["StepTimedOut"] * 2
    assert ledger.effects[handle.id] == ["too slow"] * 2
    assert not world.node.steps.attempts


async def test_an_error_that_is_never_retried_fails_at_once(world: World) -> None:
    """D1: `never` ends the attempts early."""
    handle = await world.client.start(retrying.not_retried)
    with pytest.raises(ExecutionFailed, match="no use"):
        await handle.result(PATIENCE_S)
    assert ledger.effects[handle.id] == ["hopeless"]


async def test_a_workflow_that_always_fails_is_run_four_times(world: World) -> None:
    """D11: three retries after the first run, and no completed step is done again in any of them."""
    handle = await world.client.start(retrying.begins_anew)
    with pytest.raises(ExecutionFailed, match="always"):
        await handle.result(PATIENCE_S)
    assert [event.run for event in await world.events(handle, ev.ExecutionRetried)] == [2, 3, 4]
    done = ledger.effects[handle.id]
    assert sorted(done) == ["breaks"] * 4 + ["prepare one", "prepare three", "prepare two"]
    assert sum(event.reused for event in await world.events(handle, ev.StepCompleted)) == 9


@pytest.mark.parametrize("workflow", [retrying.recovers, retrying.lucky], ids=lambda flow: flow.name)
async def test_retries_end_the_same_after_a_crash_at_each_event(
    make_engine: Callable[[], Awaitable[Engine]], workflow: object
) -> None:
    """D8, D11: wherever a process dies, another one ends with the same result and an unchanged past."""
    outcome = await crash_everywhere(make_engine, workflow)  # type: ignore[arg-type]
    assert outcome.final_type == "execution_completed"


async def test_a_workflow_timeout_covers_its_waits(world: World) -> None:
    """D10: it fails with a timeout error, and its sleep is over."""
    handle = await world.client.start(retrying.waits_too_long)
    with pytest.raises(ExecutionFailed, match=r"timeout of 0\.1 s") as failed:
        await handle.result(PATIENCE_S)
    assert failed.value.error_type == "WorkflowTimedOut"
    assert (await handle.describe()).row.wake_at_us is None


async def test_a_workflow_timeout_counts_from_the_start_whatever_dies(world: World) -> None:
    """C4, D10: a process that takes over ends the execution when its time is up, counted from when it began."""
    flow = retrying.waits_somewhat_too_long
    handle = await world.client.start(flow)
    before = (await world.until_status(handle, "waiting")).row
    handle = await world.crash_and_come_back(handle, flow)
    # What is left of the time is not waited for, and must not be so short that it is over before we have looked.
    await world.until(handle, lambda view: view.row.epoch > before.epoch and view.row.wake_at_us == before.wake_at_us)
    world.move_clock_on(4_000_000)
    with pytest.raises(ExecutionFailed, match=r"timeout of 4 s"):
        await handle.result(PATIENCE_S)
