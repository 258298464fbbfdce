"""Ask an execution, and have it change: query, update. And a signal to one that may not have begun."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, nullcontext
from typing import Any

from cerebelum.engine.application import query as reading
from cerebelum.engine.application.code_that_ran import code_that_ran
from cerebelum.engine.application.control import encode_signal
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.hints import hints
from cerebelum.engine.application.start import Started, StartOptions, first_event
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError, ExecutionNotFound, ForbiddenTransition
from cerebelum.engine.domain.errors_messages import (
    QueryFailed,
    QueryMayNotAct,
    UnknownQuery,
    UpdateFailed,
    UpdateRefused,
    UpdateTimedOut,
)
from cerebelum.engine.domain.ids import ExecutionId, new_nonce
from cerebelum.engine.ports.store import Batch, Message
from cerebelum.engine.runtime.calls import encode_call
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.listening import answer
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun
from cerebelum.engine.runtime.starting import new_start

_TRIES = 5  # of a signal to an execution that is removed and started again by others


async def ask(
    engine: Engine, execution_id: str, name: str, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
) -> Any:
    """Return what the workflow's query answers on its present state; of an ended execution, on its last.

    If it runs in this process and all that its code knows is durable, its own memory is asked; else its history is read
    and replayed here. Either way nothing is recorded.

    Raises:
        ExecutionNotFound: no such execution.
        UnknownQuery: it has declared no query of this name.
        ArgumentError: the arguments do not fit the query's function.
        QueryMayNotAct: the query's function asked for more than to look.
        QueryFailed: it raised something else.
        HistoryMismatch, CodeNotStored: the code here does not fit the history, or there is none.
    """
    call = encode_call(engine.codec, args, kwargs or {}, what=f"arguments of query {name!r}")
    data = _ask_here(engine, execution_id, name, call)
    if data is None:
        data = await _ask_replayed(engine, execution_id, name, call)
    return engine.codec.decode(data, Any, what=f"result of query {name!r}")


def _ask_here(engine: Engine, execution_id: str, name: str, call: bytes) -> bytes | None:
    node = engine.node
    live = None if node is None else node.resident.get(execution_id)
    if node is None or live is None or not live.run.begun:
        return None
    if live.dropped or live.is_ahead or live.awaiting or live.broken is not None:
        return None  # what it knows may still be undone: nobody is told before the commit
    try:
        return node.watchdog.run(execution_id, _answered, live.run, name, call)
    except QueryMayNotAct:
        node.residents.fenced(live)  # what it woke is lost: its state is made anew from the history
        raise


async def _ask_replayed(engine: Engine, execution_id: str, name: str, call: bytes) -> bytes:
    install()  # before stored code is imported
    row = await engine.store.get_execution(execution_id)
    if row is None:
        raise await reading.not_found(engine, execution_id)
    history = await reading.history(engine, execution_id)
    code = await code_that_ran(engine, row, history)
    run = WorkflowRun(execution_id, code.definition, engine.codec)
    try:
        Replay(run, history, observe=True).to_end()
        if not hasattr(run, "loop"):
            raise UnknownQuery(execution_id, name)
        return _answered(run, name, call)
    finally:
        run.close()


def _answered(run: WorkflowRun, name: str, call: bytes) -> bytes:
    try:
        return answer(run, name, call)
    except CerebelumError:
        raise
    except Exception as error:
        raise QueryFailed(run.execution_id, name, error_type=type(error).__name__, message=str(error)) from error


async def update(
    engine: Engine,
    execution_id: str,
    name: str,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    key: str = "",
    sender: str = "",
    timeout_s: float | None = None,
) -> Any:
    """Send an update and return what its handler returned, waiting for it; works from any process.

    Args:
        key: the same key is carried out once, however often it is sent, and gives the same outcome each time, as long as
            the execution is open; default: every call counts.

    Raises:
        UpdateRefused: by the validator, or because the execution ended before it was accepted. Nothing was recorded.
        UpdateFailed: its handler failed, or the execution ended first.
        ExecutionNotFound: no such execution.
        ForbiddenTransition: it has ended, and took no update of this key.
        UpdateTimedOut: no outcome within `timeout_s`; the update stays where it is: ask again with its `key`.
    """
    data = encode_call(engine.codec, args, kwargs or {}, what=f"arguments of update {name!r}")
    chosen = key or new_nonce()
    own = f"update:{chosen}"
    message = Message(execution_id=execution_id, kind="update", name=name, payload=data, sender=sender, key=own)
    outcome = _Outcome(engine, execution_id, name, own)
    try:
        await engine.post(message)
    except ForbiddenTransition:
        if key and await outcome.look():  # it may have been carried out before the end
            return outcome.result()
        raise
    try:
        async with asyncio.timeout(timeout_s):
            await outcome.come()
    except TimeoutError:
        raise UpdateTimedOut(execution_id, name, chosen, timeout_s or 0.0) from None
    return outcome.result()


class _Outcome:
    """Looks for the outcome of one update: in the history where it was accepted, in the reply where it was refused."""

    def __init__(self, engine: Engine, execution_id: str, name: str, key: str) -> None:
        self._engine, self._id, self._name, self._key = engine, execution_id, name, key
        self._read_to = self._accepted_at = 0
        self._ended: ForbiddenTransition | None = None
        self._completed: ev.UpdateCompleted | None = None
        self._error: Exception | None = None

    async def come(self) -> None:
        """Return once the outcome is known."""
        node = self._engine.node
        with nullcontext(None) if node is None else node.residents.news.of(self._id) as news:
            async with aclosing(hints(self._engine.store, news)) as looks:
                async for _ in looks:
                    if await self.look():
                        return

    async def look(self) -> bool:
        """Look into the store; return whether the outcome is known."""
        row = await self._engine.store.get_execution(self._id)
        if row is None:
            raise await reading.not_found(self._engine, self._id)
        if self._read_to < row.last_version and await self._in_history():
            return True
        if not self._accepted_at:
            reply = await self._engine.store.read_reply(self._id, self._key)
            if reply is not None:
                reason = self._engine.codec.decode(reply, str, what=f"refusal of update {self._name!r}")
                self._error = UpdateRefused(self._id, self._name, reason)
            elif row.ended:
                self._error = UpdateRefused(
                    self._id, self._name, f"the execution ended as {row.status} before it took it"
                )
        elif row.ended:
            self._error = UpdateFailed(
                self._id, self._name, error_type="Unfinished", message=f"the execution ended as {row.status} meanwhile"
            )
        return self._error is not None

    async def _in_history(self) -> bool:
        for recorded in await reading.history(self._engine, self._id, from_version=self._read_to + 1):
            self._read_to = recorded.version
            if not recorded.type.startswith("update_"):
                continue
            event = recorded.event()
            if isinstance(event, ev.UpdateAccepted) and event.key == self._key:
                self._accepted_at = recorded.version
            elif isinstance(event, ev.UpdateCompleted) and event.of == self._accepted_at:
                self._completed = event
            elif isinstance(event, ev.UpdateFailedEvent) and event.of == self._accepted_at:
                error = event.error
                self._error = UpdateFailed(self._id, self._name, error_type=error.name, message=error.message)
        return self._completed is not None or self._error is not None

    def result(self) -> Any:
        """Return or raise the outcome."""
        if self._error is not None:
            raise self._error
        assert self._completed is not None
        return self._engine.codec.decode(bytes(self._completed.result), Any, what=f"result of update {self._name!r}")


async def signal_with_start(
    engine: Engine,
    workflow: WorkflowDefinition[..., Any] | str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    options: StartOptions,
    message: Message,
) -> Started:
    """Start an execution with a signal in its inbox, in one commit; one that exists gets the signal.

    Args:
        options: its `id` names the execution; `if_exists` says nothing here.
        message: the signal; made by `start_signal`.

    Raises:
        ForbiddenTransition: it exists, and has ended.
        What `start` raises of the workflow and its input.
    """
    started = await first_event(engine, workflow, args, kwargs, options)
    execution_id = message.execution_id
    for _ in range(_TRIES):
        now_us = await engine.store.now_us()
        begin = new_start(execution_id, started, now_us=now_us, owner=None)
        batch = Batch(id=f"start/{new_nonce()}", starts=[begin], messages=[message], blobs=list(begin.blobs))
        committed = await engine.store.commit(batch)
        if execution_id not in committed.existing:
            if engine.node is not None:
                engine.node.dispatcher.poke()
            return Started(execution_id)
        try:
            await engine.post(message)
        except ExecutionNotFound:
            continue  # it was removed between the two
        return Started(execution_id, existed=True)
    raise ExecutionNotFound(execution_id, store=engine.store.name)


def start_signal(
    engine: Engine, execution_id: str, name: str, payload: Any, *, sender: str = "", key: str = ""
) -> Message:
    """Return the signal for `signal_with_start`: its key keeps it single, whichever way it goes."""
    chosen = ExecutionId.chosen(execution_id)
    return Message(
        execution_id=chosen, kind="signal", name=name, payload=encode_signal(engine, name, payload), sender=sender,
        key=key or f"start:{new_nonce()}", source=chosen,
    )  # fmt: skip
