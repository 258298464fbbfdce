"""Messages to an execution from outside: signal, cancel, pause, resume. Each is durable when the call returns."""

from __future__ import annotations

from typing import Any

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.errors import ExecutionNotFound, ForbiddenTransition
from cerebelum.engine.domain.execution import FINAL, ExecutionRow
from cerebelum.engine.ports.store import Message
from cerebelum.engine.runtime.calls import declares_itself


async def signal(
    engine: Engine, execution_id: str, name: str, payload: Any = None, *, sender: str = "", key: str = ""
) -> bool:
    """Send a signal; it is kept until the workflow waits for it. Return False when `key` was sent before.

    Args:
        key: the same key is delivered once, however often it is sent; default: every call counts.

    Raises:
        ExecutionNotFound: no such execution.
        ForbiddenTransition: it has ended.
    """
    data = encode_signal(engine, name, payload)
    message = Message(execution_id=execution_id, kind="signal", name=name, payload=data, sender=sender, key=key)
    return await engine.post(message) is not None


def encode_signal(engine: Engine, name: str, payload: Any) -> bytes:
    """Return a signal's payload as it is stored."""
    annotation = type(payload) if declares_itself(payload) else Any
    return engine.codec.encode(payload, annotation, what=f"signal {name!r}")[0]


async def cancel(engine: Engine, execution_id: str, *, reason: str = "", by: str = "") -> None:
    """Ask an execution to stop: its running step is stopped, its sagas compensate, and it ends as cancelled.

    Raises:
        ExecutionNotFound: no such execution.
        ForbiddenTransition: it has ended.
    """
    await _control(engine, "cancel", execution_id, reason, by)


async def pause(engine: Engine, execution_id: str, *, reason: str = "", by: str = "") -> None:
    """Let the steps under way finish, and begin no further one until `resume`.

    Raises:
        ExecutionNotFound: no such execution.
        ForbiddenTransition: it has ended, or is paused already.
    """
    row = await _open(engine, "pause", execution_id)
    if row.status == "paused":
        raise ForbiddenTransition("pause", row.status, execution_id)
    await _control(engine, "pause", execution_id, reason, by)


async def resume(engine: Engine, execution_id: str, *, data: Any = None, by: str = "") -> None:
    """Go on: a paused execution with its next step, a waiting one out of its sleep, with `info().resume_data`.

    Raises:
        ExecutionNotFound: no such execution.
        ForbiddenTransition: it has ended.
    """
    await _control(engine, "resume", execution_id, data, by)


async def _control(engine: Engine, kind: str, execution_id: str, content: Any, by: str) -> None:
    await _open(engine, kind, execution_id)
    # A reason is for people, who see it in lists: it is stored in clear. "null" in clear says that there is no data.
    sealed = kind == "resume" and content is not None
    data, _ = engine.codec.encode(content, what=f"{kind} of {execution_id}", sealed=sealed)
    await engine.post(Message(execution_id=execution_id, kind=kind, payload=data, sender=by))


async def _open(engine: Engine, verb: str, execution_id: str) -> ExecutionRow:
    row = await engine.store.get_execution(execution_id)
    if row is None:
        raise ExecutionNotFound(execution_id, store=engine.store.name)
    if row.status in FINAL:
        raise ForbiddenTransition(verb, row.status, execution_id)
    return row
