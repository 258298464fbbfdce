"""The fields that an object shows of itself, read without running its code: no property, no `__getattr__`."""

from __future__ import annotations

from collections.abc import Iterator
from types import MemberDescriptorType, SimpleNamespace
from typing import Any

from msgspec import Struct

Fields = Iterator[tuple[str, Any]]


def fields_of(value: Any, kind: type) -> Fields | None:
    """Return (name, value) pairs of a dataclass, struct, attrs or pydantic object, named tuple, namespace or plain object.

    None for a class with a `__repr__` of its own, and for one that keeps its state elsewhere. Fields that their class
    leaves out of its repr (`repr=False`) are left out here too.
    """
    names = _declared(kind)
    if names is not None:
        return _stored(value, kind, names)
    if issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple):
        return zip(kind._fields, tuple.__iter__(value), strict=False)  # type: ignore[attr-defined]
    if issubclass(kind, SimpleNamespace) or kind.__repr__ is object.__repr__:
        own = _dict_of(value)
        names = [*(own or ()), *_slots(kind)]
        return _stored(value, kind, names) if names or own is not None else None
    return None


def _declared(kind: type) -> list[str] | None:
    if issubclass(kind, Struct):
        return list(kind.__struct_fields__)
    for attribute in ("__dataclass_fields__", "__pydantic_fields__"):
        declared = getattr(kind, attribute, None)
        if isinstance(declared, dict):
            return [name for name, field in declared.items() if getattr(field, "repr", True)]
    attrs = getattr(kind, "__attrs_attrs__", None)
    return None if attrs is None else [field.name for field in attrs if field.repr]


def _stored(value: Any, kind: type, names: list[str]) -> Fields:
    own = _dict_of(value) or {}
    for name in names:
        if name in own:
            yield name, own[name]
            continue
        slot = next((base.__dict__[name] for base in kind.__mro__ if name in base.__dict__), None)
        if isinstance(slot, MemberDescriptorType):
            try:
                yield name, slot.__get__(value, kind)
            except AttributeError:  # declared, not set yet
                continue


def _dict_of(value: Any) -> dict[str, Any] | None:
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
    return own if type(own) is dict else None


def _slots(kind: type) -> list[str]:
    members = [
        n for base in reversed(kind.__mro__) for n, s in base.__dict__.items() if type(s) is MemberDescriptorType
    ]
    return [name for name in members if not name.startswith("__")]
