"""Why an execution stands where it stands, and which of all are stuck."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from cerebelum.engine.application import control
from cerebelum.engine.application.reasons import why
from cerebelum.engine.application.stuck import MOST_HISTORIES, find_stuck
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ExecutionNotFound
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.explaining import explain
from cerebelum.engine.domain.projection import projected_row, reconstruct
from cerebelum.engine.domain.reasons import Case, Standing, tale_of
from cerebelum.engine.ports.store import Batch, Start
from cerebelum.engine.runtime.node import NodeSettings
from tests.engine.world import PATIENCE_S, World
from tests.flows import held, ledger

S = 1_000_000


@pytest.fixture
async def world(url: str) -> AsyncIterator[World]:
    """An engine on an empty store, of each kind, with a queue of one place."""
    world = await World.open(url, settings=NodeSettings(queues={"narrow": 1}))
    yield world
    await world.close()


async def standing(world: World, flow: Any, status: str = "waiting") -> str:
    handle = await world.client.start(flow)
    await world.until_status(handle, status)
    return handle.id


async def all_waiting(world: World, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while [row.status for row in await world.client.list()] != ["waiting"] * count:  # noqa: ASYNC110 - told to nobody
            await asyncio.sleep(0.005)


WAITS = [
    (held.asks, "signal", True, "signal {id} approve --json …"),
    (held.asks_for_a_day, "signal", False, "signal {id} approve --json …"),
    (held.asks_a_person, "input", True, "input {id} review --form"),
    (held.sleeps, "sleep", False, "resume {id}"),
    (held.tries_again, "retry", False, "logs {id} --step fails_for_now"),
]


@pytest.mark.parametrize("flow, kind, stuck, command", WAITS, ids=lambda case: str(getattr(case, "name", case)))
async def test_a_wait_is_named_with_what_ends_it(world: World, flow: Any, kind: str, stuck: bool, command: str) -> None:
    """H15: what it waits for, since when, until when, and the command that ends it."""
    execution_id = await standing(world, flow)
    answer = await why(world.engine, execution_id)
    (reason,) = answer.reasons
    assert (reason.kind, answer.status, answer.is_stuck) == (kind, "waiting", stuck)
    assert reason.since_us is not None
    assert (reason.until_us is None) == stuck
    assert reason.commands == (f"cerebelum {command}".format(id=execution_id),)
    assert reason.line.startswith("held.py:")


async def test_of_two_waits_one_that_moves_is_enough(world: World) -> None:
    """What sleeps and waits for a signal at once is not stuck; both are named."""
    answer = await why(world.engine, await standing(world, held.sleeps_and_asks))
    assert [reason.kind for reason in answer.reasons] == ["sleep", "signal"]
    assert not answer.is_stuck


async def test_a_retry_tells_attempt_error_and_when_next(world: World) -> None:
    """H15: the attempt, what it failed with, and when the next one is due."""
    (reason,) = (await why(world.engine, await standing(world, held.tries_again))).reasons
    assert "failed at attempt 1 of 5" in reason.text
    assert reason.detail == ("ConnectionError: the bank is away",)
    assert reason.since_us is not None
    assert reason.until_us is not None
    assert 500 * S < reason.until_us - reason.since_us <= 700 * S


async def test_who_paused_it_and_why(world: World) -> None:
    """H15: a paused execution tells by whom, why, since when; what it waits for besides comes after."""
    execution_id = await standing(world, held.asks)
    await control.pause(world.engine, execution_id, reason="the bank called", by="anna")
    await world.until_status(world.client.handle(execution_id), "paused")
    answer = await why(world.engine, execution_id)
    first, second = answer.reasons
    assert (first.kind, first.text) == ("paused", "it was paused by anna: the bank called")
    assert first.commands == (f"cerebelum resume {execution_id}",)
    assert second.kind == "signal"
    assert answer.is_stuck


async def test_a_running_step_is_no_reason_to_act(world: World) -> None:
    """H15: which step, which attempt, on which node."""
    handle = await world.client.start(held.runs)
    await world.at_gate(handle)
    answer = await why(world.engine, handle.id)
    assert [reason.kind for reason in answer.reasons] == ["step"]
    assert "step 'gated' runs" in answer.reasons[0].text
    assert "attempt 1 of 1" in answer.reasons[0].text
    assert not answer.is_stuck
    ledger.gate(handle.id).set()


async def test_a_child_is_followed_to_the_cause(world: World) -> None:
    """H15: of a grandparent the child is told, its child, and what that one waits for; it is stuck as far as they are."""
    await world.client.register(held.parent, held.asks)
    handle = await world.client.start(held.grandparent)
    await all_waiting(world, 3)
    answer = await why(world.engine, handle.id)
    kinds = []
    found: Any = answer
    while found is not None:
        kinds.append(found.reasons[0].kind)
        found = found.reasons[0].because
    assert kinds == ["child", "child", "signal"]
    assert answer.is_stuck
    alone = await why(world.engine, handle.id, with_children=False)
    assert alone.reasons[0].because is None


async def test_a_parent_of_a_sleeper_is_not_stuck(world: World) -> None:
    """It moves by itself as far as its child does."""
    await world.client.register(held.sleeps)
    execution_id = await standing(world, held.patient_parent)
    await all_waiting(world, 2)
    assert not (await why(world.engine, execution_id)).is_stuck


async def test_how_it_ended_and_where(world: World) -> None:
    """H15: an ended execution tells how, the first step that failed, and the line that raised."""
    handle = await world.client.start(held.fails)
    await world.until(handle, lambda view: view.row.ended)
    answer = await why(world.engine, handle.id)
    (reason,) = answer.reasons
    assert (reason.kind, reason.text, reason.name) == ("failed", "it failed: ValueError: declined: 7", "charge")
    assert reason.detail[0] == "first step that failed: charge, at attempt 1: ValueError: declined: 7"
    assert reason.detail[1].startswith("raised at held.py:")
    assert reason.detail[1].endswith("in charge")
    assert not answer.is_stuck
    with pytest.raises(ExecutionNotFound):
        await why(world.engine, "exec-nobody")


async def test_no_node_knows_its_workflow(world: World) -> None:
    """H15: said with the nodes there are, and the command that starts one that does."""
    execution_id = await standing(world, held.asks)
    await world.engine.stop_node(1.0)
    answer = await why(world.engine, execution_id)
    assert [reason.kind for reason in answer.reasons] == ["no_node", "signal"]
    assert "no node knows workflow 'asks' (nodes: 0, workflows: none)" in answer.reasons[0].text
    assert answer.reasons[0].commands[0].startswith("cerebelum worker ")
    assert answer.reasons[0].commands[0].endswith("held.py")


# -- reasons that only time brings: the same function, with the clock in the test's hand -------------------------------
def case_of(history: list[ev.Event], *, now_us: int, **world: Any) -> Case:
    recorded = [
        ev.RecordedEvent(version, event.type, ev.encode_event(event), S * version)
        for version, event in enumerate(history, 1)
    ]
    state = reconstruct("it", recorded)
    row = replace(projected_row(ExecutionRow(id="it", workflow=state.workflow), state), owner="n1")
    known: dict[str, Any] = {"owner": "host:1", "knowing": ("host:1",), "nodes": 1}
    return Case(row=row, state=state, tale=tale_of(recorded), standing=Standing(now_us=now_us, **(known | world)))


STARTED = ev.ExecutionStarted(workflow="w", queue="embeddings")
SCHEDULED = ev.StepScheduled(number=1, name="embed", max_attempts=3)


def test_a_step_that_gave_no_sign_waits_for_a_place() -> None:
    """I9: from another process a full lane shows by a step that is due and has not begun; who holds places is named."""
    case = case_of([STARTED, SCHEDULED], now_us=60 * S, limits={"embeddings": 2}, holders={"embeddings": ("a (x)",)})
    (reason,) = explain(case).reasons
    assert (reason.kind, reason.name) == ("place", "embeddings")
    assert "lets 2 steps run at once" in reason.text
    assert reason.detail == ("seen in this queue on that node: a (x)",)
    assert explain(case_of([STARTED, SCHEDULED], now_us=4 * S)).reasons[0].kind == "step"  # too early to say


def test_a_step_with_a_sign_of_life_runs() -> None:
    """H15: since when, its last sign of life, and its progress."""
    beat = ev.StepStarted(number=1, attempt=1, node="host:1", progress=Raw(b'{"done":3}'))
    (reason,) = explain(case_of([STARTED, SCHEDULED, beat], now_us=13 * S)).reasons
    assert reason.kind == "step"
    assert reason.detail == ("last sign of life 10 s ago",)
    assert reason.since_us == 2 * S
    assert bytes(reason.progress or b"") == b'{"done":3}'


def test_code_that_does_not_fit_is_told_with_the_mismatch() -> None:
    """E16: paused by the engine: what the history has, what the code asks for, and what to do."""
    reason = "incompatible code: replay diverged at event 2 of it\n  recorded  step_scheduled charge\n  now  step_scheduled pay"
    answer = explain(case_of([STARTED, ev.ExecutionPaused(reason=reason, by="cerebelum")], now_us=9 * S))
    first = answer.reasons[0]
    assert first.kind == "incompatible"
    assert "replay diverged at event 2" in first.text
    assert first.detail == ("  recorded  step_scheduled charge", "  now  step_scheduled pay")
    assert first.commands == ("cerebelum replay it --check --code FLOW.py", "cerebelum resume it")
    parked = explain(case_of([STARTED, ev.ExecutionPaused(reason="CB504 Poison", by="cerebelum")], now_us=9 * S))
    assert parked.reasons[0].kind == "parked"


def test_a_dead_node_and_nobody_to_take_over() -> None:
    """H15: with another node it moves by itself; without one it is stuck."""
    beat = ev.StepStarted(number=1, attempt=1, node="host:1")
    with_other = explain(case_of([STARTED, SCHEDULED, beat], now_us=60 * S, owner_gone_us=50 * S, knowing=("host:2",)))
    assert [reason.kind for reason in with_other.reasons] == ["dead_node", "step"]
    assert not with_other.is_stuck
    alone = explain(case_of([STARTED, SCHEDULED, beat], now_us=60 * S, owner_gone_us=50 * S, knowing=(), nodes=0))
    assert alone.reasons[0].kind == "no_node"
    assert alone.is_stuck


def test_a_cancellation_that_takes_its_time_is_noted() -> None:
    """H15: asked to stop, and still at it."""
    answer = explain(case_of([STARTED, SCHEDULED, ev.CancelRequested(by="anna")], now_us=4 * S))
    assert "cancellation was requested by anna" in answer.notes[0]


# -- all of them --------------------------------------------------------------------------------------------------
async def test_stuck_are_told_in_groups_and_what_moves_is_not(world: World) -> None:
    """H15: those that wait for somebody, by what they wait for; sleepers, retries and running steps are left out."""
    asking = [await standing(world, held.asks) for _ in range(3)]
    person = await standing(world, held.asks_a_person)
    for flow in (held.sleeps, held.tries_again, held.asks_for_a_day):
        await standing(world, flow)
    paused = await standing(world, held.asks)
    await control.pause(world.engine, paused, reason="wait", by="anna")
    await world.until_status(world.client.handle(paused), "paused")
    report = await find_stuck(world.engine, for_us=0, limit=4)
    found = {(group.kind, group.name): group for group in report.groups}
    assert found.keys() == {("signal", "approve"), ("input", "review"), ("paused", "anna")}
    assert found["signal", "approve"].total == 3
    assert {member.row.id for member in found["signal", "approve"].members} <= set(asking)
    assert [member.row.id for member in found["input", "review"].members] == [person]
    assert found["paused", "anna"].members[0].text == "wait"
    assert (report.looked_at, report.stuck) == (8, 5)
    assert sum(len(group.members) for group in report.groups) <= 4
    young = await find_stuck(world.engine)
    assert (young.stuck, young.groups, young.looked_at) == (0, [], 8)
    assert young.younger >= 1
    assert (await find_stuck(world.engine, for_us=0, workflow="asks_a_person")).stuck == 1


async def test_a_hundred_thousand_sleepers_are_judged_by_their_rows(
    new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """H15: of many that sleep no history is read; those that nothing will move are found among them, and counted whole."""
    world = await World.open(new_url())
    now_us = await world.store.now_us()
    rows = [
        ExecutionRow(
            id=f"sleeper-{number:06}", workflow="sleeps", status="waiting", current_step="sleep",
            wake_at_us=now_us + 3_600 * S, inserted_at_us=now_us - number, updated_at_us=now_us - 7_200 * S,
        )
        for number in range(20_000)
    ]  # fmt: skip
    rows += [
        ExecutionRow(
            id=f"asker-{number}", workflow="asks", status="waiting", current_step="signal approve",
            inserted_at_us=now_us - number, updated_at_us=now_us - 7_200 * S,
        )
        for number in range(120)
    ]  # fmt: skip
    for at in range(0, len(rows), 5_000):
        starts = [Start(row=row, events=[]) for row in rows[at : at + 5_000]]
        await world.store.commit(Batch(id=f"b{at}", starts=starts))
    reads = []

    async def read_history(*words: Any, **_: Any) -> list[Any]:
        reads.append(words)
        return []

    monkeypatch.setattr(world.store, "read_history", read_history)
    report = await find_stuck(world.engine, limit=10)
    assert reads == []
    assert (report.looked_at, report.stuck, len(report.groups)) == (20_120, 120, 1)
    assert (report.groups[0].total, len(report.groups[0].members)) == (120, 10)
    assert MOST_HISTORIES < 20_000
    await world.close()
