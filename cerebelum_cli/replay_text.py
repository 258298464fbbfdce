"""Frames of a replay as lines: one for each event, or a short block with all that is known there."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import PurePath

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.frames import Frame, StackEntry
from cerebelum.engine.runtime.rendering import Change
from cerebelum_cli.streams import out
from cerebelum_cli.words import rfc3339

_MARKS = {"added": "+", "changed": "~", "removed": "-"}
_CHARS = 160  # of one value in a line
_MOST_TASK_CHANGES = 10  # lines of a block

Sources = Mapping[str, str]


def print_frame(frame: Frame, start_us: int, *, plain: bool) -> None:
    """Print an event's line and, unless `plain`, the locals that it changed."""
    line = f"{frame.version:>5}  {frame.event:<22} {_after(frame, start_us):>10}  {place(frame):<22} {frame.summary}"
    out(safe(line.rstrip()))
    if not plain:
        for line in change_lines(frame):
            out(f"         {line}")


def print_state(frame: Frame, sources: Sources) -> None:
    """Print all that is known after an event: where each task stands, its locals, what is open."""
    out(f"\nafter event {frame.version}: {frame.status}, workflow time {rfc3339(frame.now_us)}")
    for line in (
        *stack_lines(frame, sources, with_locals=True),
        *context_lines(frame),
        *open_lines(frame),
        *log_lines(frame),
        *watch_lines(frame),
    ):
        out(f"  {line}")


def block(frame: Frame, total: int, start_us: int, sources: Sources) -> Iterator[str]:
    """Yield a short block for one event: what happened, where the code stands, what changed, what is open."""
    yield safe(f"event {frame.version} of {total}  {frame.event}  {frame.summary}".rstrip())
    code = f"  code @{frame.code[:4]}" if frame.code else ""
    yield f"  {frame.status}, {_after(frame, start_us)} after the start{code}"
    if frame.tasks and frame.tasks[0].stack:
        entry = frame.tasks[0].stack[-1]
        yield safe(f"  at {where(entry)}")
        source = source_line(entry.file, entry.line, sources)
        if source:
            yield safe(f"    > {entry.line} | {source.rstrip()}")
    if len(frame.tasks) > 1:
        yield f"  {frame.task_count} tasks; s shows all"
    for line in (
        *change_lines(frame),
        *task_change_lines(frame),
        *open_lines(frame),
        *log_lines(frame),
        *watch_lines(frame),
    ):
        yield f"  {line}"


def stack_lines(frame: Frame, sources: Sources, *, with_locals: bool) -> Iterator[str]:
    """Yield where each task stands, outermost function first."""
    for task in frame.tasks:
        yield safe(f"task {task.task}")
        for entry in task.stack:
            yield safe(f"  {where(entry)}")
            source = source_line(entry.file, entry.line, sources)
            if source:
                yield safe(f"    > {entry.line} | {source.rstrip()}")
            if with_locals:
                for local, value in entry.locals.items():
                    yield safe(f"      {local} = {value}")
    if frame.task_count > len(frame.tasks):
        yield f"… and {frame.task_count - len(frame.tasks)} more tasks"


def local_lines(frame: Frame) -> Iterator[str]:
    """Yield the locals of each task, innermost function first, and the context."""
    for task in frame.tasks:
        for entry in reversed(task.stack):
            yield safe(f"{task.task}: {where(entry)}")
            for local, value in entry.locals.items():
                yield safe(f"  {local} = {value}")
            if not entry.locals:
                yield "  no locals"
    yield from context_lines(frame)


def context_lines(frame: Frame) -> Iterator[str]:
    """Yield what the branches of a flow share."""
    for key, value in frame.context_values.items():
        yield safe(f"context {key} = {value}")


def open_lines(frame: Frame) -> Iterator[str]:
    """Yield what the execution waits for."""
    for wait in frame.open:
        yield safe(f"open  {wait.kind} {wait.name}  {wait.line}".rstrip())
    if frame.open_count > len(frame.open):
        yield f"… and {frame.open_count - len(frame.open)} more open"


def log_lines(frame: Frame) -> Iterator[str]:
    """Yield the captured lines that are new at this event."""
    if frame.log_new > len(frame.logs):
        yield f"log   … {frame.log_new - len(frame.logs)} lines before these"
    for line in frame.logs:
        yield safe(f"log   {line.step} {line.level}: {_cut(line.message)}")


def watch_lines(frame: Frame) -> Iterator[str]:
    """Yield the watches with their values, or why they have none."""
    for text, value in frame.watched.items():
        yield safe(f"watch {text} = {value}")
    for text, reason in frame.watch_errors.items():
        yield safe(f"watch {text}: {reason}")


def change_lines(frame: Frame) -> Iterator[str]:
    """Yield what changed against the event before: locals of the main task, the context, watches."""
    for change in frame.changed:
        yield safe(_change(change))
    for change in frame.context_changed:
        yield safe(f"{_change(change)}  (context)")
    for change in frame.watched_changed:
        yield safe(f"{_change(change)}  (watch)")


def task_change_lines(frame: Frame) -> Iterator[str]:
    """Yield what changed in the locals of the other tasks."""
    found = [
        f"{_change(change)}  (task {task.task})"
        for task in frame.tasks[1:]
        for entry in task.stack
        for change in entry.changed
    ]
    yield from map(safe, found[:_MOST_TASK_CHANGES])
    if len(found) > _MOST_TASK_CHANGES:
        yield f"… and {len(found) - _MOST_TASK_CHANGES} more changes in other tasks"


def source_line(file: str, number: int, sources: Sources) -> str:
    """Return the line that ran: from the kept sources, else from disk; "" where there is none.

    `file` may be a bare name, as messages have it.
    """
    text = sources.get(file)
    if text is None and "/" not in file:
        text = next((text for known, text in sources.items() if PurePath(known).name == file), None)
    if text is None:
        return linecache.getline(file, number).rstrip("\n")
    lines = _lines_of(text)
    return lines[number - 1] if 0 < number <= len(lines) else ""


@lru_cache(maxsize=64)
def _lines_of(text: str) -> list[str]:
    return text.splitlines()


def place(frame: Frame) -> str:
    """Return where the main task stands, in few words."""
    if not frame.tasks or not frame.tasks[0].stack:
        return ""
    entry = frame.tasks[0].stack[-1]
    return f"{PurePath(entry.file).name}:{entry.line}"


def where(entry: StackEntry) -> str:
    """Return "flow.py:18 in order"."""
    return f"{PurePath(entry.file).name}:{entry.line} in {entry.function}"


def safe(text: str) -> str:
    """Return `text` as one line that cannot act on a terminal."""
    return visible(text, keep_newlines=False)


def _after(frame: Frame, start_us: int) -> str:
    return f"{(frame.at_us - start_us) / 1_000_000:.3f}s"


def _change(change: Change) -> str:
    mark = _MARKS[change.kind]
    if change.kind == "changed":
        return f"{mark} {change.name}: {_cut(change.before)} → {_cut(change.after)}"
    return f"{mark} {change.name}: {_cut(change.after)}" if change.kind == "added" else f"{mark} {change.name}"


def _cut(value: str | None) -> str:
    text = value or ""
    return text if len(text) <= _CHARS else f"{text[:_CHARS]}…"
