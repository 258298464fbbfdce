"""The result of an execution: waited for, decoded, or raised."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.hints import hints
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.copies import is_copy
from cerebelum.engine.domain.errors import WaitTimedOut
from cerebelum.engine.domain.errors_bundle import CopyNeverEnds
from cerebelum.engine.domain.errors_runtime import ExecutionCancelled, ExecutionFailed
from cerebelum.engine.runtime.results import Results


async def final_event(engine: Engine, execution_id: str, *, timeout_s: float | None = None) -> tuple[str, ev.Event]:
    """Wait for the end; return the id that ended (the last of `continue_as_new`'s) and its final event.

    Raises:
        ExecutionNotFound: no such execution.
        WaitTimedOut: it has not ended in time; it goes on.
        CopyNeverEnds: it is an imported copy of one that had not ended.
    """
    if timeout_s is None:
        return await _last_final_event(engine, execution_id)
    try:
        async with asyncio.timeout(timeout_s):
            return await _last_final_event(engine, execution_id)
    except TimeoutError:
        raise WaitTimedOut(execution_id, timeout_s) from None


async def _last_final_event(engine: Engine, execution_id: str) -> tuple[str, ev.Event]:
    """Follow `continue_as_new` to the execution that really ends."""
    while True:
        final = await _one_final_event(engine, execution_id)
        if not isinstance(final, ev.ContinuedAsNew):
            return execution_id, final
        execution_id = final.execution_id


async def result(engine: Engine, execution_id: str, annotation: Any = Any, *, timeout_s: float | None = None) -> Any:
    """Return the result of an execution, waiting for its end.

    Args:
        annotation: what to decode it as.

    Raises:
        ExecutionFailed: it failed.
        ExecutionCancelled: it was cancelled.
        ExecutionNotFound, WaitTimedOut: as `final_event`.
    """
    ended_id, final = await final_event(engine, execution_id, timeout_s=timeout_s)
    if isinstance(final, ev.ExecutionCompleted):
        return engine.codec.decode(bytes(final.result), annotation, what=f"result of {ended_id}")
    if isinstance(final, ev.ExecutionCancelledEvent):
        raise ExecutionCancelled(ended_id, final.reason)
    assert isinstance(final, ev.ExecutionFailedEvent)
    error = final.error
    raise ExecutionFailed(ended_id, error_type=error.name, message=error.message, traceback=error.traceback)


async def _one_final_event(engine: Engine, execution_id: str) -> ev.Event:
    node = engine.node
    if node is not None and execution_id in node.resident:
        return await node.results.final_event(execution_id)
    results = node.results if node is not None else Results(engine.store)
    final = results.recent(execution_id) or await results.stored_final_event(execution_id)
    if final is not None:
        return final
    row = await engine.store.get_execution(execution_id)
    if row is not None and is_copy(row):
        raise CopyNeverEnds(execution_id)
    if node is not None:
        return await node.results.final_event(execution_id)
    async with aclosing(hints(engine.store)) as looks:
        async for _ in looks:
            final = await results.stored_final_event(execution_id)
            if final is not None:
                return final
    raise AssertionError("a store's watch never ends")
