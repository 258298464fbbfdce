"""Find the first place in a value that JSON cannot hold at all: NaN, a lone surrogate, a foreign object, a cycle.

Runs only after encoding or the exactness check failed, so it may be slow; it must be exact about the place.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cerebelum.adapters.codecs.parts import parts_of
from cerebelum.adapters.codecs.paths import Path, kind_name, shown

MAX_DEPTH = 100  # levels of lists and objects

Encode = Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class Fault:
    """One place that JSON cannot hold exactly."""

    path: Path
    shown: str
    why: str
    remedy: str


def first_fault(value: Any, encode: Encode) -> Fault | None:
    """Return the first fault of `value` in depth-first order; None if every part of it can be encoded."""
    return _Search(encode).visit(value, (), ())


class _Search:
    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    def visit(self, value: Any, path: Path, above: tuple[int, ...]) -> Fault | None:
        parts = parts_of(value)
        if parts is None:
            return self._leaf(value, path)
        if id(value) in above:
            return Fault(path, kind_name(value), "it contains itself", "refer to it by an id instead")
        if len(above) >= MAX_DEPTH:
            return Fault(path, shown(value), f"it is nested deeper than {MAX_DEPTH} levels", "flatten it")
        if isinstance(value, dict) and (fault := self._keys(value, path)):
            return fault
        for segment, part in parts:
            if fault := self.visit(part, (*path, segment), (*above, id(value))):
                return fault
        return None

    def _keys(self, value: dict[Any, Any], path: Path) -> Fault | None:
        for key in value:
            why = unholdable(key)
            if not why and not isinstance(key, str):
                try:
                    self._encode({key: None})
                except Exception:
                    why = f"{kind_name(key)} cannot be a key in JSON"
            if why:
                return Fault(path, f"key {shown(key)}", why, "use text as keys, or a list of pairs")
        return None

    def _leaf(self, value: Any, path: Path) -> Fault | None:
        if why := unholdable(value):
            return Fault(path, shown(value), why, "replace it, or leave it out")
        try:
            self._encode(value)
        except Exception as error:
            kind = type(value)
            name = f"{kind.__module__}.{kind.__qualname__}"
            why = f"{name} is not a type that can be stored"
            if not isinstance(error, (TypeError, NotImplementedError)):
                why = f"{name}: {shown(str(error))[1:-1]}"
            return Fault(path, shown(value), why, "make it a dataclass, or turn it into plain data first")
        return None


def unencodable_part(value: Any, encode: Encode, problem: BaseException) -> Fault:
    """Return the smallest part of `value` that does not encode although all of its own parts do."""
    path: Path = ()
    descending = True
    while descending and len(path) < MAX_DEPTH:
        descending = False
        for segment, part in parts_of(value) or ():
            if (error := _failure(part, encode)) is not None:
                value, path, problem, descending = part, (*path, segment), error, True
                break
    why = shown(str(problem))[1:-1] or type(problem).__name__
    return Fault(path, shown(value), why, "make it a dataclass, or turn it into plain data first")


def unholdable(value: Any) -> str:
    """Return why JSON has no text for a number or a string, "" if it has one."""
    if isinstance(value, float) and not math.isfinite(value):
        return "JSON has no NaN" if math.isnan(value) else "JSON has no infinity"
    if isinstance(value, Decimal) and value.is_nan():
        return "NaN is not equal to itself, so it cannot be compared with what is stored"
    if isinstance(value, int) and not _has_digits(value):
        return f"it has more than {sys.get_int_max_str_digits():,} digits, Python's limit for numbers as text"
    if isinstance(value, str) and not _is_unicode(value):
        return "it holds half of a surrogate pair, which is no Unicode text"
    return ""


def _has_digits(number: int) -> bool:
    try:
        return bool(int.__repr__(number))
    except ValueError:
        return False


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _failure(value: Any, encode: Encode) -> Exception | None:
    try:
        encode(value)
    except Exception as error:
        return error
    return None
