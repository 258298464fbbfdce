"""What an editor can open: values as they were captured, payloads as JSON, the state of the execution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.words import rfc3339
from cerebelum.engine.runtime.frames import Frame, StackEntry
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.engine.runtime.rendering import Change, mask_json
from cerebelum_cli.dap.messages import BadRequest, Message, Variables
from cerebelum_cli.dap.outline import parts_of

T = TypeVar("T")
MOST_AT_ONCE = 1_000  # variables of one answer; an editor that asks for pages gets all of them
_TEXT_CHARS = 500
_SIGNS = {"added": "+", "changed": "~", "removed": "-"}


class Shown(Struct, frozen=True):
    """A named value.

    Attributes:
        reach: an expression for it, "" where there is none.
        inside: yields what is in it; None: nothing is.
        indexed: how many of these are found by their place.
        named: how many are not.
    """

    name: str
    text: str
    reach: str = ""
    is_changed: bool = False
    inside: Callable[[], Iterator[Shown]] | None = None
    indexed: int = 0
    named: int = 0


class Handles:
    """Numbers that stand for what can be opened, until the walk goes on. A number is never used again."""

    def __init__(self) -> None:
        self._next = 1
        self._known: dict[int, Any] = {}

    def clear(self) -> None:
        """Forget all: the walk has gone on."""
        self._known.clear()

    def add(self, what: Any) -> int:
        """Return a number for `what`."""
        number, self._next = self._next, self._next + 1
        self._known[number] = what
        return number

    def get(self, number: int, kind: type[T]) -> T:
        """Return what a number stands for.

        Raises:
            BadRequest: nothing of this kind, or no more.
        """
        found = self._known.get(number)
        if not isinstance(found, kind):
            raise BadRequest(
                f"{number} stands for nothing at this event: the walk has gone on; ask for the stack again"
            )
        return found

    def variables(self, asked: Variables) -> list[Message]:
        """Return a page of what is inside."""
        whole = self.get(asked.variables_reference, Shown)
        entries = whole.inside() if whole.inside is not None else iter(())
        if asked.filter is not None and whole.indexed and whole.named:
            wants_indexed = asked.filter == "indexed"
            entries = (entry for entry in entries if entry.name.isdigit() == wants_indexed)
        elif (asked.filter == "indexed" and not whole.indexed) or (asked.filter == "named" and not whole.named):
            return []
        first = max(0, asked.start or 0)
        count = asked.count if asked.count and asked.count > 0 else MOST_AT_ONCE
        return [self.variable(entry) for entry in islice(entries, first, first + min(count, MOST_AT_ONCE))]

    def variable(self, shown: Shown) -> Message:
        """Return a value as the protocol's `Variable`."""
        found: Message = {"name": visible(shown.name, keep_newlines=False), **self.value("value", shown)}
        if shown.reach:
            found["evaluateName"] = shown.reach
        found["presentationHint"] = {"attributes": ["readOnly", *(["changed"] if shown.is_changed else [])]}
        return found

    def value(self, key: str, shown: Shown) -> Message:
        """Return a value's text under `key`, and what an editor needs to open it."""
        found: Message = {key: visible(shown.text, keep_newlines=False), "variablesReference": 0}
        if shown.inside is not None and (shown.indexed or shown.named):
            found["variablesReference"] = self.add(shown)
            found |= {"indexedVariables": shown.indexed, "namedVariables": shown.named}
        return found


def of_text(name: str, text: str, reach: str = "", *, is_changed: bool = False) -> Shown:
    """Return a rendered value; what is inside is read from its text."""
    parts = parts_of(text)
    indexed = sum(part.is_indexed for part in parts)

    def inside() -> Iterator[Shown]:
        for part in parts:
            yield of_text(part.name, part.text, f"{reach}{part.reach}" if reach and part.reach else "")

    return Shown(name, text, reach, is_changed, inside if parts else None, indexed, len(parts) - indexed)


def of_json(name: str, value: Any) -> Shown:
    """Return a decoded JSON value."""
    if isinstance(value, dict):
        pairs: Mapping[str, Any] = value
        return Shown(
            name, _short(value), inside=lambda: (of_json(key, each) for key, each in pairs.items()), named=len(value)
        )
    if isinstance(value, list):
        return Shown(
            name, _short(value), inside=lambda: (of_json(str(n), each) for n, each in enumerate(value)),
            indexed=len(value),
        )  # fmt: skip
    return Shown(name, _short(value))


