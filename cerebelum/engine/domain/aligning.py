"""Two histories side by side: which event of one is which of the other, and where they first differ.

Events are paired by what they are about, never by when they came: a command by its number, an answer by the command that
it answers and its attempt, others by how many of their type came before. What differs by nature is passed over: instants,
lines, ids of children, and where an execution came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.json_paths import path_text

Kind = Literal["same", "changed", "only_first", "only_second"]
_Key = tuple[str, str, int]
_PASSED_OVER: dict[str, frozenset[str]] = {
    "execution_started": frozenset({"forked_from", "forked_at", "fork", "parent", "parent_number", "code", "deferred"}),
    "child_started": frozenset({"execution_id"}),
    "child_cancelled": frozenset({"execution_id"}),
    "continued_as_new": frozenset({"execution_id"}),
    "step_started": frozenset({"node"}),
}
_ALWAYS = frozenset({"line", "started_us", "due_us", "retry_at_us", "traceback", "now_us", "origin_us"})
_MOST_CHANGES = 50  # of one event
_ABSENT = Raw(b"")


class ValueChange(Struct, frozen=True):
    """One place in an event where the two differ; b"" where one has nothing there."""

    path: str  # "result.items[0].price"
    before: Raw
    after: Raw


class Pair(Struct, frozen=True):
    """An event of either history, or the two that belong together."""

    kind: Kind
    first: ev.RecordedEvent | None
    second: ev.RecordedEvent | None
    changes: tuple[ValueChange, ...] = ()

    @property
    def type(self) -> str:
        """The events' type."""
        recorded = self.first or self.second
        return "" if recorded is None else recorded.type


def align(first: Sequence[ev.RecordedEvent], second: Sequence[ev.RecordedEvent]) -> list[Pair]:
    """Return the events of both in the order of `first`, those that only `second` has where they came there."""
    keys, others = _keys(first), _keys(second)
    places = {key: place for place, key in enumerate(others)}
    known = set(keys)
    found: list[Pair] = []
    taken = [False] * len(second)
    at = 0
    for key, recorded in zip(keys, first, strict=True):
        while at < len(second) and (taken[at] or others[at] not in known):
            if not taken[at]:
                found.append(Pair("only_second", None, second[at]))
            at += 1
        place = places.get(key)
        if place is None:
            found.append(Pair("only_first", recorded, None))
            continue
        taken[place] = True
        changes = tuple(differences(recorded, second[place]))
        found.append(Pair("changed" if changes else "same", recorded, second[place], changes))
    found += [Pair("only_second", None, second[rest]) for rest in range(at, len(second)) if not taken[rest]]
    return found


def _keys(history: Sequence[ev.RecordedEvent]) -> list[_Key]:
    counts: Counter[tuple[str, str]] = Counter()
    keys: list[_Key] = []
    for recorded in history:
        about = _about(recorded)
        counts[recorded.type, about] += 1
        keys.append((recorded.type, about, counts[recorded.type, about]))
    return keys


def _about(recorded: ev.RecordedEvent) -> str:
    event = recorded.event()
    if isinstance(event, ev.SignalReceived | ev.UpdateAccepted):
        return event.name
    if isinstance(event, ev.Command) and recorded.type in ev.FINAL_TYPES:
        return ""  # there is one
    number, attempt = getattr(event, "number", ""), getattr(event, "attempt", "")
    return f"{number}/{attempt}" if number != "" else ""


def differences(first: ev.RecordedEvent, second: ev.RecordedEvent) -> list[ValueChange]:
    """Return where two events of one type differ, at most 50 places."""
    if first.data == second.data:
        return []
    passed_over = _ALWAYS | _PASSED_OVER.get(first.type, frozenset())
    before, after = _fields(first, passed_over), _fields(second, passed_over)
    found: list[ValueChange] = []
    for name in dict.fromkeys((*before, *after)):
        _compare((name,), before.get(name, _ABSENT), after.get(name, _ABSENT), found)
    return found


def _fields(recorded: ev.RecordedEvent, passed_over: frozenset[str]) -> dict[str, Raw]:
    fields = msgspec.json.decode(recorded.data, type=dict[str, Raw])
    if recorded.type in ev.FINAL_TYPES:  # what it ended with counts, not how many commands that took
        fields.pop("number", None)
    if "error" in fields:
        error = msgspec.json.decode(fields["error"], type=dict[str, Raw])
        error.pop("traceback", None)
        fields["error"] = Raw(msgspec.json.encode(error))
    return {name: value for name, value in fields.items() if name not in passed_over}


def _compare(path: tuple[str | int, ...], before: Raw, after: Raw, found: list[ValueChange]) -> None:
    if bytes(before) == bytes(after) or len(found) >= _MOST_CHANGES:
        return
    parts, others = _parts(before), _parts(after)
    if parts is None or others is None or type(parts) is not type(others):
        if not (before and after and _same(before, after)):
            found.append(ValueChange(path_text(path).removeprefix("."), before, after))
        return
    for key in dict.fromkeys((*parts, *others)):
        _compare((*path, key), parts.get(key, _ABSENT), others.get(key, _ABSENT), found)


def _same(before: Raw, after: Raw) -> bool:
    """Whether two texts hold one value: `5.0` and `5` do."""
    return bool(msgspec.json.decode(before) == msgspec.json.decode(after))


class _List(dict[str | int, Raw]):
    """The items of a list by place, told from those of an object."""


def _parts(value: Raw) -> dict[str | int, Raw] | None:
    text = bytes(value)
    if text[:1] == b"{":
        return dict(msgspec.json.decode(text, type=dict[str, Raw]))
    if text[:1] == b"[":
        return _List(enumerate(msgspec.json.decode(text, type=list[Raw])))
    return None


def changed_value(data: Raw) -> Any:
    """Return a side of a change as JSON data; None where there is nothing."""
    return msgspec.json.decode(bytes(data)) if bytes(data) else None
