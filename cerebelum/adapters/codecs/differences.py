"""Find the first place where a value and its decoded copy differ, in type or content.

Python's `==` is the fast check before this one, and not enough: classes may compare by identity, leave fields out, or
define it at will. Here objects are compared field by field.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, time
from enum import Enum
from typing import Any

from cerebelum.adapters.codecs.faults import Fault
from cerebelum.adapters.codecs.parts import fields_of
from cerebelum.adapters.codecs.paths import Path, kind_name, shown


class Comparison:
    """Compares a value with its copy.

    `strict` is for values that no annotation speaks for: types must be the same. Elsewhere a value of a subclass may
    come back as the plain type that the annotation names (an IntEnum under `int`, a Counter under `dict[str, int]`).
    """

    def __init__(self, *, strict: bool, annotate: Callable[[Path], str]) -> None:
        self._strict = strict
        self._annotate = annotate  # gives the remedy for a type that only an annotation can bring back

    def first_difference(self, value: Any, copy: Any, path: Path = ()) -> Fault | None:
        """Return the first place where `copy` is not `value`, None if they are the same."""
        kind = type(value)
        if kind is not type(copy) and not self._may_become(value, copy):
            return self._other_type(value, copy, path)
        if isinstance(copy, dict):
            return self._dicts(value, copy, path)
        if isinstance(copy, (list, tuple)):
            return self._sequences(list(value), list(copy), value, path)
        if isinstance(copy, (set, frozenset)):
            return self._sets(value, copy, path)
        fields = fields_of(copy)
        if fields is not None:
            return self._objects(value, dict(fields), path)
        return None if _same_leaf(value, copy) else _other_value(value, copy, path)

    def _may_become(self, value: Any, copy: Any) -> bool:
        plain = type(copy)
        if plain is float and type(value) is int:
            return True
        builtin = plain.__module__ in ("builtins", "datetime", "decimal", "uuid") and plain is not bool
        return bool(not self._strict and builtin and isinstance(value, plain))

    def _dicts(self, value: Any, copy: Any, path: Path) -> Fault | None:
        if len(value) != len(copy):
            return Fault(path, shown(value), "two of its keys have the same text", "use distinct keys")
        for (key, part), (copied_key, copied) in zip(value.items(), copy.items(), strict=True):
            if self.first_difference(key, copied_key) is not None:
                why = f"keys of a JSON object are text: it would come back as {shown(copied_key)}"
                return Fault(
                    path, f"key {shown(key)}", why, f"{self._annotate(path)}, with the type of the keys, or use text"
                )
            segment = key if isinstance(key, str) else repr(key)
            if fault := self.first_difference(part, copied, (*path, segment)):
                return fault
        return None

    def _sequences(self, value: list[Any], copy: list[Any], whole: Any, path: Path) -> Fault | None:
        if len(value) != len(copy):
            return _other_value(whole, copy, path)
        names = getattr(type(whole), "_fields", None)  # of a NamedTuple
        for index, (part, copied) in enumerate(zip(value, copy, strict=True)):
            if fault := self.first_difference(part, copied, (*path, names[index] if names else index)):
                return fault
        return None

    def _sets(self, value: Any, copy: Any, path: Path) -> Fault | None:
        rest = list(copy)
        for part in value:
            for index, copied in enumerate(rest):  # quadratic, but only where `==` said "not equal"
                if self.first_difference(part, copied) is None:
                    del rest[index]
                    break
            else:
                return Fault((*path, ...), shown(part), "it would not come back as it is", self._annotate(path))
        return _other_value(value, copy, path) if rest else None

    def _objects(self, value: Any, copied: dict[str, Any], path: Path) -> Fault | None:
        for name, part in fields_of(value) or ():
            if name not in copied:
                return Fault((*path, name), shown(part), "it is not part of what is stored", "declare it as a field")
            if fault := self.first_difference(part, copied[name], (*path, name)):
                return fault
        return None

    def _other_type(self, value: Any, copy: Any, path: Path) -> Fault:
        if fields_of(value) is not None and fields_of(copy) is not None:
            why = f"{kind_name(value)} would come back as {kind_name(copy)}: the JSON text does not tell them apart"
            remedy = "annotate the exact class; in a union give each class a field of its own, or a Literal as its kind"
            return Fault(path, shown(value), why, remedy)
        if isinstance(value, Enum) or fields_of(value) is not None or self._strict:
            why = f"JSON has no {type(value).__name__}: it would come back as {shown(copy)}"
            return Fault(path, shown(value), why, self._annotate(path))
        why = f"the annotations do not say {type(value).__name__} here: it would come back as {shown(copy)}"
        return Fault(path, shown(value), why, f"give the annotated type, or {self._annotate(path)}")


def _other_value(value: Any, copy: Any, path: Path) -> Fault:
    return Fault(path, shown(value), f"it would come back as {shown(copy)}", "store it in a form that JSON keeps")


def _same_leaf(value: Any, copy: Any) -> bool:
    if isinstance(copy, float):
        return bool(value == copy) and math.copysign(1, value) == math.copysign(1, copy)
    if isinstance(copy, (datetime, time)):  # `==` is never true for a clock change's hour in two time zones
        return bool(value.isoformat() == copy.isoformat())
    try:
        return bool(value == copy)
    except Exception:  # a user's __eq__ may do anything
        return False
