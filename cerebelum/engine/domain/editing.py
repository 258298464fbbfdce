"""Edits of a copied history: which event each one means, and what its payload becomes.

A target is `charge.total`: the result of the newest completed call of step `charge`. `charge#2` is its second call.
`input.amount`, `context.total`, `signal:approval.by` and `answer:sign_off.ok` are the input, the context of a flow, the
payload of a signal, a person's answer; `step:input` is a step that has such a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Raw, Struct

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.context import Op
from cerebelum.engine.domain.errors_fork import EditRefused
from cerebelum.engine.domain.json_paths import NoSuchPlace, Path, parse_path, replaced
from cerebelum.engine.domain.projection import reconstruct

Change = Callable[[bytes], bytes]  # a payload as it is stored, in clear; or the other way round
_KIND = re.compile(r"(step|signal|answer):")
_COUNT = re.compile(r"#(\d+)")


class Edit(Struct, frozen=True):
    """What to change, and the JSON text that it becomes."""

    target: str
    value: bytes


class Place(Struct, frozen=True):
    """Where an edit leads: a payload of one event."""

    version: int
    field: str
    path: Path
    what: str  # "charge.total"


class Edited(Struct, frozen=True):
    """An edit as it was made, for people; payloads in clear."""

    what: str
    version: int
    before: bytes
    after: bytes


class Call(Struct, frozen=True):
    """One call of a step in a history: from `step_scheduled` to `step_completed`, if it came to that."""

    name: str
    place: str
    number: int
    version: int
    completed: int = 0  # version; 0: it did not
    failed: int = 0  # version of the failure that no attempt followed; 0: there is none

    @property
    def ended(self) -> int:
        """The version of the event that ended it; 0: none did."""
        return self.completed or self.failed


def calls_of(history: Sequence[ev.RecordedEvent]) -> list[Call]:
    """Return the calls of steps, in the order in which they were scheduled."""
    found: dict[int, Call] = {}
    for recorded in history:
        if recorded.type == "step_scheduled":
            event = recorded.event()
            assert isinstance(event, ev.StepScheduled)
            found[event.number] = Call(event.name, event.place, event.number, recorded.version)
        elif recorded.type == "step_completed":
            done = recorded.event()
            assert isinstance(done, ev.StepCompleted)
            if done.number in found:
                found[done.number] = msgspec.structs.replace(found[done.number], completed=recorded.version)
        elif recorded.type == "step_failed":
            lost = recorded.event()
            assert isinstance(lost, ev.StepFailedEvent)
            if lost.number in found and lost.retry_at_us is None:
                found[lost.number] = msgspec.structs.replace(found[lost.number], failed=recorded.version)
    return list(found.values())


def place_of(target: str, history: Sequence[ev.RecordedEvent]) -> Place:
    """Return what `target` means in `history`, the part that is to be copied.

    Raises:
        EditRefused: nothing in it is meant.
    """
    kind = _KIND.match(target)
    if kind is None:
        first = re.split(r"[.\[]", target, maxsplit=1)[0]
        if first == "input":
            return Place(1, "input", _path(target, target.removeprefix("input")), target)
        if first == "context":
            return _context_place(target, history)
    name_text = target[kind.end() :] if kind is not None else target
    if kind is not None and kind[1] != "step":
        return _message_place(target, kind[1], name_text, history)
    calls = calls_of(history)
    name, count, rest = _split(target, name_text, {call.name for call in calls} | {call.place for call in calls} - {""})
    fitting = [call for call in calls if name in (call.name, call.place)]
    path = _path(target, rest)
    done = fitting[count - 1 : count] if count else _newest(fitting, whole=not path)
    if not done or not done[0].ended:
        which = f"call {count} of it" if count else "no call of it"
        raise _refused(
            target, f"{which} has {'not ' if count else ''}completed by the fork point", "fork behind its end: --at N"
        )
    if not done[0].completed and path:
        raise _refused(
            target, f"the step failed (event {done[0].failed}), so there is no result to change a part of",
            f"give it a whole result: --patch '{name}=JSON'",
        )  # fmt: skip
    return Place(done[0].ended, "result", path, target)


def _newest(calls: Sequence[Call], *, whole: bool) -> list[Call]:
    """Return the newest call whose result can be changed: a part of one that completed, `whole` also that of a failed one."""
    return [call for call in calls if call.completed or (whole and call.failed)][-1:]


def _split(target: str, text: str, known: set[str]) -> tuple[str, int, str]:
    """Return the longest known name that `text` begins with, which of several (0: the newest), and the rest."""
    for name in sorted(known, key=len, reverse=True):
        rest = text.removeprefix(name)
        if text.startswith(name) and (not rest or rest[0] in ".[#"):
            count = _COUNT.match(rest)
            return name, int(count[1]) if count else 0, rest[count.end() :] if count else rest
    named = ", ".join(sorted(known)) or "none"
    raise _refused(
        target, f"nothing of that name is in the copied events, which have: {named}", "--patch NAME.path=JSON"
    )


def _message_place(target: str, kind: str, text: str, history: Sequence[ev.RecordedEvent]) -> Place:
    asked: dict[int, str] = {}
    found: list[tuple[str, int]] = []
    for recorded in history:
        match recorded.event():
            case ev.SignalReceived(name=name) if kind == "signal":
                found.append((name, recorded.version))
            case ev.InputRequested(number=number, name=name):
                asked[number] = name
            case ev.InputReceived(number=number) if kind == "answer":
                found.append((asked.get(number, ""), recorded.version))
            case _:
                pass
    name, count, rest = _split(target, text, {each for each, _ in found})
    versions = [version for each, version in found if each == name]
    if count > len(versions) or not versions:
        raise _refused(
            target, f"there are {len(versions)} by the fork point", f"--patch {kind}:{name}#{len(versions)}…"
        )
    field = "payload" if kind == "signal" else "answer"
    return Place(versions[count - 1], field, _path(target, rest), target)


def _context_place(target: str, history: Sequence[ev.RecordedEvent]) -> Place:
    path = _path(target, target.removeprefix("context"))
    if not path or not isinstance(path[0], str):
        raise _refused(target, "say which key of the context", "--patch context.total=12.5")
    calls = [call for call in calls_of(history) if call.place and call.completed]
    if not calls:
        raise _refused(
            target, "no step of a flow has completed by the fork point", "change the input: --patch input.NAME=JSON"
        )
    return Place(max(call.completed for call in calls), "patch", path, target)


def _path(target: str, text: str) -> Path:
    try:
        return parse_path(text)
    except NoSuchPlace as error:
        raise _refused(target, str(error), "--patch 'charge.items[0].price=12.5'") from None


def edit(
    history: Sequence[ev.RecordedEvent], edits: Sequence[Edit], places: Sequence[Place], *, clear: Change, seal: Change
) -> tuple[dict[int, dict[str, Raw]], list[Edited]]:
    """Return the payloads that change, by version and field, and what was changed.

    Args:
        history: what is to be copied; the versions of `places` are in it.
        clear: undoes the payload transforms. `seal`: applies them.

    Raises:
        EditRefused: a path leads nowhere, or a value is not JSON.
    """
    changed: dict[int, dict[str, Raw]] = {}
    made: list[Edited] = []
    for one, place in zip(edits, places, strict=True):
        _check_json(one)
        event = history[place.version - 1].event()
        if isinstance(event, ev.StepFailedEvent):  # it becomes the end of a step that completed
            changed.setdefault(place.version, {})[place.field] = Raw(seal(one.value))
            made.append(Edited(place.what, place.version, b"", one.value))
            continue
        stored = changed.get(place.version, {}).get(place.field, getattr(event, place.field))
        before = clear(bytes(stored)) if bytes(stored) else b"[]"
        if place.field == "patch":
            after, shown = _with_put(history, place, one, before, clear)
        else:
            after, shown = _replaced(one, place, before), one.value
        changed.setdefault(place.version, {})[place.field] = Raw(seal(after))
        made.append(Edited(place.what, place.version, _looked_up(before, place), shown))
    return changed, made


def _check_json(one: Edit) -> None:
    try:
        msgspec.json.decode(one.value)
    except msgspec.DecodeError as error:
        text = one.value.decode("utf-8", "replace")
        raise _refused(
            one.target, f"{text!r} is not JSON: {error}", f"""text is quoted: --patch '{one.target}="{text}"'"""
        ) from None


def _replaced(one: Edit, place: Place, before: bytes) -> bytes:
    try:
        return replaced(before, place.path, one.value, may_add=place.field == "input")
    except NoSuchPlace as error:
        raise _refused(
            one.target, str(error), f"see the event: {place.field} of event {place.version} (cerebelum events ID)"
        ) from None


def _with_put(
    history: Sequence[ev.RecordedEvent], place: Place, one: Edit, before: bytes, clear: Change
) -> tuple[bytes, bytes]:
    """Return the step's writes with one more: the key as it stands by then, changed."""
    key = str(place.path[0])
    context = reconstruct("", history[: place.version]).context_unsealed(clear).as_dict()
    if len(place.path) > 1 and key not in context:
        raise _refused(
            one.target, f"the context has no {key!r}: its keys are {', '.join(context) or 'none'}", "name another"
        )
    value = one.value
    if len(place.path) > 1:
        value = _replaced(one, Place(place.version, "context", place.path[1:], ""), msgspec.json.encode(context[key]))
    ops = [*msgspec.json.decode(before, type=list[Op]), Op("put", key, msgspec.json.decode(value))]
    return msgspec.json.encode(ops), one.value


def _looked_up(data: bytes, place: Place) -> bytes:
    """Return what stood there; b"" for what did not stand there, or only among other writes."""
    if place.field == "patch":
        return b""
    try:
        for part in place.path:
            if isinstance(part, int):
                data = bytes(msgspec.json.decode(data, type=list[Raw])[part])
            else:
                data = bytes(msgspec.json.decode(data, type=dict[str, Raw])[part])
    except (KeyError, IndexError, msgspec.DecodeError):
        return b""
    return data


def shown_edit(edited: Edited) -> str:
    """Return how the first event of the fork names an edit: without its value, which may be a secret."""
    return f"{edited.what} (event {edited.version})"


def _refused(target: str, why: str, help_: str) -> EditRefused:
    return EditRefused(target, why, help_=help_)
