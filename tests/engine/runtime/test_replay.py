"""Replay of the bare run: no node, no store, so each history is exactly what the test says."""

from __future__ import annotations

import asyncio
import inspect
import random
from typing import Any

import pytest
from msgspec import Raw, structs

from cerebelum import info, patched, wait_for_signal, workflow
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import HistoryMismatch
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.loop import TurnLimit
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun
from tests.engine.runtime.played import CODEC, T0_US, AnyWorkflow, Played, echo, effects, release, replay


@pytest.fixture(autouse=True)
def world() -> None:
    """Workflow code reads its own clock, and nothing has happened yet."""
    install()
    effects.clear()


def mismatch(definition: AnyWorkflow, history: list[ev.RecordedEvent]) -> HistoryMismatch:
    with pytest.raises(HistoryMismatch) as caught:
        replay(definition, history)
    return caught.value


def line_of(definition: AnyWorkflow, text: str) -> str:
    """Return "test_replay.py:N" of the line of a workflow that holds `text`."""
    lines, first = inspect.getsourcelines(definition.function)
    return f"test_replay.py:{first + next(n for n, line in enumerate(lines) if text in line)}"


@workflow("order")
async def order() -> list[Any]:
    first = await echo("reserve")
    second = await echo("charge")
    return [first, second, random.random()]


# -- what replay finds ----------------------------------------------------------------------------------------------------


def test_an_unchanged_workflow_replays_without_running_a_step() -> None:
    """E13: the same commands come of the same history, and no step's function is called."""
    played = Played(order).complete_all()
    assert played.types()[-1] == "execution_completed"
    ending = replay(order, played.history).ending
    assert ending is not None
    assert ev.encode_event(ending[0]) == ev.encode_event(ending[1]) if ending[1] else False
    assert effects == []


def test_a_removed_line_is_named_with_its_event_and_both_lines() -> None:
    """E16: code that skips a recorded step is told at that step's event, with where it was and where the code is."""

    @workflow("order")
    async def shorter() -> list[Any]:
        second = await echo("charge")
        return [second]

    played = Played(order).complete_all()
    error = mismatch(shorter, played.history)
    assert (error.version, error.execution_id) == (2, "exec-1")
    assert error.recorded_line == line_of(order, 'echo("reserve")')
    assert error.requested_line == line_of(shorter, 'echo("charge")')
    assert "reserve" in error.recorded
    assert "charge" in error.requested


def test_another_step_in_the_place_of_a_recorded_one_is_a_mismatch() -> None:
    """E16: the names of both steps are told."""

    @workflow("order")
    async def other() -> Any:
        await echo("reserve")
        return await release("charge")

    error = mismatch(other, Played(order).complete_all().history)
    assert (error.version, error.recorded, error.requested) == (4, "step_scheduled  echo", "step_scheduled  release")


def test_code_that_waits_where_the_history_goes_on_is_shown_where_it_waits() -> None:
    """E16: a recorded command that nothing asks for is told with the line at which the code stands."""

    @workflow("order")
    async def waits() -> None:
        await asyncio.gather(echo("reserve"), wait_for_signal("never"))

    @workflow("order")
    async def was() -> None:
        await asyncio.gather(echo("reserve"), wait_for_signal("never"))
        await echo("charge")

    played = Played(was)
    played.give(ev.StepCompleted(number=1, result=Raw(b'"reserve"')))
    played.give(ev.SignalReceived(name="never"))
    history = [event for event in played.history if event.type not in ("signal_received", "wait_completed")]
    error = mismatch(waits, history)
    assert error.requested == "nothing: the code waits or has ended"
    assert error.requested_line == line_of(waits, "gather")


def test_an_added_line_is_compatible_only_behind_a_patch() -> None:
    """E16: `patched` keeps an old execution on its old branch, and a new one on the new; unguarded it is a mismatch."""

    @workflow("order")
    async def guarded() -> list[Any]:
        first = await echo("reserve")
        if patched("fraud-check"):
            await echo("check")
        second = await echo("charge")
        return [first, second, random.random()]

    @workflow("order")
    async def unguarded() -> list[Any]:
        await echo("reserve")
        await echo("check")
        return [await echo("charge")]

    old = Played(order).complete_all()
    replay(guarded, old.history)
    assert mismatch(unguarded, old.history).version == 4
    new = Played(guarded).complete_all()
    assert new.types().count("version_marker") == 1
    replay(guarded, new.history)


def test_a_replay_that_stops_early_takes_the_branch_that_was_taken() -> None:
    """E16: what the whole history knows decides `patched`, also where one looks at its first events only."""

    @workflow("order")
    async def guarded() -> list[Any]:
        branch = "none"
        first = await echo("reserve")
        branch = "new" if patched("fraud-check") else "old"
        second = await echo("charge")
        return [first, second, branch]

    history = Played(order).complete_all().history
    run = WorkflowRun("exec-1", guarded, CODEC)
    steps = Replay(run, history).steps()
    for recorded, _ in steps:
        if recorded.version == 3:
            break
    (task,) = run.loop.tasks.values()
    coroutine = task.get_coro().cr_await  # type: ignore[union-attr]
    assert coroutine.cr_frame.f_locals["branch"] == "old"
    steps.close()
    run.close()


