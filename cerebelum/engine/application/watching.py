"""Watches: `order.items[0]` looked up in local variables. A path, no expression: nothing is evaluated or called.

Attributes are read where an object stores them, so no property and no `__getattr__` runs; items are those of dicts,
lists and tuples.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MemberDescriptorType
from typing import Any

from msgspec import Struct

from cerebelum.engine.runtime.masking import MASK, hides
from cerebelum.engine.runtime.rendering import render

_NAME = r"[^\W\d]\w*"
_START = re.compile(rf"\s*({_NAME})")
_PART = re.compile(
    rf"\s*(?:\.\s*(?P<attribute>{_NAME})"
    rf"|\[\s*(?:(?P<index>-?\d{{1,18}})|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<bare>{_NAME}))\s*\])"
)
_MISSING = object()


class Watch(Struct, frozen=True):
    """A path that was understood: a local variable's name, and what follows."""

    text: str
    name: str
    parts: tuple[tuple[bool, str | int], ...]  # (is an item, attribute or key)

    def find(self, scopes: Iterable[Mapping[str, Any]]) -> str | None:
        """Return the value in the first scope that has the variable, rendered and masked; None where there is none."""
        for local in scopes:
            value = local.get(self.name, _MISSING)
            if value is not _MISSING:
                return self._follow(value)
        return None

    def _follow(self, value: Any) -> str | None:
        hidden = hides(self.name, value)
        for is_item, key in self.parts:
            value = _item(value, key) if is_item else _attribute(value, str(key))
            if value is _MISSING:
                return None
            hidden = hidden or (isinstance(key, str) and hides(key, value))
        return MASK if hidden else render(value)


def parse_watch(text: str) -> Watch:
    """Understand `name`, `name.attribute`, `name[0]`, `name['key']`, `name[key]`, and longer paths of these.

    Raises:
        ValueError: it is anything else.
    """
    start = _START.match(text)
    parts: list[tuple[bool, str | int]] = []
    position = start.end() if start else 0
    while start and (part := _PART.match(text, position)):
        position = part.end()
        parts.append(_key(part))
    if start is None or text[position:].strip():
        raise ValueError(f"cannot watch {text!r}: a watch is a path such as order, order.total or order['items'][0]")
    return Watch(text=text, name=start[1], parts=tuple(parts))


def _key(part: re.Match[str]) -> tuple[bool, str | int]:
    found = part.groupdict()
    if found["attribute"] is not None:
        return False, found["attribute"]
    if found["index"] is not None:
        return True, int(found["index"])
    return True, next(found[name] for name in ("single", "double", "bare") if found[name] is not None)


def _item(value: Any, key: str | int) -> Any:
    kind = type(value)
    try:
        if issubclass(kind, dict):
            return dict.__getitem__(value, key)
        if issubclass(kind, list) and isinstance(key, int):
            return list.__getitem__(value, key)
        if issubclass(kind, tuple) and isinstance(key, int):
            return tuple.__getitem__(value, key)
    except (KeyError, IndexError):
        pass
    return _MISSING


def _attribute(value: Any, name: str) -> Any:
    kind = type(value)
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
    return _MISSING
