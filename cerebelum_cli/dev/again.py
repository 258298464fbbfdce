"""`r`: run the last one again, with the same input, on the code as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_payload import ArgumentError
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum_cli.words import masked, shown

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.authoring.workflow import WorkflowDefinition
    from cerebelum_cli.dev.voice import Voice

_LOOKED_AT = 100  # children have no input of their own to begin with


async def run_again(engine: Engine, voice: Voice) -> None:
    """Start what was started last; where nothing was, the only workflow, if it needs no input. Says what came of it."""
    try:
        last = await _last(engine)
        if last is None:
            await _run_first(engine, voice)
        else:
            await _run_as(engine, voice, *last)
    except CerebelumError as error:
        first, _, rest = str(error).partition("\n")
        voice.tell("error", f"not started: {first}", [rest] if rest else [], code=error.code, message=str(error))


async def _last(engine: Engine) -> tuple[str, ev.ExecutionStarted] | None:
    from cerebelum.engine.application.query import history

    for row in await engine.store.list_executions(ExecutionFilter(limit=_LOOKED_AT)):
        if row.parent is None and row.last_version:
            event = (await history(engine, row.id, to_version=1))[0].event()
            if isinstance(event, ev.ExecutionStarted):
                return row.id, event
    return None


async def _run_as(engine: Engine, voice: Voice, execution_id: str, event: ev.ExecutionStarted) -> None:
    if event.workflow not in engine.registry.names():
        voice.tell(
            "…", f"{execution_id} was of workflow {event.workflow!r}, which no file here declares",
            [f"cerebelum start {event.workflow}"], workflow=event.workflow,
        )  # fmt: skip
        return
    definition = engine.registry.get(event.workflow)
    signature = definition.signature
    decoded = engine.codec.decode(
        bytes(event.input), signature.arguments_type, what=f"input of {execution_id}, given to {event.workflow!r} again"
    )
    args, kwargs = signature.call_arguments(decoded)
    given = masked(engine.codec.encode(signature.bind(args, kwargs), what="input", sealed=False)[0])
    await _start(engine, voice, definition, args, kwargs, given, queue=event.queue, priority=event.priority)


async def _run_first(engine: Engine, voice: Voice) -> None:
    names = engine.registry.names()
    if len(names) != 1:
        some = names[0] if names else "NAME"
        problem = "there are several workflows" if names else "there is no workflow yet"
        voice.tell("…", f"nothing was run here before, and {problem}", [f"cerebelum start {some}"] if names else [])
        return
    definition = engine.registry.get(names[0])
    try:
        args, kwargs = definition.signature.call_arguments({})
    except ArgumentError:
        voice.tell(
            "…",
            f"nothing was run here before, and {names[0]} needs input",
            [f"cerebelum start {names[0]} -i NAME=VALUE"],
        )
        return
    await _start(engine, voice, definition, args, kwargs, {}, queue=None, priority=0)


async def _start(
    engine: Engine, voice: Voice, definition: WorkflowDefinition[..., Any], args: tuple[Any, ...],
    kwargs: dict[str, Any], given: Any, *, queue: str | None, priority: int,
) -> None:  # fmt: skip
    from cerebelum.engine.application.start import StartOptions, start

    started = await start(engine, definition, args, kwargs, StartOptions(queue=queue, priority=priority))
    text = f"{started.execution_id} {definition.name}@{definition.code[:4]}"
    if given:
        text += f"  {shown(given, limit=80)}"
    voice.tell("started", text, id=started.execution_id, workflow=definition.name, version=definition.code, input=given)
