"""Crash at every event: what was durable stays, everything else is gone, and another node goes on.

A history's first k events in a fresh store, with no owner, are exactly what a process leaves behind that dies after
its k-th event became durable. Messages that were accepted but not recorded yet lie in the inbox.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from cerebelum.engine.application.client import Client
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.result import final_event
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.ids import new_nonce
from cerebelum.engine.domain.projection import projected_row, reconstruct
from cerebelum.engine.ports.store import Batch, Message, Start
from cerebelum.engine.runtime.starting import new_start
from cerebelum.engine.testing.answers import answer_what_was_asked, answering, answers_in
from cerebelum.engine.testing.invariants import check_store

MakeEngine = Callable[[], Awaitable[Engine]]
Drive = Callable[[Client, str], Awaitable[None]]  # sends the signals that the workflow waits for


class Outcome(Struct, frozen=True):
    """How one run ended."""

    final_type: str
    content: bytes  # result, or error type and message
    history: tuple[ev.RecordedEvent, ...]


async def run_once(
    engine: Engine, workflow: WorkflowDefinition[..., Any], args: Sequence[Any], drive: Drive | None
) -> Outcome:
    """Run a workflow to its end without a crash."""
    client = Client(engine)
    handle = await client.start(workflow, *args, id="exec-under-test")
    if drive is not None:
        await drive(client, handle.id)
    return await outcome_of(engine, handle.id)


async def resume_from(
    engine: Engine,
    workflow: WorkflowDefinition[..., Any],
    whole: Outcome,
    version: int,
    *,
    others: Sequence[WorkflowDefinition[..., Any]] = (),
) -> Outcome:
    """Go on from the first `version` events of `whole` in a fresh store."""
    await engine.register(workflow)
    for other in others:
        await engine.register(other)
    kept, rest = whole.history[:version], whole.history[version:]
    answers: list[ev.InputReceived] = []
    if not await leave_behind(engine, workflow, kept):
        for message in lost_messages(rest):
            await engine.store.post(message)
        answers = await answer_what_was_asked(engine, "exec-under-test", kept, answers_in(rest))
    await engine.start_node()
    async with answering(engine, "exec-under-test", answers):
        return await outcome_of(engine, "exec-under-test")


async def leave_behind(
    engine: Engine, workflow: WorkflowDefinition[..., Any], kept: Sequence[ev.RecordedEvent]
) -> bool:
    """Put into a fresh store what a process leaves that dies after the last event of `kept`; return whether it had ended."""
    now_us = await engine.store.now_us()
    state = reconstruct("exec-under-test", kept)
    blank = ExecutionRow(
        id="exec-under-test", workflow=workflow.name, inserted_at_us=now_us, updated_at_us=kept[-1].at_us
    )
    row = projected_row(blank, state)
    row.wake_at_us, row.epoch = (None if row.ended else now_us), 1
    starts = [Start(row=row, events=kept), *_open_children(kept, now_us)]
    await engine.store.commit(Batch(id=new_nonce(), starts=starts))
    return row.ended


def _open_children(kept: Sequence[ev.RecordedEvent], now_us: int) -> list[Start]:
    """Children are committed together with their `child_started`: they are there too, at their beginning."""
    open_: dict[int, ev.ChildStarted] = {}
    for recorded in kept:
        event = recorded.event()
        if isinstance(event, ev.ChildStarted):
            open_[event.number] = event
        elif isinstance(event, ev.ChildCompleted | ev.ChildFailedEvent):
            open_.pop(event.number, None)
    starts = []
    for child in open_.values():
        started = ev.ExecutionStarted(
            workflow=child.workflow, input=child.input, parent="exec-under-test", parent_number=child.number
        )
        starts.append(new_start(child.execution_id, started, now_us=now_us, owner=None))
    return starts


def lost_messages(rest: Sequence[ev.RecordedEvent]) -> list[Message]:
    """Return the messages that were accepted but are not in the history yet."""
    messages = []
    for recorded in rest:
        event = recorded.event()
        if isinstance(event, ev.SignalReceived):
            messages.append(
                Message(
                    execution_id="exec-under-test",
                    kind="signal",
                    name=event.name,
                    payload=bytes(event.payload),
                    key=event.key,
                )
            )
        elif isinstance(event, ev.UpdateAccepted):
            args = bytes(event.args)
            messages.append(
                Message(execution_id="exec-under-test", kind="update", name=event.name, payload=args, key=event.key)
            )
        elif isinstance(event, ev.CancelRequested):
            payload = msgspec.json.encode(event.reason)
            messages.append(Message(execution_id="exec-under-test", kind="cancel", payload=payload))
    return messages


async def outcome_of(engine: Engine, execution_id: str) -> Outcome:
    """Wait for the end, and return it."""
    _, final = await final_event(engine, execution_id, timeout_s=30)
    history = tuple(await engine.store.read_history(execution_id))
    if isinstance(final, ev.ExecutionCompleted):
        content = engine.codec.unseal(bytes(final.result), what="result")
    elif isinstance(final, ev.ExecutionFailedEvent):
        content = f"{final.error.name}: {final.error.message}".encode()
    else:
        content = b""
    return Outcome(final.type, content, history)


async def crash_everywhere(
    make_engine: MakeEngine,
    workflow: WorkflowDefinition[..., Any],
    args: Sequence[Any] = (),
    *,
    drive: Drive | None = None,
    others: Sequence[WorkflowDefinition[..., Any]] = (),
) -> Outcome:
    """Run without a crash, then again from every prefix of the history; return the first outcome.

    Raises:
        AssertionError: some crash changed the outcome or broke an invariant; names the event it came after.
    """
    engine = await make_engine()
    try:
        whole = await run_once(engine, workflow, args, drive)
    finally:
        await _close(engine)
    names = {definition.name: definition for definition in (workflow, *others)}
    for version in range(1, len(whole.history) + 1):
        engine = await make_engine()
        try:
            again = await resume_from(engine, workflow, whole, version, others=others)
            violations = await check_store(engine.store, engine.codec, names)
        finally:
            await _close(engine)
        place = f"crash after event {version} ({whole.history[version - 1].type}) of {len(whole.history)}"
        assert (again.final_type, again.content) == (whole.final_type, whole.content), f"{place}: {again} != {whole}"
        assert not violations, f"{place}: {violations}"
        assert again.history[:version] == whole.history[:version], f"{place}: the past changed"
    return whole


async def _close(engine: Engine) -> None:
    await engine.stop_node(1.0)
    await engine.store.close()
