"""What steps and workflows return or raise, and what running code may know of itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cerebelum import ExecutionFailed, days, heartbeat, hours, info, minutes, seconds, step, transaction, workflow
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_runtime import NotInStep
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger, steps


@workflow
async def double(number: int) -> int:
    return number * 2


async def test_each_step_hands_its_result_to_the_next(world: World) -> None:
    """A2, A30: steps run in the order they are called, take one value and return the next."""
    handle = await world.client.start(steps.in_order, [])
    assert await handle.result(PATIENCE_S) == ["a", "b", "c"]
    assert [step.name for step in (await handle.describe()).steps] == ["add_a", "add_b", "add_c"]


async def test_a_step_that_returns_error_counts_as_one_that_raises(world: World) -> None:
    """A2, A43: `error("declined")` is retried like an exception, and then fails the execution with its reason."""
    handle = await world.client.start(steps.declined)
    with pytest.raises(ExecutionFailed) as failed:
        await handle.result(PATIENCE_S)
    assert failed.value.message == "declined"
    assert ledger.effects[handle.id] == ["declines"] * 3
    assert [event.attempt for event in await world.events(handle, ev.StepFailedEvent)] == [1, 2, 3]


async def test_a_workflow_that_returns_error_has_failed(world: World) -> None:
    """A2: the workflow itself may end with `error(reason)`."""
    with pytest.raises(ExecutionFailed, match="not today"):
        await world.run(steps.refuses)


@pytest.mark.parametrize("workflow", [steps.blown_up, steps.raises_itself], ids=lambda flow: flow.name)
async def test_an_exception_is_kept_with_its_traceback_and_the_node_lives_on(world: World, workflow: object) -> None:
    """A5: what was raised is in the events and on the row, with the user's lines; a good flow then runs on the same node."""
    node_before = await world.engine.start_node()
    handle = await world.client.start(workflow)  # type: ignore[arg-type, var-annotated]
    with pytest.raises(ExecutionFailed) as failed:
        await handle.result(PATIENCE_S)
    (final,) = await world.events(handle, ev.ExecutionFailedEvent)
    assert final.error.name in ("KeyError", "RuntimeError")
    assert "steps.py" in final.error.traceback
    assert failed.value.remote_traceback == final.error.traceback
    row = (await handle.describe()).row
    assert row.status == "failed"
    assert row.error is not None
    assert row.error.startswith(final.error.name)
    assert await world.run(steps.in_order, []) == ["a", "b", "c"]
    assert world.node is node_before


@pytest.mark.parametrize("kind", ["object", "nan"])
async def test_a_result_that_cannot_be_stored_exactly_fails_its_step(world: World, kind: str) -> None:
    """A4: the error names the step and the place in its result; nothing of the value is kept."""
    with pytest.raises(ExecutionFailed) as failed:
        await world.run(steps.bad_result, kind)
    assert failed.value.error_type == "PayloadNotEncodable"
    assert "result of step 'gives_" in failed.value.message


async def test_a_workflow_result_that_cannot_be_stored_fails_the_execution(world: World) -> None:
    """A4: the path of the bad part is named."""
    with pytest.raises(ExecutionFailed, match=r"deep\[0\]"):
        await world.run(steps.bad_workflow_result)


async def test_a_step_keeps_its_options(world: World) -> None:
    """A30: retry, timeout and compensate of a step are recorded and act, in the order of the calls."""
    handle = await world.client.start(steps.with_options)
    assert await handle.result(PATIENCE_S) == ["first", "second"]
    first, second = await world.events(handle, ev.StepScheduled)
    assert (first.name, first.max_attempts, first.timeout_us) == ("first", 2, 120_000_000)
    assert (second.name, second.max_attempts, second.timeout_us) == ("second", 1, 30_000_000)
    assert ledger.effects[handle.id] == ["first", "first", "second"]


def test_durations_may_be_written_in_units() -> None:
    """A32: the four units are what they say, and a timeout takes each of them, or plain seconds."""
    assert [unit(1).total_seconds() for unit in (seconds, minutes, hours, days)] == [1, 60, 3600, 86400]
    for duration, timeout_us in (
        (seconds(2), 2_000_000),
        (minutes(1), 60_000_000),
        (hours(1), 3_600_000_000),
        (0.5, 500_000),
    ):
        assert step(timeout=duration)(len).timeout_us == timeout_us