@pytest.mark.parametrize("nth", range(4))
def test_one_changed_byte_of_a_recorded_command_is_found_at_its_event(nth: int) -> None:
    """E16: bytes are compared first, and no more leniently: a changed command diverges, looked at event by event or not."""

    @workflow("order")
    async def order() -> list[Any]:
        return [await asyncio.gather(echo("one"), echo("two")), await echo("three"), await echo("four")]

    history = Played(order).complete_all().history
    version = [recorded.version for recorded in history if recorded.type == "step_scheduled"][nth]
    recorded = history[version - 1]
    history[version - 1] = structs.replace(recorded, data=recorded.data.replace(b'"echo"', b'"ech0"'))
    assert mismatch(order, history).version == version
    run = WorkflowRun("exec-1", order, CODEC)
    with pytest.raises(HistoryMismatch) as caught:
        list(Replay(run, history).turns(3, to_version=len(history)))
    run.close()
    assert caught.value.version == version


@pytest.mark.parametrize("to_version", [1, 4, 6])
def test_turns_reach_as_far_as_asked(to_version: int) -> None:
    """E16: a replay that nobody looks at event by event stops where it is told, and says how far it came."""
    history = Played(order).complete_all().history
    run = WorkflowRun("exec-1", order, CODEC)
    reached = list(Replay(run, history).turns(2, to_version=to_version))
    assert (reached[-1], len(history)) == (to_version, 6)
    assert reached[:-1] == list(range(2, reached[-1], 2))
    assert run.ended == (to_version == len(history))
    run.close()


def test_a_failure_that_does_not_happen_again_is_a_mismatch() -> None:
    """E16: the workflow's own retry is recorded, so code that no longer fails there does not fit."""

    @workflow("flaky", max_retries=1)
    async def flaky() -> str:
        try:
            return str(await echo("once"))
        finally:
            if info().run == 1:
                raise ValueError("first run")

    @workflow("flaky", max_retries=1)
    async def calm() -> str:
        await echo("once")
        return str(await echo("once"))

    played = Played(flaky).complete_all()
    assert played.run.retry is not None
    played.give(played.run.retry)
    played.complete_all()
    assert played.types()[-1] == "execution_completed"
    replay(flaky, played.history)
    error = mismatch(calm, played.history)
    assert (error.version, error.recorded) == (3 + 1, "execution_retried  ValueError")


def test_the_same_step_with_other_arguments_tells_both() -> None:
    """E16: two commands that read alike are told apart by what differs in them, secrets masked."""

    @workflow("order")
    async def other() -> Any:
        return await echo({"password": "hunter2", "n": 2})

    error = mismatch(other, Played(order).complete_all().history)
    assert "'reserve'" in error.recorded
    assert "'n': 2" in error.requested
    assert "hunter2" not in str(error)


def test_a_different_end_is_a_mismatch_and_can_be_looked_at() -> None:
    """E13, W5: going on from a history insists on its end; looking at it keeps both ends for the report."""

    @workflow("order")
    async def other() -> str:
        await echo("reserve")
        await echo("charge")
        return "other"

    history = Played(order).complete_all().history
    assert mismatch(other, history).version == len(history)
    ending = replay(other, history, observe=True).ending
    assert ending is not None
    assert isinstance(ending[1], ev.ExecutionCompleted)
    assert bytes(ending[1].result) == b'"other"'


def test_code_that_spins_can_be_looked_at() -> None:
    """E13: an execution that the engine ended because its code never waited again is replayed to its last event."""

    @workflow("spins")
    async def spins() -> None:
        await echo("before")
        while True:  # noqa: ASYNC110 - nothing will ever come
            await asyncio.sleep(0)

    ended = ev.ExecutionFailedEvent(number=0, error=ev.ErrorInfo(type="PoisonExecution", message="it spins"))
    played = Played(spins)
    with pytest.raises(TurnLimit):
        played.give(ev.StepCompleted(number=1, result=Raw(b'"before"')))
    history = [*played.history, ev.RecordedEvent(4, ended.type, ev.encode_event(ended), T0_US + 4000)]
    played.run.close()
    with pytest.raises(TurnLimit):
        replay(spins, history)
    seen = replay(spins, history, observe=True)
    assert isinstance(seen.stuck, TurnLimit)
    assert seen.ending is None


def test_a_failed_step_raises_the_same_class_on_every_replay() -> None:
    """E12: the recorded error is made again as the exception that the workflow's `except` names."""

    @workflow("catches")
    async def catches() -> str:
        try:
            await echo(1)
        except Declined as error:
            return f"{type(error).__name__} {error.reason} {error.args}"
        return "no error"

    played = Played(catches)
    played.fail(1, Declined("no funds"))
    assert b"Declined no funds" in played.history[-1].data
    replay(catches, played.history)


class Declined(Exception):
    """An error with an attribute of its own."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@pytest.mark.parametrize("paused_at", range(1, 6))
def test_triggers_that_came_during_a_pause_are_applied_in_order_when_it_ends(paused_at: int) -> None:
    """E13: a pause in the history, wherever it is, leads to the same commands on replay."""

    @workflow("wide")
    async def wide() -> list[Any]:
        results = await asyncio.gather(echo(1), echo(2), echo(3))
        return [*results, await echo(4)]

    played = Played(wide)
    answers: list[ev.Event] = [ev.StepCompleted(number=n, result=Raw(str(n).encode())) for n in (2, 1, 3)]
    for position, answer in enumerate(answers):
        if position == paused_at % 3:
            played.give(ev.ExecutionPaused(reason="look"))
        played.give(answer)
    if paused_at % 2:
        played.give(ev.SignalReceived(name="nobody waits"))
    played.give(ev.ExecutionResumed())
    played.complete_all()
    assert played.types()[-1] == "execution_completed"
    replay(wide, played.history)
