"""Waits for people: forms, refusals, second and late answers, timeouts, crashes; the same on every store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from cerebelum import (
    ExecutionFailed,
    InputAnswered,
    InputExpired,
    InputNotOpen,
    InputRefused,
)
from cerebelum.engine.application import inputs
from cerebelum.engine.application.client import Client, Handle
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ExecutionNotFound, ForbiddenTransition
from cerebelum.engine.ports.store import Message
from cerebelum.engine.testing.crashes import crash_everywhere
from tests.engine.world import PATIENCE_S, World
from tests.flows import asking, ledger

MakeEngine = Callable[[], Awaitable[Engine]]
GOOD = {"equipment_type": "laptop", "justification": "mine broke", "urgent": True}


async def asked(world: World, workflow: WorkflowDefinition[..., Any], *args: Any) -> Handle[Any]:
    """Start a workflow, and wait until it waits for a person."""
    handle: Handle[Any] = await world.client.start(workflow, *args)
    await world.until(handle, lambda view: "input" in {wait.kind for wait in view.state.open.values()})
    return handle


async def test_an_answer_is_what_the_wait_returns(world: World) -> None:
    """C11, C20: it waits with the input as its current step; the answer is recorded with who gave it."""
    handle = await asked(world, asking.asks_anything)
    view = await world.until_status(handle, "waiting")
    assert view.row.current_step == view.state.current_step == "input approval"
    assert await handle.provide_input("approval", {"approved": True}, by="ada") == "accepted"
    assert await handle.result(PATIENCE_S) == {"approved": True}
    (received,) = await world.events(handle, ev.InputReceived)
    assert received.by == "ada"


async def test_a_plain_function_asks_without_await(world: World) -> None:
    """C11: the same in a workflow that is a `def`, after a crash as well."""
    handle = await asked(world, asking.asks_plainly)
    handle = await world.crash_and_come_back(handle, asking.asks_plainly)
    await handle.provide_input("approval", "yes")
    assert await handle.result(PATIENCE_S) == "yes"


async def test_a_timeout_gives_the_default(world: World) -> None:
    """C11: nobody answered, so `timeout_value` is the answer; one that is answered in time gets the answer."""
    assert await world.run(asking.asks_for_a_while, 0.05) == "auto_reject"
    handle = await asked(world, asking.asks_for_a_while, 60.0)
    await handle.provide_input("approval", "yes")
    assert await handle.result(PATIENCE_S) == "yes"
    assert [recorded.type for recorded in await handle.history()][-2:] == ["input_received", "execution_completed"]


async def test_a_timeout_without_a_default_raises(world: World) -> None:
    """C11: a `TimeoutError` that names the input; the code may catch it."""
    assert await world.run(asking.asks_and_catches, 0.05) == "approval after 0.05 s"
    with pytest.raises(ExecutionFailed, match="'approval'") as failed:
        await world.run(asking.asks_and_raises, 0.05)
    assert failed.value.error_type == "InputTimedOut"


@pytest.mark.parametrize(
    "change, field, message",
    [
        ({"equipment_type": None}, "equipment_type", "it is required"),
        ({"equipment_type": "yacht"}, "equipment_type", "'yacht' is none of 'laptop', 'monitor'"),
        ({"justification": "x" * 501}, "justification", "it has 501 characters; 500 are allowed"),
        ({"justification": 7}, "justification", "it must be a text, not a number"),
        ({"urgent": "yes"}, "urgent", "it must be true or false, not a text"),
        ({"colour": "red"}, "colour", "the form has no such field"),
    ],
)
async def test_an_answer_that_breaks_the_form_is_refused_and_the_input_stays_open(
    world: World, change: dict[str, Any], field: str, message: str
) -> None:
    """C12, C13: each fault is named with its field; nothing is recorded, and a good answer passes afterwards."""
    handle = await asked(world, asking.asks_for_equipment)
    before = len(await handle.history())
    with pytest.raises(InputRefused) as refused:
        await handle.provide_input("equipment", GOOD | change)
    assert [(fault.field, fault.message) for fault in refused.value.faults] == [(field, message)]
    assert len(await handle.history()) == before
    assert [one.name for one in await world.client.pending_inputs()] == ["equipment"]
    await handle.provide_input("equipment", {key: value for key, value in GOOD.items() if key != "urgent"})
    assert await handle.result(PATIENCE_S) == GOOD | {"urgent": None}


async def test_all_faults_are_told_at_once(world: World) -> None:
    """C13: whoever fills in a form need not send it once per mistake."""
    handle = await asked(world, asking.asks_for_equipment)
    with pytest.raises(InputRefused) as refused:
        await handle.provide_input("equipment", {"justification": "x" * 600})
    assert [fault.field for fault in refused.value.faults] == ["equipment_type", "justification"]


async def test_a_single_choice_takes_a_listed_value_only(world: World) -> None:
    """C14: 5 is accepted, 9 and true are not."""
    handle = await asked(world, asking.asks_for_a_choice)
    for wrong in (9, True, "5", [5]):
        with pytest.raises(InputRefused, match="is none of 1, 5"):
            await handle.provide_input("rating", wrong)
    await handle.provide_input("rating", 5)
    assert await handle.result(PATIENCE_S) == 5


async def test_a_multi_choice_takes_a_list_of_listed_values(world: World) -> None:
    """C15: two listed values pass; an unknown one, one twice, and no list are refused."""
    handle = await asked(world, asking.asks_for_choices)
    for wrong in (["red", "pink"], ["red", "red"], "red"):
        with pytest.raises(InputRefused):
            await handle.provide_input("tags", wrong)
    await handle.provide_input("tags", ["red", "blue"])
    assert await handle.result(PATIENCE_S) == ["red", "blue"]


async def test_a_schema_judges_the_answer(world: World) -> None:
    """C18: a wrong type, a value below its bound and a missing field are refused by the JSON schema."""
    handle = await asked(world, asking.asks_by_schema)
    for wrong, text in (({"n": "x"}, "n: it must be a whole number"), ({"n": 0}, "the least is 1"), ({}, "required")):
        with pytest.raises(InputRefused, match=text):
            await handle.provide_input("number", wrong)
    (waiting,) = await world.client.pending_inputs()
    assert waiting.prompt == "How many?"
    await handle.provide_input("number", {"n": 3})
    assert await handle.result(PATIENCE_S) == {"n": 3}


async def test_a_class_as_form_gives_an_instance(world: World) -> None:
    """C12: dataclass, msgspec struct and pydantic model; the fields are told, and the answer is decoded."""
    for workflow, name, answer, fields, result in (
        (asking.asks_for_a_review, "review", {"verdict": "yes"}, "verdict comment score", ["Review", "yes", "", "0"]),
        (asking.asks_for_an_order, "order", {"item": "pen", "count": 2, "due": "2026-01-31"}, "item count due",
         ["Order", "pen", "2", "2026-01-31"]),
        (asking.asks_for_a_claim, "claim", {"amount": 5.5, "iban": "CH93"}, "amount iban", ["Claim", "5.5", "CH93"]),
    ):  # fmt: skip
        handle = await asked(world, workflow)
        (waiting,) = await world.client.pending_inputs()
        assert " ".join(one.name for one in waiting.form.fields) == fields
        await handle.provide_input(name, answer)
        assert await handle.result(PATIENCE_S) == result


@pytest.mark.parametrize(
    "workflow, name, answer, field",
    [
        (asking.asks_for_a_review, "review", {"verdict": "maybe"}, "verdict"),
        (asking.asks_for_a_review, "review", {}, "verdict"),
        (asking.asks_for_an_order, "order", {"item": "pen", "count": "two"}, "count"),
        (asking.asks_for_an_order, "order", {"item": "pen", "count": 1, "due": "tomorrow"}, "due"),
        (asking.asks_for_a_claim, "claim", {"amount": 0, "iban": "CH93"}, "amount"),
    ],
)
async def test_a_class_as_form_refuses_per_field(
    world: World, workflow: WorkflowDefinition[..., Any], name: str, answer: Any, field: str
) -> None:
    """C13: what the class's schema says is checked where the answer is given, without the class."""
    handle = await asked(world, workflow)
    with pytest.raises(InputRefused) as refused:
        await handle.provide_input(name, answer)
    assert [fault.field for fault in refused.value.faults] == [field]


