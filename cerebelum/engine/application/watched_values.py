"""Reads values of a replay without running their code: no property, no `__getattr__`, no `__eq__`, no `__len__`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from types import MemberDescriptorType
from typing import Any, NoReturn
from uuid import UUID

MISSING: Any = object()
_MOST_PARTS = 10_000  # of one value that operators get, over all levels; and keys of a mapping that is looked into
_MOST_LEVELS = 30
_EXACT = frozenset(
    {type(None), bool, int, float, complex, str, bytes, Decimal, datetime, date, time, timedelta, UUID}
)  # of the standard library: their operators run no code of the user
_LENGTHS: tuple[tuple[type, Callable[[Any], int]], ...] = tuple(
    (kind, kind.__len__) for kind in (str, bytes, list, tuple, dict, set, frozenset, deque)
)


class NotData(Exception):
    """A value that operators cannot be given."""


class Opaque:
    """Stands for an object among plain data: it can be asked whether it is None, and nothing else."""

    __slots__ = ("_kind",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def _refuse(self, *_: Any) -> NoReturn:
        raise NotData(f"a value of type {self._kind.__name__} is not compared or computed with; name one of its fields")

    def __bool__(self) -> bool:
        # Only a class that says nothing of its truth can be asked without running its code
        if any("__bool__" in base.__dict__ or "__len__" in base.__dict__ for base in self._kind.__mro__):
            self._refuse()
        return True

    def __repr__(self) -> str:
        return f"<{self._kind.__name__}>"

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse


def attribute(value: Any, name: str) -> Any:
    """Return what `value` stores under `name`: a key, a field, a slot; `MISSING` where there is none."""
    kind = type(value)
    if issubclass(kind, dict):
        return _key(value, name)
    names = getattr(kind, "_fields", ())
    if issubclass(kind, tuple) and isinstance(names, tuple) and name in names:
        return tuple.__getitem__(value, names.index(name))
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        own = None
    if type(own) is dict and name in own:
        return own[name]
    stored = next((base.__dict__[name] for base in kind.__mro__ if name in base.__dict__), None)
    if isinstance(stored, MemberDescriptorType):
        try:
            return stored.__get__(value, kind)
        except AttributeError:  # declared, not set yet
            pass
    return MISSING


def item(value: Any, key: Any) -> Any:
    """Return `value[key]` of a mapping, list, tuple, deque or text; `MISSING` where there is none."""
    kind = type(value)
    if issubclass(kind, dict):
        return _key(value, key)
    if type(key) is not int:
        return MISSING
    try:
        for base in (list, tuple, str, deque):
            if issubclass(kind, base):
                return base.__getitem__(value, key)
    except IndexError:
        pass
    return MISSING


def length(value: Any) -> int | None:
    """Return the length of a text or a collection; None of anything else."""
    kind = type(value)
    return next((measure(value) for base, measure in _LENGTHS if issubclass(kind, base)), None)


def plain_data(value: Any) -> Any:
    """Return `value` as plain data that operators can be given; objects as `Opaque`.

    Raises:
        NotData: it has too many parts.
    """
    return _Copy().of(value, 0)


def _key(mapping: Any, key: Any) -> Any:
    """A lookup by hash may compare with keys whose class is the user's, so the keys are gone through."""
    kind = type(key)
    for count, (known, value) in enumerate(dict.items(mapping)):
        if count >= _MOST_PARTS:
            raise NotData(f"a mapping of more than {_MOST_PARTS:,} keys is not looked into")
        known_kind = type(known)
        same_kind = known_kind is kind or (issubclass(known_kind, str) and kind is str)
        if same_kind and kind in _EXACT and (str.__eq__(known, key) if kind is str else known == key):
            return value
    return MISSING


class _Copy:
    def __init__(self) -> None:
        self._left = _MOST_PARTS

    def of(self, value: Any, level: int) -> Any:
        kind = type(value)
        if kind in _EXACT:
            return value
        if issubclass(kind, str):
            return str.__getitem__(value, slice(None))
        if issubclass(kind, int):
            return int.__int__(value)
        if issubclass(kind, float):
            return float.__float__(value)
        if issubclass(kind, Enum):
            return self.of(attribute(value, "_value_"), level + 1)
        return self._collection(value, kind, level)

    def _collection(self, value: Any, kind: type, level: int) -> Any:
        if not issubclass(kind, list | tuple | dict | set | frozenset | deque):
            return Opaque(kind)
        size = length(value) or 0
        self._left -= size
        if self._left < 0 or level >= _MOST_LEVELS:
            raise NotData(f"a value with more than {_MOST_PARTS:,} parts is not compared or computed with")
        if issubclass(kind, dict):
            pairs = islice(dict.items(value), size)
            return {self._hashable(known): self.of(entry, level + 1) for known, entry in pairs}
        if issubclass(kind, set | frozenset):
            members = set.__iter__(value) if issubclass(kind, set) else frozenset.__iter__(value)
            return {self._hashable(entry) for entry in members}
        parts = list.__iter__(value) if issubclass(kind, list) else None
        if parts is None:
            parts = tuple.__iter__(value) if issubclass(kind, tuple) else deque.__iter__(value)
        copied = [self.of(entry, level + 1) for entry in parts]
        return tuple(copied) if issubclass(kind, tuple) else copied

    def _hashable(self, value: Any) -> Any:
        copied = self.of(value, _MOST_LEVELS - 2)
        if isinstance(copied, Opaque | list | dict | set):
            raise NotData(f"a collection with keys of type {type(value).__name__} is not compared or computed with")
        return copied
