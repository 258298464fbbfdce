"""Answers of people, given again after a crash: at once where the input was asked before it, else once it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.hints import hints
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ForbiddenTransition
from cerebelum.engine.domain.projection import reconstruct
from cerebelum.engine.domain.projection_inputs import InputState
from cerebelum.engine.ports.store import Message


def answers_in(rest: Sequence[ev.RecordedEvent]) -> list[ev.InputReceived]:
    """Return the answers that the rest of a history holds, in order."""
    return [event for recorded in rest if isinstance(event := recorded.event(), ev.InputReceived)]


async def answer_what_was_asked(
    engine: Engine, execution_id: str, kept: Sequence[ev.RecordedEvent], answers: Sequence[ev.InputReceived]
) -> list[ev.InputReceived]:
    """Put those answers into the inbox whose input is open after `kept`; return the others."""
    asked = reconstruct(execution_id, kept).inputs
    later = []
    for answer in answers:
        known = asked.get(answer.number)
        if known is None or known.status != "pending":
            later.append(answer)
        else:
            await engine.store.post(_message(execution_id, known, answer))
    return later


@asynccontextmanager
async def answering(engine: Engine, execution_id: str, answers: Sequence[ev.InputReceived]) -> AsyncIterator[None]:
    """Give these answers meanwhile, each as soon as its input is open."""
    task = asyncio.create_task(_answer_when_asked(engine, execution_id, answers)) if answers else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _answer_when_asked(engine: Engine, execution_id: str, answers: Sequence[ev.InputReceived]) -> None:
    async with aclosing(hints(engine.store)) as looks:
        waiting = list(answers)
        async for _ in looks:
            asked = reconstruct(execution_id, await engine.store.read_history(execution_id)).inputs
            for answer in [answer for answer in waiting if answer.number in asked]:
                waiting.remove(answer)
                try:
                    await engine.post(_message(execution_id, asked[answer.number], answer))
                except ForbiddenTransition:  # it ended without it: the outcome will tell
                    return
            if not waiting:
                return


def _message(execution_id: str, asked: InputState, answer: ev.InputReceived) -> Message:
    payload = bytes(answer.answer)
    return Message(
        execution_id=execution_id, kind="input", name=asked.name, payload=payload, sender=answer.by, key=asked.key
    )