async def test_what_only_the_class_can_judge_is_refused_by_the_node(world: World) -> None:
    """C13: a validator of the class is run where the workflow runs; the caller is told, and the input stays open."""
    handle = await asked(world, asking.asks_for_a_claim)
    for _ in range(2):
        with pytest.raises(InputRefused, match="an IBAN begins with a country"):
            await handle.provide_input("claim", {"amount": 5, "iban": "93"})
    assert len(await world.events(handle, ev.InputRefusedEvent)) == 2
    await handle.provide_input("claim", {"amount": 5, "iban": "CH"})
    assert await handle.result(PATIENCE_S) == ["Claim", "5.0", "CH"]


async def test_an_answer_from_a_process_without_a_node_is_stored(world: World) -> None:
    """C16: it lies there, durable, until a node takes it; a second one is refused meanwhile."""
    handle = await asked(world, asking.asks_anything)
    await world.crash()
    assert await handle.provide_input("approval", 1) == "stored"
    with pytest.raises(InputAnswered):
        await handle.provide_input("approval", 2)
    handle = (await world.come_back(asking.asks_anything)).handle(handle.id)
    assert await handle.result(PATIENCE_S) == 1


async def test_a_second_answer_is_refused(world: World) -> None:
    """C17: the first good answer counts, also when the execution has ended."""
    handle = await asked(world, asking.asks_twice)
    await handle.provide_input("same", 1, by="ada")
    await world.until(handle, lambda view: len(view.state.inputs) == 2)
    await handle.provide_input("same", 2, by="ada")
    assert await handle.result(PATIENCE_S) == [1, 2]
    with pytest.raises(InputAnswered, match="by ada"):
        await handle.provide_input("same", 3)


