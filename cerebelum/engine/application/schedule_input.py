"""What a schedule starts its workflow with: checked when it is put, stored as it goes into the history."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.schedule_answers import Workflow
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors import UnknownWorkflow
from cerebelum.engine.domain.errors_payload import PayloadNotEncodable, PayloadTransformFailed
from cerebelum.engine.domain.errors_schedule import InvalidSchedule
from cerebelum.engine.domain.schedules.schedule import ScheduleRow
from cerebelum.engine.domain.schedules.spec import ScheduleSpec
from cerebelum.engine.runtime.scheduled_start import Definition, check_input


async def stored_input(engine: Engine, workflow: Workflow, spec: ScheduleSpec) -> tuple[str, bytes]:
    """Return the workflow's name, and the arguments as they are stored. Values of Python's own and JSON are both taken.

    Raises:
        UnknownWorkflow: nobody ever registered this name.
        InvalidSchedule: the input is no mapping of arguments by name.
        ArgumentError, PayloadMismatch, PayloadNotEncodable, PayloadTooLarge: it does not fit the workflow's arguments.
    """
    given = {} if spec.input is None else spec.input
    if not isinstance(given, dict):
        fault = f"input: must hold arguments by name, such as {{'region': 'eu'}}, not {given!r}"
        raise InvalidSchedule(f"the schedule of {workflow if isinstance(workflow, str) else workflow.name!r}", [fault])
    definition = await _definition(engine, workflow)
    if definition is None:
        name = str(workflow)
        return name, engine.codec.encode(given, what=f"input of {name!r}")[0]
    signature, what = definition.signature, f"input of {definition.name!r}"
    bound = signature.bind((), given)
    try:
        data, _ = engine.codec.encode(bound, signature.arguments_type, what=what)
    except PayloadNotEncodable:
        text, _ = engine.codec.encode(bound, Any, what=what, sealed=False)  # JSON for what is no JSON type: a date, say
        typed = engine.codec.decode(text, signature.arguments_type, what=what)
        data, _ = engine.codec.encode(typed, signature.arguments_type, what=what)
    check_input(engine.codec, definition, data)
    return definition.name, data


async def _definition(engine: Engine, workflow: Workflow) -> WorkflowDefinition[..., Any] | None:
    """Return the workflow's code, None where it is known to the store alone."""
    if isinstance(workflow, WorkflowDefinition):
        if engine.registry.find(workflow.name, workflow.code) is None:
            await engine.register(workflow)
        return workflow
    if workflow in engine.registry.names():
        return engine.registry.get(workflow)
    if await engine.store.get_code(workflow) is None:
        known = [version.workflow for version in await engine.store.list_workflows()]
        raise UnknownWorkflow(workflow, tuple(known))
    return None


async def check_workflow(engine: Engine, row: ScheduleRow) -> tuple[str, Definition | None]:
    """Return the digest that an execution begins on now, and its definition where it is loaded here.

    Raises:
        UnknownWorkflow: it was removed.
        ArgumentError, PayloadMismatch: the stored input does not fit its code any more.
    """
    definition = await _definition(engine, row.workflow)
    if definition is not None:
        check_input(engine.codec, definition, row.input)
        return engine.registry.newest(row.workflow).digest, definition
    code = await engine.store.get_code(row.workflow)
    if code is None:
        raise UnknownWorkflow(row.workflow)
    return code.short_digest, None


def shown(engine: Engine, row: ScheduleRow) -> ScheduleRow:
    """Return the row with `spec.input` in clear; None where it cannot be read here."""
    try:
        clear = engine.codec.unseal(row.input, what=f"input of schedule {row.name!r}")
    except PayloadTransformFailed:
        return row
    return replace(row, spec=replace(row.spec, input=msgspec.json.decode(clear)))