def group(name: str, entries: list[Shown], text: str = "") -> Shown:
    """Return several values under one name."""
    return Shown(name, text or f"{len(entries)}", inside=lambda: iter(entries), named=len(entries))


def locals_of(entry: StackEntry) -> Shown:
    """Return the locals of a function."""
    changed = {change.name for change in entry.changed}
    return group(
        "Locals", [of_text(name, text, name, is_changed=name in changed) for name, text in entry.locals.items()]
    )


def changes_of(frame: Frame) -> Shown:
    """Return what changed against the event before, in all tasks, in the context, and of what is watched."""
    found = [
        _of_change(change, "" if task.number == 1 else f"  (task {task.task})")
        for task in frame.tasks
        for entry in task.stack
        for change in entry.changed
    ]
    found += [_of_change(change, "  (context)") for change in frame.context_changed]
    return group("Changed here", found)


def context_of(frame: Frame) -> Shown:
    """Return what the branches of a flow share."""
    changed = {change.name for change in frame.context_changed}
    entries = [of_text(key, text, key, is_changed=key in changed) for key, text in frame.context_values.items()]
    return group("Context", entries, frame.context or "")


def payload_of(recorded: RecordedEvent) -> Shown:
    """Return an event as it is stored, with secrets masked."""
    try:
        value = mask_json(msgspec.json.decode(recorded.data))
    except (msgspec.DecodeError, UnicodeDecodeError):  # sealed by hooks that are not here, or damaged
        value = {"data": mask_text(recorded.data[:_TEXT_CHARS].decode("utf-8", errors="replace"))}
    name = f"Event {recorded.version}: {recorded.type}"
    return msgspec.structs.replace(of_json(name, value), name=name)


def execution_of(frame: Frame, total: int, execution_id: str) -> Shown:
    """Return the state of the execution: status, times, code, what is open."""
    entries = [
        Shown("id", execution_id),
        Shown("status", frame.status),
        Shown("event", f"{frame.version} of {total}  {frame.event}  {frame.summary}".rstrip()),
        Shown("recorded", rfc3339(frame.at_us) or ""),
        Shown("workflow time", rfc3339(frame.now_us) or ""),
        Shown("code", f"@{frame.code[:8]}" if frame.code else "unknown"),
        Shown("tasks", str(frame.task_count)),
        group("open", _open_in(frame), f"{frame.open_count}"),
        Shown("log lines", str(frame.log_count)),
    ]
    return group("Execution", entries)


def _open_in(frame: Frame) -> list[Shown]:
    return [
        Shown(
            f"{wait.kind} {wait.name}".rstrip(),
            f"since {rfc3339(wait.since_us)}"
            + (f", until {rfc3339(wait.due_us)}" if wait.due_us is not None else "")
            + (f", asked on {wait.line}" if wait.line else ""),
        )
        for wait in frame.open
    ]


def _of_change(change: Change, where: str) -> Shown:
    text = {"added": change.after, "removed": f"{change.before} → gone"}.get(
        change.kind, f"{change.before} → {change.after}"
    )
    return Shown(f"{_SIGNS[change.kind]} {change.name}", f"{text}{where}")


def _short(value: Any) -> str:
    """Return JSON, cut; of a large collection only its size, since its text would be made to be thrown away."""
    if isinstance(value, dict | list) and len(value) > 100:
        return f"{{{len(value):,} keys}}" if isinstance(value, dict) else f"[{len(value):,} items]"
    if isinstance(value, dict | list) and any(isinstance(each, dict | list) for each in _values(value)):
        keys = ", ".join(map(str, islice(value, 10))) + (" …" if len(value) > 10 else "")
        return f"{{{keys}}}" if isinstance(value, dict) else f"[{len(value):,} items]"
    text = msgspec.json.encode(value).decode() if not isinstance(value, str) else repr(value)
    return text if len(text) <= _TEXT_CHARS else f"{text[:_TEXT_CHARS]}…"


def _values(value: Any) -> Iterator[Any]:
    return iter(value.values() if isinstance(value, dict) else value)