async def test_running_code_knows_its_execution_and_step(world: World) -> None:
    """B7: the input is unchanged to the end, and the id and the step's name are those of the history."""
    handle = await world.client.start(steps.knows_itself, "A-1", 0.0)
    told = await handle.result(PATIENCE_S)
    whole_input = {"order": "A-1", "pause_s": 0.0}
    assert told["workflow"] == {"id": handle.id, "step": None, "input": whole_input, "name": "knows_itself"}
    assert told["unchanged"]
    key = f"{handle.id}/1"
    assert told["step"] == {"id": handle.id, "step": "about_me", "input": whole_input, "attempt": 1, "key": key}


async def test_a_resumed_execution_knows_the_same_of_itself(world: World) -> None:
    """B7: after a crash the input, the id and the step's name are what they were."""
    handle = await world.client.start(steps.knows_itself, "A-2", 0.2)
    await world.until(handle, lambda view: bool(view.steps))
    handle = await world.crash_and_come_back(handle, steps.knows_itself)
    told = await handle.result(PATIENCE_S)
    assert told["workflow"]["id"] == told["step"]["id"] == handle.id
    assert told["workflow"]["input"] == told["step"]["input"] == {"order": "A-2", "pause_s": 0.2}
    assert told["step"]["step"] == "about_me"


async def test_concurrent_executions_never_see_each_other(world: World) -> None:
    """B13: each of a hundred concurrent executions sees its own id and input, in its steps too."""
    handles = await world.client.start_many(steps.knows_itself, [(f"order-{n}", 0.01) for n in range(100)])
    told = await asyncio.gather(*(handle.result(PATIENCE_S) for handle in handles))
    for number, (handle, seen) in enumerate(zip(handles, told, strict=True)):
        assert seen["workflow"]["id"] == seen["step"]["id"] == handle.id
        assert seen["workflow"]["input"]["order"] == seen["step"]["input"]["order"] == f"order-{number}"


@pytest.mark.parametrize("call", [info, heartbeat, transaction], ids=lambda call: call.__name__)
def test_asking_outside_a_step_is_an_error(call: object) -> None:
    """B13: nothing is bound outside a step, and the error says so."""
    with pytest.raises(NotInStep, match=r"has a meaning inside a .*running step only"):
        call()  # type: ignore[operator]


async def test_results_of_what_just_ended_are_not_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """U10: of three hundred executions that ended before anybody asked, no result is read from the store."""
    handles = await world.client.start_many(double, [(number,) for number in range(300)])
    async with asyncio.timeout(PATIENCE_S):
        while world.node.resident:  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0.005)

    async def refuse(execution_id: str) -> None:
        raise AssertionError(f"the result of {execution_id} was read from the store")

    monkeypatch.setattr(world.store, "last_event", refuse)
    assert [await handle.result(PATIENCE_S) for handle in handles] == [number * 2 for number in range(300)]


async def test_the_result_of_a_replaced_execution_is_not_the_former_ones(world: World) -> None:
    """F9: started anew under its id, an execution gives its own result, not what the one before gave a moment ago."""
    first = await world.client.start(double, 1, id="replaced-at-once")
    assert await first.result(PATIENCE_S) == 2
    second = await world.client.start(double, 5, id="replaced-at-once", if_exists="replace")
    assert await second.result(PATIENCE_S) == 10


async def test_a_replacement_that_begins_later_gives_its_own_result(world: World) -> None:
    """F9: replaced by an execution that is scheduled, and so not begun here at once, an id has no result until that ends."""
    first = await world.client.start(double, 1, id="replaced-later")
    assert await first.result(PATIENCE_S) == 2
    later = datetime.now(UTC) + timedelta(milliseconds=50)
    second = await world.client.start(double, 5, id="replaced-later", if_exists="replace", scheduled_at=later)
    assert await second.result(PATIENCE_S) == 10
