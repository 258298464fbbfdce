"""Frames of a replay as lines and as JSON."""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.frames import Frame, StackEntry
from cerebelum.engine.runtime.rendering import Change
from cerebelum_cli.streams import out
from cerebelum_cli.words import rfc3339

_MARKS = {"added": "+", "changed": "~", "removed": "-"}
_CHARS = 160  # of one value in a line


def print_frame(frame: Frame, start_us: int, *, plain: bool) -> None:
    """Print an event's line and, unless `plain`, the locals that it changed."""
    after = f"{(frame.at_us - start_us) / 1_000_000:.3f}s"
    line = f"{frame.version:>5}  {frame.event:<22} {after:>10}  {_place(frame):<22} {frame.summary}"
    out(_safe(line.rstrip()))
    if not plain:
        for change in (*frame.changed, *frame.watched_changed):
            out(_safe(f"         {_change(change)}"))


def print_state(frame: Frame, sources: Mapping[str, str]) -> None:
    """Print all that is known after an event: where each task stands, its locals, what is open."""
    out(f"\nafter event {frame.version}: {frame.status}, workflow time {rfc3339(frame.now_us)}")
    for task in frame.tasks:
        out(_safe(f"  task {task.task}"))
        for entry in task.stack:
            name = PurePath(entry.file).name
            out(_safe(f"    {name}:{entry.line} in {entry.function}"))
            source = source_line(entry.file, entry.line, sources)
            if source:
                out(_safe(f"      > {entry.line} | {source.rstrip()}"))
            for local, value in entry.locals.items():
                out(_safe(f"        {local} = {value}"))
    for wait in frame.open:
        out(_safe(f"  open  {wait.kind} {wait.name}  {wait.line}".rstrip()))
    for text, value in frame.watched.items():
        out(_safe(f"  watch {text} = {value}"))


def of_frame(execution_id: str, frame: Frame) -> dict[str, Any]:
    """Return a frame as JSON."""
    return {
        "schema": "cerebelum.frame/1",
        "execution_id": execution_id,
        "version": frame.version,
        "event": frame.event,
        "summary": frame.summary,
        "status": frame.status,
        "at": rfc3339(frame.at_us),
        "workflow_time": rfc3339(frame.now_us),
        "tasks": [{"task": task.task, "stack": [_of_entry(entry) for entry in task.stack]} for task in frame.tasks],
        "changed": [_of_change(change) for change in frame.changed],
        "open": [
            {"number": wait.number, "kind": wait.kind, "name": wait.name, "line": wait.line} for wait in frame.open
        ],
        "watched": frame.watched,
        **({} if frame.context is None else {"context": frame.context}),
    }


def source_line(file: str, number: int, sources: Mapping[str, str]) -> str:
    """Return the line that ran: from the kept sources, else from disk; "" where there is none.

    `file` may be a bare name, as messages have it.
    """
    for known, text in sources.items():
        if known == file or PurePath(known).name == file:
            lines = text.splitlines()
            return lines[number - 1] if 0 < number <= len(lines) else ""
    return linecache.getline(file, number).rstrip("\n")


def _place(frame: Frame) -> str:
    if not frame.tasks or not frame.tasks[0].stack:
        return ""
    entry = frame.tasks[0].stack[-1]
    return f"{PurePath(entry.file).name}:{entry.line}"


def _of_entry(entry: StackEntry) -> dict[str, Any]:
    return {"file": entry.file, "line": entry.line, "function": entry.function, "locals": entry.locals}


def _of_change(change: Change) -> dict[str, Any]:
    return {"name": change.name, "kind": change.kind, "before": change.before, "after": change.after}


def _change(change: Change) -> str:
    mark = _MARKS[change.kind]
    if change.kind == "changed":
        return f"{mark} {change.name}: {_cut(change.before)} → {_cut(change.after)}"
    return f"{mark} {change.name}: {_cut(change.after)}" if change.kind == "added" else f"{mark} {change.name}"


def _cut(value: str | None) -> str:
    text = value or ""
    return text if len(text) <= _CHARS else f"{text[:_CHARS]}…"


def _safe(text: str) -> str:
    return visible(text, keep_newlines=False)