async def test_a_late_answer_is_refused(world: World) -> None:
    """C17: after the timeout nobody reads it, so whoever sends it is told."""
    handle = await world.client.start(asking.asks_for_a_while, 0.05)
    await handle.result(PATIENCE_S)
    with pytest.raises(InputExpired):
        await handle.provide_input("approval", "yes")


async def test_what_is_not_asked_cannot_be_answered(world: World) -> None:
    """C16: the error names what is open; an unknown execution and an ended one are refused."""
    handle = await asked(world, asking.asks_anything)
    with pytest.raises(InputNotOpen, match="it waits for 'approval'") as refused:
        await handle.provide_input("aproval", 1)
    assert refused.value.open_names == ("approval",)
    with pytest.raises(ExecutionNotFound):
        await world.client.provide_input("exec-nowhere", "approval", 1)
    await handle.cancel()
    await world.until_status(handle, "cancelled")
    with pytest.raises(ForbiddenTransition, match="cancelled"):
        await handle.provide_input("approval", 1)
    assert await world.client.pending_inputs() == []


async def test_an_input_that_the_code_gave_up_is_closed(world: World) -> None:
    """C17, H11: a timeout around the wait closes it; an answer to it is refused."""
    handle = await world.client.start(asking.asks_and_gives_up)
    await world.until(handle, lambda view: len(view.state.inputs) == 2)
    with pytest.raises(InputNotOpen, match="no longer waits"):
        await handle.provide_input("approval", 1)
    await handle.provide_input("other", 1)
    assert await handle.result(PATIENCE_S) == "gave up"


