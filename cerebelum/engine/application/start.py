"""Start an execution: here, or for whichever node knows the workflow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Raw, Struct

from cerebelum.engine.application.control import cancel
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ExecutionExists, InternalError, UnknownWorkflow
from cerebelum.engine.domain.execution import FINAL
from cerebelum.engine.domain.ids import ExecutionId, new_nonce
from cerebelum.engine.domain.queues import DEFAULT_QUEUE, checked_queue
from cerebelum.engine.ports.store import Batch, Start
from cerebelum.engine.runtime.starting import new_start

IfExists = Literal["fail", "use", "replace"]
_ROOM_EVERY = 1_000  # starts between looks at the journal's room


class Started(Struct, frozen=True):
    """Which execution it is, and whether it was there before."""

    execution_id: str
    existed: bool = False


class StartOptions(Struct, frozen=True, kw_only=True):
    """How to start.

    Attributes:
        id: of your own; default: a new `exec-<uuid4>`.
        if_exists: the id is taken: "fail" raises `ExecutionExists`, "use" returns the execution there is, "replace"
            cancels it if it is open, removes it, and starts anew.
        queue: default: the workflow's own, or else "default".
        scheduled_at_us: stays pending until then.
    """

    id: str | None = None
    if_exists: IfExists = "use"
    queue: str | None = None
    priority: int = 0
    scheduled_at_us: int | None = None


async def start(
    engine: Engine,
    workflow: WorkflowDefinition[..., Any] | str,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    options: StartOptions | None = None,
) -> Started:
    """Store a new execution and return once it is durable.

    A workflow given by its function is registered, and runs on this process's node if there is one. One given by name
    must be known to the store; its input is checked against its annotations where its code is loaded here.

    Raises:
        UnknownWorkflow: nobody ever registered this name. Nothing is stored.
        ArgumentError, PayloadNotEncodable, PayloadTooLarge: input that cannot be recorded exactly.
        ExecutionExists: the id is taken and `if_exists` is "fail".
        InvalidExecutionId: the id cannot be used.
        DefinitionError: the queue's name cannot be used.
    """
    options = options or StartOptions()
    started = await first_event(engine, workflow, args, kwargs or {}, options)
    execution_id = ExecutionId.new() if options.id is None else ExecutionId.chosen(options.id)
    if await _commit(engine, execution_id, started, options):
        return Started(execution_id)
    if options.if_exists == "use":
        return Started(execution_id, existed=True)
    if options.if_exists == "fail":
        raise ExecutionExists(execution_id)
    await _remove(engine, execution_id)
    if not await _commit(engine, execution_id, started, options):
        raise ExecutionExists(execution_id)
    return Started(execution_id)


async def start_many(
    engine: Engine, workflow: WorkflowDefinition[..., Any], inputs: Sequence[tuple[Any, ...]]
) -> list[Started]:
    """Start one execution per input, in as few commits as the journal needs; thousands fit into one.

    Raises:
        ArgumentError, PayloadNotEncodable, PayloadTooLarge: as `start`; what came before in `inputs` has begun.
    """
    node = engine.node
    if node is None:
        return [await start(engine, workflow, args) for args in inputs]
    if engine.registry.find(workflow.name, workflow.code) is None:
        await engine.register(workflow)
    ids: list[str] = []
    answers: list[asyncio.Future[bool]] = []
    for position, args in enumerate(inputs):
        if position % _ROOM_EVERY == 0:
            await node.journal.has_room()
        first = _event_of(engine, workflow, args, {}, StartOptions())
        ids.append(ExecutionId.new())
        answers.append(node.offer(new_start(ids[-1], first, now_us=node.clock.now_us(), owner=node.nonce), first))
    await asyncio.gather(*answers)
    return [Started(execution_id) for execution_id in ids]


async def first_event(
    engine: Engine,
    workflow: WorkflowDefinition[..., Any] | str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    options: StartOptions,
) -> ev.ExecutionStarted:
    """Return the event that begins an execution; raises as `start`."""
    definition: WorkflowDefinition[..., Any] | None
    if isinstance(workflow, WorkflowDefinition):
        definition = workflow
        if engine.registry.find(definition.name, definition.code) is None:
            await engine.register(definition)
    elif engine.registry.is_retired(workflow):
        raise UnknownWorkflow(workflow, engine.registry.serving())
    elif workflow in engine.registry.names():
        definition = engine.registry.get(workflow)
    else:
        return await _by_name(engine, workflow, args, kwargs, options)
    return _event_of(engine, definition, args, kwargs, options)


def _event_of(
    engine: Engine,
    definition: WorkflowDefinition[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    options: StartOptions,
) -> ev.ExecutionStarted:
    signature = definition.signature
    bound = signature.bind(args, kwargs)
    data, _ = engine.codec.encode(bound, signature.arguments_type, what=f"input of {definition.name!r}")
    return ev.ExecutionStarted(
        workflow=definition.name, input=Raw(data), code=definition.code, queue=_queue(options, definition.queue),
        priority=options.priority, timeout_us=definition.timeout_us,
    )  # fmt: skip


async def _by_name(
    engine: Engine, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], options: StartOptions
) -> ev.ExecutionStarted:
    code = await engine.store.get_code(name)
    if code is None:
        known = tuple(version.workflow for version in await engine.store.list_workflows())
        raise UnknownWorkflow(name, known)
    if args:
        raise UnknownWorkflow(name, engine.registry.names()) from TypeError(
            "give arguments by name: its code is not loaded"
        )
    data, _ = engine.codec.encode(kwargs, what=f"input of {name!r}")
    return ev.ExecutionStarted(
        workflow=name, input=Raw(data), code=code.short_digest, queue=_queue(options), priority=options.priority
    )


def _queue(options: StartOptions, own: str | None = None) -> str:
    return own or DEFAULT_QUEUE if options.queue is None else checked_queue(options.queue, what="start(queue=…)")


async def _commit(engine: Engine, execution_id: str, started: ev.ExecutionStarted, options: StartOptions) -> bool:
    node = engine.node
    now_us = node.clock.now_us() if node else await engine.store.now_us()
    later = options.scheduled_at_us is not None and options.scheduled_at_us > now_us
    here = node is not None and not later and engine.registry.find(started.workflow, started.code) is not None
    begin = new_start(
        execution_id, started, now_us=now_us, owner=node.nonce if node and here else None,
        scheduled_at_us=options.scheduled_at_us,
    )  # fmt: skip
    if node is not None and here:
        return await node.start_execution(begin, started)
    is_new = await _commit_alone(engine, begin)
    if node is not None:
        node.dispatcher.poke()
    return is_new


async def _commit_alone(engine: Engine, begin: Start) -> bool:
    committed = await engine.store.commit(Batch(id=f"start/{new_nonce()}", starts=[begin], blobs=list(begin.blobs)))
    return begin.row.id not in committed.existing


async def _remove(engine: Engine, execution_id: str) -> None:
    row = await engine.store.get_execution(execution_id)
    if row is None:
        return
    if row.status not in FINAL:
        await cancel(engine, execution_id, reason="replaced by a new start with the same id")
        if engine.node is None:
            raise ExecutionExists(execution_id)  # nobody here could see it end
        await engine.node.results.final_event(execution_id)
        row = await engine.store.get_execution(execution_id)
        if row is None or row.status not in FINAL:
            raise InternalError(f"{execution_id} ended, but its row says {row and row.status}")
    await engine.store.delete_execution(execution_id)
    if engine.node is not None:
        engine.node.results.forget(execution_id)  # the new one may run elsewhere, and what ended here is not its result
