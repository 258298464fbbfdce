"""Samples of every event that was ever released: tests/golden/events.jsonl.

`python -m tests.golden_events` adds samples of new types and of new fields. A line that is there stays as it is, for
ever: stores hold such bytes. `means` is what the sample must be read as; what is not in its `data` is a default.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct, structs

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.form import Field, Form

FILE = Path(__file__).parent / "golden" / "events.jsonl"
_PAYLOAD = Raw('{"order":{"total":12.5,"note":"größer → \\"42\\""},"tags":[1,null,true]}'.encode())
_INSTANT_US = 1_700_000_000_123_456
_SPECIAL: dict[tuple[type, str], Any] = {  # where a made-up value could not be stored
    (Field, "type"): "select",
    (Form, "type"): "single_choice",
    (Form, "decides"): "schema",
    (ev.TimerStarted, "kind"): "timeout",
    (ev.ErrorInfo, "type"): "shop.payments:CardDeclined",
    (ev.ErrorInfo, "args"): Raw(b'["declined",3]'),
    (ev.ContextChanged, "patch"): Raw(b'[["put","total",12.5],["append","notes","paid"]]'),
    (ev.StepCompleted, "patch"): Raw(b'[["put","total",12.5]]'),
}


class Sample(Struct, frozen=True):
    """One stored event: its type, its bytes, and all fields that it must be read as having."""

    type: str
    data: Raw
    means: dict[str, Any]

    @property
    def fields(self) -> frozenset[str]:
        """The fields that were stored."""
        return frozenset(msgspec.json.decode(self.data, type=dict[str, Any]))


def samples() -> list[Sample]:
    """Return all samples, in the order in which they were added."""
    lines = FILE.read_bytes().splitlines() if FILE.exists() else []
    return [msgspec.json.decode(line, type=Sample) for line in lines]


def sample_of(event: ev.Event) -> Sample:
    """Return the sample that an event makes."""
    return Sample(event.type, Raw(ev.encode_event(event)), meaning(event))


def meaning(event: Struct) -> dict[str, Any]:
    """Return all fields of an event, payloads as text, as JSON holds them."""
    plain: dict[str, Any] = msgspec.to_builtins({name: _plain(value) for name, value in structs.asdict(event).items()})
    return plain


def minimal(kind: type[ev.Event]) -> ev.Event:
    """Return an event with the fields that it must have."""
    return kind(**{field.name: _value(kind, field) for field in structs.fields(kind) if field.required})


def full(kind: type[ev.Event]) -> ev.Event:
    """Return an event with a value other than the default in every field."""
    return kind(**{field.name: _value(kind, field) for field in structs.fields(kind)})


def _plain(value: Any) -> Any:
    if isinstance(value, Raw):
        return bytes(value).decode()
    if isinstance(value, Struct):
        return meaning(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


def _value(kind: type, field: structs.FieldInfo) -> Any:
    special = _SPECIAL.get((kind, field.name))
    return _of_type(field.type, field.name) if special is None else special


def _of_type(hint: Any, name: str) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(each for each in typing.get_args(hint) if each is not type(None))
    if typing.get_origin(hint) is tuple:
        return (_of_type(typing.get_args(hint)[0], name),)
    if typing.get_origin(hint) is dict or hint is dict:
        return {f"a {name}": True}
    if hint is bool:
        return True
    if hint is int:
        return _INSTANT_US if name.endswith("_us") else 7
    if hint is float:
        return 2.5
    if hint is Raw:
        return _PAYLOAD
    if isinstance(hint, type) and issubclass(hint, Struct):
        return hint(**{field.name: _value(hint, field) for field in structs.fields(hint)})
    return f"the {name}: “ü”\n"


def missing(known: Sequence[Sample]) -> list[Sample]:
    """Return the samples that `known` lacks: of each type one with all fields, and one with those it must have."""
    there = {(sample.type, sample.fields) for sample in known}
    added: list[Sample] = []
    for kind in ev.EVENT_TYPES.values():
        for sample in (sample_of(minimal(kind)), sample_of(full(kind))):
            if (sample.type, sample.fields) not in there:
                there.add((sample.type, sample.fields))
                added.append(sample)
    return added


def main() -> None:
    """Add what is missing to the file."""
    with FILE.open("ab") as file:
        for sample in missing(samples()):
            file.write(msgspec.json.encode(sample) + b"\n")
            print(f"added: {sample.type} {bytes(sample.data).decode()}")  # noqa: T201 - it is a command


if __name__ == "__main__":
    main()