async def test_an_input_shows_while_other_work_runs(world: World) -> None:
    """C18, C20: what a person can do is the current step, also while a step runs beside it."""
    handle = await world.client.start(asking.asks_beside_work)
    await world.at_gate(handle)
    view = await world.until(handle, lambda view: view.row.current_step == "input approval")
    assert view.state.current_step == "input approval"
    assert [one.execution_id for one in await world.client.pending_inputs()] == [handle.id]
    await handle.provide_input("approval", 1)
    view = await world.until(handle, lambda view: view.row.current_step == "stands")
    assert await world.client.pending_inputs() == []
    ledger.gate(handle.id).set()
    assert await handle.result(PATIENCE_S) == 1


async def test_an_answer_while_paused_is_kept(world: World) -> None:
    """C16: it is recorded, and read by the code when it goes on."""
    handle = await asked(world, asking.asks_anything)
    await handle.pause()
    await world.until_status(handle, "paused")
    assert await handle.provide_input("approval", "in pause") == "accepted"
    with pytest.raises(InputAnswered):
        await handle.provide_input("approval", "again")
    await handle.resume()
    assert await handle.result(PATIENCE_S) == "in pause"


async def test_an_answer_in_the_inbox_wins_against_the_timeout(world: World) -> None:
    """C17: accepted before anybody recorded the timeout, it counts, though its node came back late."""
    handle = await asked(world, asking.asks_for_a_while, 0.4)
    await world.crash()
    assert await handle.provide_input("approval", "in time") == "stored"
    (request,) = await world.events(handle, ev.InputRequested)
    assert request.due_us is not None
    while await world.store.now_us() < request.due_us:  # noqa: ASYNC110 - time passes, and nobody tells
        await asyncio.sleep(0.01)
    handle = (await world.come_back(asking.asks_for_a_while)).handle(handle.id)
    assert await handle.result(PATIENCE_S) == "in time"


async def test_whichever_is_recorded_first_counts(world: World) -> None:
    """C17: an answer that reaches the node after the timeout changes nothing."""
    handle = await world.client.start(asking.asks_for_a_while, 0.05)
    await world.until(handle, lambda view: view.state.status == "completed")
    history = await handle.history()
    message = Message(execution_id=handle.id, kind="input", name="approval", payload=b'"late"', key="input:1:1:0")
    with pytest.raises(ForbiddenTransition):
        await world.engine.post(message)
    assert await handle.history() == history


async def test_a_message_that_answers_nothing_is_dropped(world: World) -> None:
    """C17: wrong numbers, wrong keys and other runs harm nothing; an unfit answer is refused by the node."""
    handle = await asked(world, asking.asks_for_a_choice)
    for key in ("input:1:7:0", "input:2:1:0", "input", "input:x:y:z", "input:1:1:0:0"):
        await world.engine.post(Message(execution_id=handle.id, kind="input", name="rating", payload=b"5", key=key))
    await world.engine.post(
        Message(execution_id=handle.id, kind="input", name="rating", payload=b"9", key="input:1:1:0")
    )
    view = await world.until(handle, lambda view: view.state.inputs[1].refusals == 1)
    assert view.state.inputs[1].status == "pending"
    await handle.provide_input("rating", 1)
    assert await handle.result(PATIENCE_S) == 1


async def test_a_wait_survives_a_crash_and_repeats_nothing(world: World) -> None:
    """C5, C16: work before the wait is done once; the answer reaches the process that took over."""
    handle = await asked(world, asking.works_asks_works)
    handle = await world.crash_and_come_back(handle, asking.works_asks_works)
    await handle.provide_input("approval", "on")
    assert await handle.result(PATIENCE_S) == ["before", "on", "after"]
    assert ledger.effects[handle.id] == ["before", "after"]


