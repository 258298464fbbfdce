"""Executions, events and log lines as JSON objects. Keys are only ever added; times are RFC 3339 in UTC."""

from __future__ import annotations

from typing import Any

import msgspec

from cerebelum.engine.domain.copies import is_copy
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.ids import event_id
from cerebelum.engine.domain.projection import AttemptState, ExecutionState, OpenWait, StepState
from cerebelum.engine.domain.projection_inputs import InputState
from cerebelum.engine.ports.store import LogLine
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.engine.runtime.rendering import mask_json
from cerebelum_cli.words import masked, rfc3339

EXECUTION = "cerebelum.execution/1"


def of_row(row: ExecutionRow) -> dict[str, Any]:
    """Return an execution as lists show it."""
    return {
        "schema": EXECUTION,
        "id": row.id,
        "workflow": row.workflow,
        "code": row.code,
        "status": row.status,
        "queue": row.queue,
        "priority": row.priority,
        "current_step": row.current_step,
        "error": None if row.error is None else mask_text(row.error),
        "parent": row.parent,
        "run": row.run,
        "version": row.last_version,
        "scheduled_at": rfc3339(row.scheduled_at_us),
        "inserted_at": rfc3339(row.inserted_at_us),
        "started_at": rfc3339(row.started_at_us),
        "updated_at": rfc3339(row.updated_at_us),
        "completed_at": rfc3339(row.completed_at_us),
        "duration_ms": _ms(row.started_at_us, row.completed_at_us),
        "imported": is_copy(row),
    }


def of_state(row: ExecutionRow, state: ExecutionState) -> dict[str, Any]:
    """Return an execution with what its history says, up to where `state` was built."""
    error = state.error
    return of_row(row) | {
        "workflow": state.workflow or row.workflow,
        "code": state.code or row.code,
        "status": state.status,
        "current_step": state.current_step,
        "version": state.version,
        "reason": state.reason,
        "continued_as": state.continued_as,
        "forked_from": state.forked_from,
        "forked_at": state.forked_at or None,
        "edits": [] if state.fork is None else list(state.fork.edits),
        "input": masked(state.input),
        "result": masked(state.result),
        "context": mask_json(state.context.as_dict()),
        "error": None if error is None else mask_text(f"{error.name}: {error.message}"),
        "error_type": None if error is None else error.type,
        "traceback": None if error is None else mask_text(error.traceback),
        "completed_at": rfc3339(state.ended_us),
        "duration_ms": _ms(state.started_us, state.ended_us),
        "steps": [_of_step(step) for step in state.steps.values()],
        "waiting_for": [_of_wait(wait) for wait in state.open.values()],
        "inputs": [_of_input(asked) for asked in state.inputs.values()],
    }


def of_event(execution_id: str, event: RecordedEvent) -> dict[str, Any]:
    """Return an event of a history."""
    return {
        "schema": "cerebelum.event/1",
        "execution_id": execution_id,
        "version": event.version,
        "id": str(event_id(execution_id, event.version)),
        "type": event.type,
        "at": rfc3339(event.at_us),
        "data": masked(event.data),
    }


def of_log(line: LogLine) -> dict[str, Any]:
    """Return a captured line."""
    return {
        "schema": "cerebelum.log/1",
        "execution_id": line.execution_id,
        "at": rfc3339(line.at_us),
        "level": line.level,
        "step": line.step,
        "number": line.number,
        "attempt": line.attempt,
        "message": mask_text(line.message),
        "metadata": mask_json(msgspec.json.decode(line.metadata)),
    }


def _of_step(step: StepState) -> dict[str, Any]:
    started = step.attempts[0].started_us if step.attempts else step.scheduled_us
    return {
        "number": step.number,
        "name": step.name,
        "iteration": step.iteration,
        "line": step.line,
        "status": step.status,
        "reused": step.reused,
        "input": masked(step.args),
        "result": masked(step.result),
        "started_at": rfc3339(started),
        "duration_ms": _ms(started, step.attempts[-1].ended_us if step.attempts else None),
        "attempts": [_of_attempt(attempt) for attempt in step.attempts],
    }


def _of_attempt(attempt: AttemptState) -> dict[str, Any]:
    error = attempt.error
    return {
        "attempt": attempt.attempt,
        "status": attempt.status,
        "started_at": rfc3339(attempt.started_us),
        "duration_ms": _ms(attempt.started_us, attempt.ended_us),
        "error": None if error is None else mask_text(f"{error.name}: {error.message}"),
        "retry_at": rfc3339(attempt.retry_at_us),
    }


def _of_wait(wait: OpenWait) -> dict[str, Any]:
    return {
        "number": wait.number,
        "kind": wait.kind,
        "name": wait.name,
        "line": wait.line,
        "since": rfc3339(wait.since_us),
        "until": rfc3339(wait.due_us),
    }


def _of_input(asked: InputState) -> dict[str, Any]:
    return {
        "number": asked.number,
        "name": asked.name,
        "type": asked.form.type,
        "prompt": asked.prompt,
        "status": asked.status,
        "answer": masked(asked.answer),
        "by": asked.by or None,
        "asked_at": rfc3339(asked.since_us),
        "timeout_at": rfc3339(asked.due_us),
        "completed_at": rfc3339(asked.ended_us),
    }


def _ms(from_us: int | None, to_us: int | None) -> float | None:
    return None if from_us is None or to_us is None else (to_us - from_us) / 1000
