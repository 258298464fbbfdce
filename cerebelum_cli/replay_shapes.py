"""Frames and reports of a replay as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cerebelum_cli.words import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cerebelum.engine.application.replay_report import ReplayReport
    from cerebelum.engine.runtime.frames import Frame, ShownLog, StackEntry
    from cerebelum.engine.runtime.rendering import Change


def of_frame(execution_id: str, frame: Frame, sources: Mapping[str, str]) -> dict[str, Any]:
    """Return a frame as JSON; `sources` are the files of the version that ran."""
    return {
        "schema": "cerebelum.frame/1",
        "execution_id": execution_id,
        "version": frame.version,
        "event": frame.event,
        "number": frame.number,
        "summary": frame.summary,
        "status": frame.status,
        "at": rfc3339(frame.at_us),
        "workflow_time": rfc3339(frame.now_us),
        "code": frame.code,
        "tasks": [
            {
                "task": task.task,
                "number": task.number,
                "stack": [_of_entry(entry, sources) for entry in task.stack],
            }
            for task in frame.tasks
        ],
        "task_count": frame.task_count,
        "changed": [_of_change(change) for change in frame.changed],
        "open": [
            {"number": wait.number, "kind": wait.kind, "name": wait.name, "line": wait.line} for wait in frame.open
        ],
        "open_count": frame.open_count,
        "watched": frame.watched,
        "watched_changed": [_of_change(change) for change in frame.watched_changed],
        "watch_errors": frame.watch_errors,
        "log_count": frame.log_count,
        "log_new": frame.log_new,
        "logs": [_of_log(line) for line in frame.logs],
        **({} if frame.context is None else _of_context(frame)),
    }


def of_report(report: ReplayReport) -> dict[str, Any]:
    """Return the end of a replay as JSON."""
    return {
        "schema": "cerebelum.replay/1",
        "execution_id": report.execution_id,
        "workflow": report.workflow,
        "code": report.code,
        "code_origin": report.code_origin,
        "status": report.status,
        "events": report.events,
        "event_count": report.event_count,
        "outcome": report.outcome,
        "recorded": report.recorded,
        "replayed": report.replayed,
        "duration_ms": report.took_us / 1000,
    }


def _of_context(frame: Frame) -> dict[str, Any]:
    changed = [_of_change(change) for change in frame.context_changed]
    return {"context": frame.context, "context_values": frame.context_values, "context_changed": changed}


def _of_entry(entry: StackEntry, sources: Mapping[str, str]) -> dict[str, Any]:
    from cerebelum_cli.replay_text import source_line

    return {
        "file": entry.file,
        "line": entry.line,
        "function": entry.function,
        "source": source_line(entry.file, entry.line, sources).strip(),
        "locals": entry.locals,
        "changed": [_of_change(change) for change in entry.changed],
    }


def _of_change(change: Change) -> dict[str, Any]:
    return {"name": change.name, "kind": change.kind, "before": change.before, "after": change.after}


def _of_log(line: ShownLog) -> dict[str, Any]:
    return {
        "at": rfc3339(line.at_us),
        "step": line.step,
        "attempt": line.attempt,
        "level": line.level,
        "message": line.message,
    }