async def test_a_timeout_is_durable(world: World) -> None:
    """C11: after a crash the input times out at its original time."""
    handle = await asked(world, asking.asks_for_a_while, 0.3)
    handle = await world.crash_and_come_back(handle, asking.asks_for_a_while)
    assert await handle.result(PATIENCE_S) == "auto_reject"
    (request,) = await world.events(handle, ev.InputRequested)
    (late,) = [recorded for recorded in await handle.history() if recorded.type == "input_timed_out"]
    assert request.due_us is not None
    assert late.at_us >= request.due_us


async def test_a_retried_workflow_asks_anew(world: World) -> None:
    """C17, E16: the answer of the run before is not that of this one."""
    handle = await asked(world, asking.asks_again_after_failure)
    await handle.provide_input("approval", "fail")
    await world.until(handle, lambda view: "pending" in {one.status for one in view.state.inputs.values()})
    await handle.provide_input("approval", "good")
    assert await handle.result(PATIENCE_S) == "good"


async def test_waits_in_branches_of_a_loop(world: World) -> None:
    """A41: waits beside others and inside a loop; killed while it waits, it goes on at that place."""
    handle = await asked(world, asking.asks_in_branches)
    await world.until(handle, lambda view: len(view.state.inputs) == 2)
    await handle.provide_input("right", "R")
    handle = await world.crash_and_come_back(handle, asking.asks_in_branches)
    await handle.provide_input("left", "L")
    await world.until(handle, lambda view: len(view.state.inputs) == 3)
    handle = await world.crash_and_come_back(handle, asking.asks_in_branches)
    await handle.provide_input("turn 1", "again")
    assert await handle.result(PATIENCE_S) == ["L", "R", "beside", "again"]
    assert ledger.effects[handle.id] == ["beside"]


async def test_a_large_answer_is_refused(world: World) -> None:
    """C13: an answer lies in its event, so it has a limit, and the text says what to do."""
    handle = await asked(world, asking.asks_anything)
    with pytest.raises(InputRefused, match="Store it elsewhere"):
        await handle.provide_input("approval", "x" * inputs.MOST_ANSWER_BYTES)
    await handle.provide_input("approval", "x")


ANSWERS: dict[str, tuple[WorkflowDefinition[..., Any], list[tuple[str, Any]]]] = {
    "works_asks_works": (asking.works_asks_works, [("approval", "on")]),
    "asks_for_equipment": (asking.asks_for_equipment, [("equipment", GOOD)]),
    "asks_for_a_claim": (asking.asks_for_a_claim, [("claim", {"amount": 1, "iban": "CH"})]),
    "asks_in_branches": (asking.asks_in_branches, [("left", 1), ("right", 2), ("turn 1", 3)]),
    "asks_and_gives_up": (asking.asks_and_gives_up, [("other", 1)]),
    "asks_again_after_failure": (asking.asks_again_after_failure, [("approval", "fail"), ("approval", "good")]),
}


@pytest.mark.parametrize("name", list(ANSWERS))
async def test_a_crash_at_any_event_changes_nothing(make_engine: MakeEngine, name: str) -> None:
    """C16, A41: from every prefix of the history, with the answers in the inbox, the outcome is the same."""
    workflow, answers = ANSWERS[name]

    async def answer_all(client: Client, execution_id: str) -> None:
        for asked_name, value in answers:
            while asked_name not in {one.name for one in await client.pending_inputs()}:  # noqa: ASYNC110 - as `until`
                await asyncio.sleep(0.005)
            await client.provide_input(execution_id, asked_name, value)

    whole = await crash_everywhere(make_engine, workflow, drive=answer_all)
    assert whole.final_type == "execution_completed"


@pytest.mark.parametrize("timeout_s", [0.02])
async def test_a_crash_at_any_event_of_a_timeout_changes_nothing(make_engine: MakeEngine, timeout_s: float) -> None:
    """C11: the default, whenever the process dies."""
    whole = await crash_everywhere(make_engine, asking.asks_for_a_while, (timeout_s,))
    assert msgspec.json.decode(whole.content) == "auto_reject"
