"""What a value is made of: the one place that knows how dataclasses, structs, models and tuples hold their fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import msgspec

from cerebelum.adapters.codecs.paths import Path, Segment

_ABSENT = object()


def is_pydantic(kind: Any) -> bool:
    """Whether a class is a pydantic model. Never imports pydantic: a model's own class brings what is needed."""
    return isinstance(kind, type) and hasattr(kind, "__pydantic_serializer__") and hasattr(kind, "model_validate_json")


def is_named_tuple(kind: Any) -> bool:
    """Whether a class is a NamedTuple."""
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def fields_of(value: Any) -> list[tuple[str, Any]] | None:
    """Return (name, value) of each field of an object with declared fields, None for any other value."""
    kind = type(value)
    if isinstance(value, msgspec.Struct):
        return [(name, getattr(value, name)) for name in kind.__struct_fields__]
    if is_pydantic(kind):
        private = getattr(value, "__pydantic_private__", None) or {}
        extra = getattr(value, "__pydantic_extra__", None) or {}
        return [*value.__dict__.items(), *extra.items(), *private.items()]
    if dataclasses.is_dataclass(kind):
        return _present(value, [field.name for field in dataclasses.fields(kind)])
    if hasattr(kind, "__attrs_attrs__"):
        return _present(value, [attribute.name for attribute in kind.__attrs_attrs__])
    return None


def parts_of(value: Any) -> Iterator[tuple[Segment, Any]] | None:
    """Return the places and values directly inside a container or object, None for a leaf. Keys are not parts."""
    if isinstance(value, dict):
        return ((key if isinstance(key, str) else repr(key), part) for key, part in value.items())
    if is_named_tuple(type(value)):
        return iter(zip(value._fields, value, strict=True))
    if isinstance(value, (list, tuple)):
        return iter(enumerate(value))
    if isinstance(value, (set, frozenset)):
        return ((..., part) for part in value)
    fields = fields_of(value)
    return None if fields is None else iter(fields)


def part_at(value: Any, path: Path) -> Any:
    """Return the part of `value` at `path`, or the innermost part around it that can be reached."""
    for segment in path:
        for name, part in parts_of(value) or ():
            if name == segment:
                value = part
                break
        else:
            return value
    return value


def _present(value: Any, names: list[str]) -> list[tuple[str, Any]]:
    found = ((name, getattr(value, name, _ABSENT)) for name in names)
    return [(name, part) for name, part in found if part is not _ABSENT]
