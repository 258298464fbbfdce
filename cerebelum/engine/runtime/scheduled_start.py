"""What a schedule starts: the same row and first event as a client's start, under the fire's own id."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.queues import DEFAULT_QUEUE
from cerebelum.engine.domain.schedules.schedule import ScheduleRow
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.ports.store import Start
from cerebelum.engine.runtime.starting import new_start

Definition = WorkflowDefinition[..., Any]


def check_input(codec: PayloadCodec, definition: Definition, data: bytes) -> None:
    """Refuse arguments that the workflow's code, as it is now, does not take.

    Raises:
        ArgumentError: one is missing or unknown.
        PayloadMismatch: one does not fit its annotation.
        PayloadTransformFailed: it cannot be read here.
    """
    signature, what = definition.signature, f"input of {definition.name!r}"
    signature.call_arguments(codec.decode(data, Any, what=what))  # the names, before their values
    codec.decode(data, signature.arguments_type, what=what)


def scheduled_start(
    row: ScheduleRow, execution_id: str, *, now_us: int, code: str, definition: Definition | None = None
) -> Start:
    """Return the start of an execution, due at once for whichever node knows the workflow.

    Args:
        code: short digest of the version it begins on.
        definition: that version, where it is loaded here: it has a timeout and a queue of its own.
    """
    own_queue = None if definition is None else definition.queue
    started = ev.ExecutionStarted(
        workflow=row.workflow, input=Raw(row.input), code=code,
        queue=row.spec.queue or own_queue or DEFAULT_QUEUE,
        timeout_us=None if definition is None else definition.timeout_us,
    )  # fmt: skip
    return new_start(execution_id, started, now_us=now_us, owner=None)
