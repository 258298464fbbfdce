"""Look at executions: one, many, their events, steps and logs. Nothing here writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

import msgspec
from msgspec import Struct

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.hints import hints
from cerebelum.engine.domain.context import Context
from cerebelum.engine.domain.copies import as_copy, is_copy
from cerebelum.engine.domain.errors import AmbiguousId, ExecutionNotFound
from cerebelum.engine.domain.events import FINAL_TYPES, RecordedEvent, matching_types
from cerebelum.engine.domain.execution import ExecutionRow, Status
from cerebelum.engine.domain.projection import ExecutionState, StepState, projected_row, reconstruct
from cerebelum.engine.ports.store import ExecutionFilter, LogLine
from cerebelum.engine.runtime.blobs import with_blobs


class ExecutionView(Struct, frozen=True):
    """An execution as people see it: its row, what its history says, and its logs where asked for."""

    row: ExecutionRow
    state: ExecutionState
    logs: tuple[LogLine, ...] = ()
    context: Context = msgspec.field(default_factory=Context)  # of a flow: `view.context.charge_id`

    @property
    def steps(self) -> list[StepState]:
        return list(self.state.steps.values())


async def get_execution(engine: Engine, execution_id: str, *, include_logs: bool = False) -> ExecutionView:
    """Return one execution with its steps.

    Raises:
        ExecutionNotFound: no such execution.
    """
    row = await engine.store.get_execution(execution_id)
    if row is None:
        raise await not_found(engine, execution_id)
    state = reconstruct(execution_id, await history(engine, execution_id))
    logs = tuple([line async for line in read_logs(engine, execution_id)]) if include_logs else ()
    return ExecutionView(row, state, logs, state.context_unsealed(partial(engine.codec.unseal, what="context")))


async def list_executions(engine: Engine, query: ExecutionFilter | None = None) -> list[ExecutionRow]:
    """Return executions that fit all of the filter's conditions, newest first."""
    return await engine.store.list_executions(query or ExecutionFilter())


async def count_executions(engine: Engine) -> dict[Status, int]:
    """Return how many executions are in each status; none in it: left out."""
    return await engine.store.count_executions()


async def history(
    engine: Engine, execution_id: str, *, from_version: int = 1, to_version: int | None = None, type_: str | None = None
) -> list[RecordedEvent]:
    """Return an execution's events, `from_version` to `to_version` inclusive.

    Args:
        type_: only events of this type; the founding documents' names (`node_completed` …) work too.

    Raises:
        ExecutionNotFound: no such execution.
        ValueError: no such type.
    """
    wanted = None if type_ is None else matching_types(type_)
    stored = await engine.store.read_history(execution_id, after_version=from_version - 1, to_version=to_version)
    if not stored and await engine.store.get_execution(execution_id) is None:
        raise await not_found(engine, execution_id)
    events = await with_blobs(engine.store, stored)
    return [event for event in events if wanted is None or event.type in wanted]


async def follow(engine: Engine, execution_id: str, *, after_version: int = 0) -> AsyncIterator[RecordedEvent]:
    """Yield each committed event once and in order, and end with the execution. Works from any process.

    Raises:
        ExecutionNotFound: no such execution.
    """
    async with aclosing(hints(engine.store)) as looks:
        async for _ in looks:
            news = await history(engine, execution_id, from_version=after_version + 1)
            for event in news:
                yield event
                after_version = event.version
                if event.type in FINAL_TYPES:
                    return
            row = None if news else await engine.store.get_execution(execution_id)
            if row is not None and is_copy(row):
                return  # of an execution that had not ended: nothing more will come


async def read_logs(engine: Engine, execution_id: str, *, step: str | None = None) -> AsyncIterator[LogLine]:
    """Yield an execution's captured lines in the order they were written, those of one step if asked."""
    after_id = 0
    while page := await engine.store.read_logs(execution_id, after_id=after_id):
        after_id = page[-1][0]
        for _, line in page:
            if step is None or line.step == step:
                yield line


async def follow_logs(engine: Engine, execution_id: str) -> AsyncIterator[LogLine]:
    """Yield captured lines as they are written, from any process, until the execution ends."""
    after_id = 0
    async with aclosing(hints(engine.store)) as looks:
        async for _ in looks:
            row = await engine.store.get_execution(execution_id)
            if row is None:
                raise await not_found(engine, execution_id)
            while page := await engine.store.read_logs(execution_id, after_id=after_id):
                after_id = page[-1][0]
                for _, line in page:
                    yield line
            if row.ended:
                return


async def resolve_id(engine: Engine, text: str) -> str:
    """Return the id that `text` stands for: an id, a unique prefix, `@last`, or `@last-failed`.

    Raises:
        ExecutionNotFound: nothing fits.
        AmbiguousId: a prefix of several.
    """
    if text in ("@last", "@last-failed"):
        query = ExecutionFilter(limit=1, statuses=("failed",) if text == "@last-failed" else ())
        newest = await engine.store.list_executions(query)
        if not newest:
            raise ExecutionNotFound(text, store=engine.store.name)
        return newest[0].id
    if await engine.store.get_execution(text) is not None:
        return text
    matches = await engine.store.list_executions(ExecutionFilter(id_prefix=text, limit=6)) if text else []
    if not matches:
        raise await not_found(engine, text)
    if len(matches) > 1:
        raise AmbiguousId(text, tuple(row.id for row in matches))
    return matches[0].id


async def not_found(engine: Engine, execution_id: str) -> ExecutionNotFound:
    """Return the error for an id that is not there, naming some that look like it."""
    import difflib

    newest = await engine.store.list_executions(ExecutionFilter(limit=200))
    near = difflib.get_close_matches(execution_id, [row.id for row in newest], n=3, cutoff=0.75)
    similar = tuple(f"{row.id} ({row.status})" for row in newest if row.id in near)
    return ExecutionNotFound(execution_id, store=engine.store.name, similar=similar)


async def rebuild_projection(engine: Engine, execution_id: str) -> ExecutionRow:
    """Make an execution's row anew from its history, and return it.

    Raises:
        ExecutionNotFound: no such execution.
    """
    row = await engine.store.get_execution(execution_id)
    if row is None:
        raise await not_found(engine, execution_id)
    state = reconstruct(execution_id, await history(engine, execution_id))
    rebuilt = projected_row(row, state)
    if is_copy(row):
        rebuilt = as_copy(rebuilt, state)
    await engine.store.rebuild(rebuilt)
    return rebuilt
