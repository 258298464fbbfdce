"""Answers to what executions ask of people.

An answer is checked here against the form in the history, so that whoever gives it is told at once what is wrong. It is
durable when the call returns; the node that runs the execution records it.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, Literal

import msgspec

from cerebelum.engine.application import query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.hints import hints
from cerebelum.engine.domain.errors import CerebelumError, ForbiddenTransition
from cerebelum.engine.domain.errors_inputs import InputAnswered, InputExpired, InputNotOpen, InputRefused
from cerebelum.engine.domain.execution import FINAL
from cerebelum.engine.domain.form import Fault, check
from cerebelum.engine.domain.projection import ExecutionState, reconstruct
from cerebelum.engine.domain.projection_inputs import InputState, OpenInput
from cerebelum.engine.ports.store import Message
from cerebelum.engine.runtime.calls import declares_itself

MOST_ANSWER_BYTES = 100 * 1024  # as stored: it lies in the event itself, where views and lists read it
_WAIT_S = 5.0
_BY_CHARS = 200


async def provide_input(
    engine: Engine,
    execution_id: str,
    name: str,
    data: Any = None,
    *,
    by: str = "",
    wait_s: float = _WAIT_S,
    number: int | None = None,
) -> Literal["accepted", "stored"]:
    """Answer an input; return "accepted" once the history holds it, "stored" when no node has taken it yet.

    Where several inputs of this name are open, the one asked first is answered.

    Args:
        by: who answers, for people who read the history.
        wait_s: how long to wait for a node to take it.
        number: answer this one only, as `pending_inputs` gave it: an answer that comes late then never reaches the
            next question of the same name.

    Raises:
        ExecutionNotFound: no such execution.
        InputRefused: the answer breaks the form; the input stays open.
        InputAnswered: it has an answer already.
        InputExpired: it timed out.
        InputNotOpen: the execution does not wait for an input of this name; says for which it does.
        ForbiddenTransition: the execution has ended.
        PayloadNotEncodable: the answer is not JSON.
    """
    asked = find_input(await _state(engine, execution_id), name, number)
    payload = _checked(engine, execution_id, asked, data)
    message = Message(
        execution_id=execution_id, kind="input", name=name, payload=payload, sender=by[:_BY_CHARS], key=asked.key
    )
    try:
        posted = await engine.post(message)
    except ForbiddenTransition:
        find_input(await _state(engine, execution_id), name, number)  # it ended meanwhile: says how
        raise
    if posted is None:  # its answer is on the way already
        raise InputAnswered(execution_id, name)
    return await _taken(engine, execution_id, asked, wait_s)


async def pending_inputs(engine: Engine) -> list[OpenInput]:
    """Return what waits for people, in all open executions, the longest wait first."""
    return await engine.store.pending_inputs()


def find_input(state: ExecutionState, name: str, number: int | None = None) -> InputState:
    """Return the open input of this name that was asked first, or the one of this number alone.

    Raises:
        InputAnswered, InputExpired, InputNotOpen, ForbiddenTransition: there is none; see `provide_input`.
    """
    named = [one for one in state.inputs.values() if one.name == name and number in (None, one.number)]
    for asked in named:
        if asked.status == "pending":
            return asked
    names = sorted({asked.name for asked in state.inputs.values() if asked.status == "pending"})
    last = named[-1] if named else None
    if last is not None and last.status == "completed":
        raise InputAnswered(state.execution_id, name, by=last.by)
    if last is not None and last.status == "timeout":
        raise InputExpired(state.execution_id, name)
    if state.status in FINAL:
        raise ForbiddenTransition(f"answer input {name!r} of", state.status, state.execution_id)
    why = "the workflow no longer waits for it" if last is not None else ""
    raise InputNotOpen(state.execution_id, name, open_names=names, why=why)


async def _state(engine: Engine, execution_id: str) -> ExecutionState:
    return reconstruct(execution_id, await query.history(engine, execution_id))


def _checked(engine: Engine, execution_id: str, asked: InputState, data: Any) -> bytes:
    """Return the answer as it is stored."""
    what = f"answer to input {asked.name!r}"
    text, _ = engine.codec.encode(data, type(data) if declares_itself(data) else Any, what=what, sealed=False)
    checked = check(asked.form, msgspec.json.decode(text))
    if checked.faults:
        raise InputRefused(execution_id, asked.name, checked.faults)
    payload = engine.codec.seal(text, what=what)
    if len(payload) > MOST_ANSWER_BYTES:
        long = f"it has {len(payload):,} bytes; {MOST_ANSWER_BYTES:,} are allowed. Store it elsewhere, and answer where"
        raise InputRefused(execution_id, asked.name, [Fault("", long)])
    return payload


async def _taken(engine: Engine, execution_id: str, asked: InputState, wait_s: float) -> Literal["accepted", "stored"]:
    if not await _is_run(engine, execution_id):
        return "stored"
    try:
        async with asyncio.timeout(wait_s), aclosing(hints(engine.store)) as looks:
            async for _ in looks:
                now = (await _state(engine, execution_id)).inputs.get(asked.number)
                if now is None or now.run != asked.run:
                    break
                if now.status == "completed":
                    return "accepted"
                if now.status == "timeout":
                    raise InputExpired(execution_id, asked.name)
                if now.status == "cancelled":
                    break
                if now.refusals > asked.refusals:
                    raise InputRefused(execution_id, asked.name, now.faults)
    except TimeoutError as error:
        if isinstance(error, CerebelumError):
            raise
        return "stored"
    raise InputNotOpen(execution_id, asked.name, why="the workflow no longer waits for it")


async def _is_run(engine: Engine, execution_id: str) -> bool:
    """Return whether a live node knows the workflow."""
    row = await engine.store.get_execution(execution_id)
    if row is None:
        return False
    now_us = await engine.store.now_us()
    return any(row.workflow in node.workflows for node in await engine.store.nodes() if node.lease_until_us > now_us)
