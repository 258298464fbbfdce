from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cerebelum.engine.application.client import Handle
from cerebelum.testing import InMemoryEngine, assert_completed, assert_failed, find_step, in_memory_engine
from tests.flows import tested

ORDER = {"id": 7}


@pytest.fixture
async def engine() -> AsyncIterator[InMemoryEngine]:
    async with in_memory_engine() as kit:
        yield kit


async def test_a_month_passes_at_once(engine: InMemoryEngine) -> None:
    """S7: thirty days of sleep and steps take thirty days of virtual time, to the microsecond, and no real sleep."""
    handle = await engine.start(tested.month)
    began = engine.now
    assert await handle.result(timeout_s=10) == 30
    assert engine.now - began == timedelta(days=30)


async def test_a_week_of_sleep_for_passes_at_once(engine: InMemoryEngine) -> None:
    """S7: `sleep_for(days=7)` ends at once, and the execution's own times are a week apart."""
    execution = await engine.assert_completed(await engine.start(tested.week))
    assert execution.started_at is not None
    assert execution.ended_at == execution.started_at + timedelta(days=7)


async def test_time_begins_where_the_test_says() -> None:
    """S7: `start_at` sets the beginning, so that a test is the same on every day."""
    moment = datetime(2031, 2, 3, tzinfo=UTC)
    async with in_memory_engine(start_at=moment) as kit:
        assert kit.now == moment
        execution = await kit.assert_completed(await kit.start(tested.week))
        assert execution.ended_at is not None
        assert execution.ended_at.date() == (moment + timedelta(days=7)).date()


async def test_time_stands_still_between_two_lines_of_a_test(engine: InMemoryEngine) -> None:
    """S7: what a test does before it waits for a result is never too late."""
    handle = await engine.start(tested.waits_for_pay)
    await engine.settle()
    assert (await engine.get_execution(handle)).status == "waiting"
    await handle.signal("paid", 5)
    assert await handle.result() == 5


async def test_a_signal_is_sent_at_a_moment(engine: InMemoryEngine) -> None:
    """S7: a signal planned for the third day comes then, before a timeout on the fifth."""
    handle = await engine.start(tested.waits_for_pay)
    engine.at(days=3).signal(handle, "paid", {"by": "card"})
    execution = await engine.assert_completed(handle)
    assert execution.result == {"by": "card"}
    assert execution.ended_at == (execution.started_at or engine.now) + timedelta(days=3)


async def test_a_person_answers_at_a_moment(engine: InMemoryEngine) -> None:
    """S7: answers to inputs are planned like signals; without one, the default is taken when the time is up."""
    answered, left = await engine.start(tested.asks_people), await engine.start(tested.asks_people)
    engine.at(days=3).answer(answered, "approval", True)
    assert await answered.result() is True
    assert await left.result() is False
    third = await engine.start(tested.asks_people)
    await engine.settle()
    await third.provide_input("approval", True)
    assert await third.result() is True


async def test_a_signal_planned_too_late_is_too_late(engine: InMemoryEngine) -> None:
    """S2: `assert_failed` returns the failed execution, whose error the test can match."""
    handle = await engine.start(tested.waits_for_pay)
    engine.at(days=6).signal(handle, "paid")
    execution = await assert_failed(handle, match=r"SignalTimedOut: .*'paid'")
    assert execution.status == "failed"


