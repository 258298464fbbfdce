"""Crashes of generated flows, whose signals and answers come again after each: at drawn places, or after each event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from cerebelum import Flow
from cerebelum.engine.application.client import Client
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ForbiddenTransition
from cerebelum.engine.ports.store import Message
from cerebelum.engine.testing.crashes import Outcome, leave_behind, outcome_of
from cerebelum.engine.testing.invariants import check_store
from tests.engine.runtime.simulated import after_crash, commands_of
from tests.flows import generated

ID = "exec-under-test"
_WORKFLOWS: list[WorkflowDefinition[..., Any]] = [generated.generated_child]
MakeEngine = Callable[[], Awaitable[Engine]]


@asynccontextmanager
async def people(engine: Engine, flow: Flow) -> AsyncIterator[None]:
    """Answer whatever the flow asks, as soon as it asks."""
    if not generated.asks(flow.graph):
        yield
        return
    task = asyncio.create_task(_answer_all(engine))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _answer_all(engine: Engine) -> None:
    answered: set[str] = set()
    while True:
        for asked in await engine.store.pending_inputs():
            key = f"input:1:{asked.number}:0"
            if asked.name == "approve" and key not in answered:
                answered.add(key)
                with suppress(ForbiddenTransition):  # it ended meanwhile
                    await engine.post(
                        Message(
                            execution_id=asked.execution_id, kind="input", name=asked.name, payload=b"true", key=key
                        )
                    )
        await asyncio.sleep(0.002)


async def run_flow(engine: Engine, flow: Flow) -> Outcome:
    """Run a flow without a crash; all signals that it may take are sent at once."""
    await Client(engine).start(flow, {}, id=ID)
    await _signal(engine, generated.signals_of(flow.graph))
    async with people(engine, flow):
        return await outcome_of(engine, ID)


async def go_on(engine: Engine, flow: Flow, history: Sequence[ev.RecordedEvent], version: int) -> Outcome:
    """Go on from the first `version` events in a fresh store."""
    for workflow in (flow, *_WORKFLOWS):
        await engine.register(workflow)
    if not await leave_behind(engine, flow, history[:version]):
        received = sum(recorded.type == "signal_received" for recorded in history[:version])
        await _signal(engine, generated.signals_of(flow.graph) - received)
    await engine.start_node()
    async with people(engine, flow):
        return await outcome_of(engine, ID)


async def _signal(engine: Engine, count: int) -> None:
    """Send what the flow may still wait for. All are alike: which branch takes which is a matter of time."""
    with suppress(ForbiddenTransition):  # it failed without waiting for all
        for _ in range(count):
            await engine.post(Message(execution_id=ID, kind="signal", name="go", payload=b"true"))


async def crash_at(make_engine: MakeEngine, flow: Flow, places: Sequence[int]) -> None:
    """Run a flow, crash where `places` say, each time while it recovers from the crash before; it ends the same."""
    whole = await _run(make_engine, flow, None, 0)
    last = whole
    for place in places:
        version = place % len(last.history) + 1
        last = await _run(make_engine, flow, last, version)
        assert (last.final_type, last.content) == (whole.final_type, whole.content), f"{version}: {last} != {whole}"


async def crash_after_each(make_engine: MakeEngine, flow: Flow) -> None:
    """Run a flow, then again with a crash after each of its events; it ends the same."""
    whole = await _run(make_engine, flow, None, 0)
    for version in range(1, len(whole.history) + 1):
        again = await _run(make_engine, flow, whole, version)
        assert (again.final_type, again.content) == (whole.final_type, whole.content), f"{version}: {again} != {whole}"


async def _run(make_engine: MakeEngine, flow: Flow, before: Outcome | None, version: int) -> Outcome:
    """Run a flow, or go on from the first events of `before`; check all that must hold whatever the outcome."""
    engine = await make_engine()
    try:
        outcome = await (run_flow(engine, flow) if before is None else go_on(engine, flow, before.history, version))
        workflows = {workflow.name: workflow for workflow in (flow, *_WORKFLOWS)}
        violations = await check_store(engine.store, engine.codec, workflows)
    finally:
        await engine.stop_node(1.0)
        await engine.store.close()
    at = f"crash after event {version}"
    assert not violations, f"{at}: {violations}"
    assert before is None or outcome.history[:version] == before.history[:version], f"{at}: the past changed"
    assert undone_as_often_as_done(outcome), f"{at}: {outcome}"
    rebuilt_from_each_event(flow, outcome.history)
    return outcome


def rebuilt_from_each_event(flow: Flow, history: Sequence[ev.RecordedEvent]) -> None:
    """Rebuild the code from every prefix: it must have asked for the same, to the byte."""
    asked = commands_of(history)
    for version in range(1, len(history) + 1):
        again = after_crash(flow, history, version, execution_id=ID)
        assert again == asked, f"the code alone, after event {version}: {again} != {asked}"


def undone_as_often_as_done(outcome: Outcome) -> bool:
    """Return whether a flow that failed undid each step that can be undone once, and one that did not fail none."""
    names: dict[int, str] = {}
    done = {"add": 0, "undone": 0}
    for event in (recorded.event() for recorded in outcome.history):
        if isinstance(event, ev.StepScheduled):
            names[event.number] = "undone" if event.name == "undone" else "add" if _undoable(event) else ""
        elif isinstance(event, ev.StepCompleted) and names.get(event.number):
            done[names[event.number]] += 1
    return done["undone"] == (done["add"] if outcome.final_type == "execution_failed" else 0)


def _undoable(event: ev.StepScheduled) -> bool:
    return "undoable" in event.place.rpartition("/")[2]


def described(flow: Flow) -> str:
    """Return the flow's graph, for the report of a case that fails."""
    return flow.graph.as_json().decode()
