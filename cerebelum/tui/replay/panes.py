"""What stands beside the events, as lines: locals, context, payload, logs, watches. Each is made of one event's frame."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePath

import msgspec
from msgspec import Struct

from cerebelum.engine.domain.words import clock, duration
from cerebelum.engine.runtime.frames import Frame, StackEntry
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.engine.runtime.rendering import Change, mask_json
from cerebelum.tui.lines import Line, Piece
from cerebelum.tui.marks import of_status
from cerebelum.tui.replay.past import Past, on_disk
from cerebelum.tui.themes import Ink

PAYLOAD_CHARS = 65_536  # shown; the whole is one command away
_CHANGES_EACH_WAY = 100  # of a watch, shown before and after where one stands
_MARKS: dict[str, tuple[str, Ink]] = {"added": ("+", "good"), "changed": ("~", "changed"), "removed": ("-", "bad")}


class Value(Struct, frozen=True):
    """A line with a value that can be copied, and followed to where it changed; name "": it is neither."""

    line: Line
    name: str = ""
    text: str = ""


def local_values(frame: Frame | None) -> list[Value]:
    """Return the locals of every task, the innermost function first, with what changed."""
    values: list[Value] = []
    if frame is None:
        return values
    for task in frame.tasks:
        for entry in reversed(task.stack):
            if len(frame.tasks) > 1 or len(task.stack) > 1:
                of_task = f"  task {task.task}" if len(frame.tasks) > 1 else ""
                place = f"{PurePath(on_disk(entry.file)).name}:{entry.line}{of_task}"
                values.append(Value([Piece(f"{entry.function}  ", "accent"), Piece(place, "dim")]))
            values += _entry(entry)
    hidden = frame.task_count - len(frame.tasks)
    if hidden > 0:
        values.append(Value([Piece(f"… and {hidden:,} more tasks", "dim")]))
    return values


def _entry(entry: StackEntry) -> Iterator[Value]:
    changed = {change.name: change for change in entry.changed}
    for name, text in entry.locals.items():
        yield Value(_value(name, text, changed.get(name)), name, text)
    for change in entry.changed:
        if change.kind == "removed":
            yield Value([Piece("- ", "bad"), Piece(change.name, "dim")], change.name, change.before or "")


def _value(name: str, text: str, change: Change | None) -> Line:
    if change is None:
        return [Piece("  "), Piece(name, "busy"), Piece(f": {text}")]
    sign, ink = _MARKS[change.kind]
    before = f"{change.before} → " if change.kind == "changed" else ""
    return [Piece(f"{sign} ", ink), Piece(name, ink), Piece(": "), Piece(before, "dim"), Piece(text, "strong")]


def context_lines(past: Past, version: int) -> list[Line]:
    """Return status, times, what is open, and what the branches of a flow share."""
    status = past.status(version)
    sign, ink = of_status(status)
    lines: list[Line] = [[Piece("status    ", "dim"), Piece(f"{sign} {status or '…'}", ink)]]
    frame, before = past.frame(version), past.frame(version - 1)
    if version:
        recorded = past.index.events[version - 1]
        lines.append([Piece("recorded  ", "dim"), Piece(clock(recorded.at_us))])
    if frame is None:
        return lines
    lines.append([Piece("workflow  ", "dim"), Piece(f"{clock(frame.now_us)}  its own time", "text")])
    lines.append([Piece("tasks     ", "dim"), Piece(str(frame.task_count))])
    for number, wait in enumerate(frame.open):
        until = "" if wait.due_us is None else f", until {clock(wait.due_us)}"
        lines.append(
            [Piece("open      " if number == 0 else " " * 10, "dim"), Piece(f"{wait.kind} {wait.name}".rstrip(), "wait"),
             Piece(f"  for {duration(max(0, frame.at_us - wait.since_us))}{until}  {wait.line}", "dim")]
        )  # fmt: skip
    if frame.open_count > len(frame.open):
        lines.append([Piece(f"          … and {frame.open_count - len(frame.open):,} more", "dim")])
    if frame.context is not None:
        was = before.context if before is not None else None
        is_new = was is not None and was != frame.context
        lines += [[], [Piece("~ " if is_new else "  ", "changed"), Piece("context", "busy")]]
        if is_new:
            lines += [[Piece(f"  {was}", "faint")], [Piece(f"→ {frame.context}", "strong")]]
        else:
            lines.append([Piece(f"  {frame.context}")])
    return lines


def payload_text(past: Past, version: int) -> str:
    """Return an event as indented JSON with secrets masked, its head where it is long."""
    if not 1 <= version <= len(past.index):
        return ""
    data = past.index.events[version - 1].data
    try:
        value = mask_json(msgspec.json.decode(data))
    except msgspec.DecodeError:  # sealed by hooks that are not here, or damaged
        return mask_text(data[:PAYLOAD_CHARS].decode("utf-8", errors="replace"))
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if len(text) <= PAYLOAD_CHARS:
        return text
    return (
        f"{text[:PAYLOAD_CHARS]}\n… {len(text) - PAYLOAD_CHARS:,} characters more: cerebelum events {past.execution_id}"
    )


def payload_lines(past: Past, version: int) -> list[Line]:
    """Return the same as lines, keys apart from values."""
    lines: list[Line] = []
    for text in payload_text(past, version).split("\n"):
        key, colon, rest = text.partition('": ')
        is_key = bool(colon) and key.lstrip().startswith('"')
        lines.append([Piece(f'{key}"', "busy"), Piece(f": {rest}")] if is_key else [Piece(text)])
    return lines


def watch_values(past: Past, version: int) -> list[Value]:
    """Return each watched expression: its value now, and every change of it over the whole past."""
    frame = past.frame(version)
    values: list[Value] = []
    for text in past.watches:
        now = None if frame is None else frame.watched.get(text)
        changed = {} if frame is None else {change.name: change for change in frame.watched_changed}
        line = _value(text, now, changed.get(text)) if now is not None else _absent(past, text, version)
        values.append(Value(line, text, now or ""))
        values += [Value(line) for line in _changes(past, text, version)]
    return values


def _absent(past: Past, text: str, version: int) -> Line:
    changes = past.watched(text)
    newest = changes.read(changes.position(version + 1) - 1, 1) if changes.position(version + 1) else []
    was = "not there yet" if version else "nothing has happened yet"
    if newest and newest[0][1].after is None:
        was = f"gone, it was {newest[0][1].before}"
    return [Piece("  "), Piece(text, "busy"), Piece(f": {was}", "dim")]


def _changes(past: Past, text: str, version: int) -> Sequence[Line]:
    changes = past.watched(text)
    first = max(0, changes.position(version) - _CHANGES_EACH_WAY)
    shown = changes.read(first, 2 * _CHANGES_EACH_WAY)
    lines: list[Line] = [[Piece(f"    … {first:,} before these", "dim")]] if first else []
    for at, change in shown:
        ink: Ink = "faint" if at > version else "text"
        lines.append(
            [Piece("  ▶ " if at == version else "    ", "accent"), Piece(f"event {at:>5}  ", "faint" if at > version else "dim"),
             Piece("gone" if change.after is None else change.after, ink)]
        )  # fmt: skip
    if (left := len(changes) - first - len(shown)) > 0:
        lines.append([Piece(f"    … {left:,} after these", "dim")])
    return lines


def pieces_of(text: str, ink: Ink = "dim") -> list[Line]:
    """Return text of our own as lines."""
    return [[Piece(line, ink)] for line in text.split("\n")]