async def test_a_planned_action_that_fails_fails_the_test(engine: InMemoryEngine) -> None:
    """S7: an error of what was planned is met by whoever waits, not swallowed."""
    handle = await engine.start(tested.month)
    engine.at(days=1).call(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await handle.result()


async def test_time_can_be_moved_by_hand(engine: InMemoryEngine) -> None:
    """S7: `advance` fires what falls due, and nothing more."""
    handle = await engine.start(tested.month)
    began = engine.now
    await engine.advance(days=11)
    assert engine.now == began + timedelta(days=11)
    execution = await engine.get_execution(handle)
    assert (execution.status, len(execution.steps)) == ("waiting", 1)
    await handle.cancel("enough")
    assert (await engine.assert_cancelled(handle)).reason == "enough"


async def test_the_orders_of_the_founding_document_complete(engine: InMemoryEngine) -> None:
    """S2, S5: the workflow is started, completes, and its status and result are attributes."""
    workflow_id = (await engine.start(tested.order_workflow, ORDER)).id
    await engine.assert_workflow_completed(workflow_id, timeout=5000)
    execution = await engine.get_execution(workflow_id)
    assert execution.status == "completed"
    assert execution.result["charge_id"] == "ch_7"
    assert execution.input.order == ORDER


async def test_what_a_flow_has_written_is_read_by_attribute(engine: InMemoryEngine) -> None:
    """S5, S4: `execution.context.charge_id`, as in the founding document's test, also after two failures."""
    engine.mock_service_failures(tested.payments, "charge", 2)
    workflow_id = (await engine.start(tested.order_flow, {"order": ORDER})).id
    await engine.assert_workflow_completed(workflow_id)
    execution = await engine.get_execution(workflow_id)
    assert execution.status == "completed"
    assert execution.context.charge_id == "ch_7"
    assert execution.context.mail == "sent for ch_7"
    assert find_step(execution, "charge_of_flow").attempt == 3


async def test_a_service_that_fails_twice_is_called_three_times(engine: InMemoryEngine) -> None:
    """S3, S4: the step's record shows attempt 3, and the minutes of backoff take no real time."""
    engine.mock_service_failures(tested.payments, "charge", 2)
    handle = await engine.start(tested.order_workflow, ORDER)
    execution = await engine.assert_completed(handle)
    assert find_step(execution, "charge_payment").attempt == 3
    assert find_step(execution, "charge_payment").result == "ch_7"


@pytest.mark.parametrize("name,called", [("charge", "ch_7"), ("name", "PaymentService"), ("currency", "CHF")])
async def test_a_failing_service_is_mended_after_the_test(name: str, called: str) -> None:
    """S3: methods, class methods and static methods of an object or a class are the real ones again, leaving no trace."""
    arguments = [ORDER] if name == "charge" else []
    before = dict(vars(tested.PaymentService))
    async with in_memory_engine() as kit:
        for owner in (tested.payments, tested.PaymentService):
            with kit.mock_service_failures(owner, name, 1) as failing:
                with pytest.raises(ConnectionError):
                    getattr(tested.payments, name)(*arguments)
                assert getattr(tested.payments, name)(*arguments) == called
                assert failing.count == 2
        kit.mock_service_failures(tested.payments, name)
    assert getattr(tested.payments, name)(*arguments) == called
    assert dict(vars(tested.PaymentService)) == before
    assert vars(tested.payments) == {}


async def test_a_step_fails_as_often_as_it_is_told_to(engine: InMemoryEngine) -> None:
    """S3: `fail_step` fails attempts, then the step is itself again; without `times` it fails for good."""
    engine.fail_step(tested.charge_payment, times=2, error=TimeoutError("no answer"))
    execution = await engine.assert_completed(await engine.start(tested.order_workflow, ORDER))
    assert find_step(execution, "charge_payment").attempt == 3
    engine.fail_step("send_confirmation", error=ValueError("no address"))
    await engine.assert_failed(await engine.start(tested.order_workflow, ORDER), match="^ValueError: no address$")


async def test_a_step_is_replaced_by_a_plain_or_async_function(engine: InMemoryEngine) -> None:
    """S3: whatever the step is, any function may stand in, and its calls are known."""

    async def charge(order: object) -> str:
        return "fake"

    with (
        engine.replace_step(tested.charge_payment, charge),
        engine.replace_step(tested.send_confirmation, lambda order, charge_id: charge_id.upper()) as mail,
    ):
        assert await engine.run(tested.order_workflow, ORDER) == {"charge_id": "fake", "mail": "FAKE"}
        assert mail.calls[0].args[1] == "fake" if mail.calls[0].args else mail.calls[0].kwargs["charge_id"] == "fake"
    assert (await engine.run(tested.order_workflow, ORDER))["mail"] == "sent for ch_7"


async def test_two_engines_share_nothing(
    engine: InMemoryEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1: replaced steps, executions and time are one engine's own, and no file is written."""
    monkeypatch.chdir(tmp_path)
    engine.replace_step(tested.charge_payment, lambda order: "fake")
    async with in_memory_engine() as other:
        results = await asyncio.gather(
            engine.run(tested.order_workflow, ORDER), other.run(tested.order_workflow, ORDER)
        )
        assert [result["charge_id"] for result in results] == ["fake", "ch_7"]
        await engine.advance(days=1)
        assert other.now < engine.now - timedelta(hours=23)
        assert len(await other.list()) == len(await engine.list()) == 1
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - quick


async def test_many_wait_at_once(engine: InMemoryEngine) -> None:
    """S7: results may be awaited together; each execution wakes at its own time."""
    handles = [await engine.start(workflow) for workflow in (tested.week, tested.month, tested.week)]
    assert await asyncio.gather(*(handle.result() for handle in handles)) == ["a week", 30, "a week"]


async def test_the_process_may_die_in_a_test(engine: InMemoryEngine) -> None:
    """S7: after `crash` the executions go on, and virtual time with them."""
    handle = await engine.start(tested.month)
    await engine.advance(days=15)
    await engine.crash()
    assert await handle.result() == 30


async def test_a_failure_says_all_that_one_would_look_up(engine: InMemoryEngine) -> None:
    """S2: the text of a failed assertion shows status, error, step, logs and last events."""
    engine.fail_step(tested.send_confirmation, error=ValueError("no address"))
    handle = await engine.start(tested.order_workflow, ORDER)
    with pytest.raises(AssertionError) as failure:
        await assert_completed(handle)
    text = str(failure.value)
    assert text.startswith(f"{handle.id} (OrderWorkflow) failed; it was to be completed\n  status  failed\n")
    for part in ("error   ValueError: no address", "step    send_confirmation failed, attempt 1, tested.py:",
                 "charge_payment  stdout  charging 7", "step_completed  charge_payment", "execution_failed"):  # fmt: skip
        assert part in text


async def test_an_execution_that_does_not_end_is_named_with_what_it_waits_for(engine: InMemoryEngine) -> None:
    """S2: the timeout is real milliseconds, and the text says what it waits for."""
    handle = await engine.start(tested.waits_for_ever)
    with pytest.raises(AssertionError, match=r"has not ended within 20 ms\n  status  waiting, for signal never"):
        await engine.assert_completed(handle, timeout_ms=20)


async def test_an_error_that_does_not_match_is_shown(engine: InMemoryEngine) -> None:
    """S2: `assert_failed` refuses a completed execution, and another error than the one it is to be."""
    engine.fail_step("send_confirmation", times=1, error=ValueError("no address"))
    handle = await engine.start(tested.order_workflow, ORDER)
    with pytest.raises(AssertionError, match=r"its error does not match 'KeyError'(.|\n)*ValueError: no address"):
        await engine.assert_failed(handle, match="KeyError")
    with pytest.raises(AssertionError, match="completed; it was to be failed"):
        await engine.assert_failed(await engine.start(tested.order_workflow, ORDER))


async def test_a_step_that_is_not_there_names_those_that_are(engine: InMemoryEngine) -> None:
    """S4: a typing error in a step's name is told apart from a step that did not run."""
    execution = await engine.assert_completed(await engine.start(tested.order_workflow, ORDER))
    with pytest.raises(AssertionError, match="has no step 'charge'; it has charge_payment, send_confirmation"):
        find_step(execution, "charge")


async def test_lists_have_the_order_of_the_starts(engine: InMemoryEngine) -> None:
    """S1: though time stands still, executions are listed newest first."""
    handles: list[Handle[str]] = [await engine.start(tested.week) for _ in range(5)]
    assert [row.id for row in await engine.list()] == [handle.id for handle in reversed(handles)]


async def test_the_context_reads_by_attribute() -> None:
    """S5: fields of a mapping are attributes, and one that is missing says what there is."""
    from cerebelum.testing.execution import Fields

    fields = Fields(charge_id="ch_1")
    assert fields.charge_id == fields["charge_id"] == "ch_1"
    with pytest.raises(AttributeError, match="no 'charge' here; there is 'charge_id'"):
        _ = fields.charge


@pytest.mark.parametrize("times", [-1, 1.5, "2"])
async def test_a_number_of_failures_that_makes_no_sense_is_refused(engine: InMemoryEngine, times: object) -> None:
    """S3: bad arguments are refused at once, where they are given."""
    with pytest.raises(ValueError, match="must be a whole number, 0 or more"):
        engine.fail_step(tested.charge_payment, times=times)  # type: ignore[arg-type]
