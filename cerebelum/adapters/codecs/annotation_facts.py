"""What an annotation says about the values under it: decides how the codec checks that nothing is lost."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections import abc
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec

from cerebelum.adapters.codecs.parts import is_named_tuple, is_pydantic

PLAIN = frozenset({type(None), bool, int, float, str})
_LEAVES = (date, datetime, time, timedelta, Decimal, UUID, bytes, bytearray, Enum)
_SETS = frozenset({set, frozenset, abc.Set, abc.MutableSet})
_CONTAINERS = frozenset({
    list, dict, tuple, abc.Iterable, abc.Collection, abc.Sequence, abc.MutableSequence, abc.Mapping, abc.MutableMapping,
})  # fmt: skip


@dataclass(slots=True)
class Facts:
    """Collected over an annotation and everything that it names."""

    has_any: bool = False  # somewhere no annotation speaks
    is_plain: bool = True  # nothing but None, bool, int, float, str, list, dict
    has_sets: bool = False
    unlimited: bool = False  # recursive, or open: may be nested to any depth
    trusts_equality: bool = True  # `==` compares everything that is stored, by value
    unknown: list[Any] = field(default_factory=list)  # types that can never be stored
    seen: set[Any] = field(default_factory=set)  # classes already looked into


def facts_of(annotation: Any) -> Facts:
    """Return what is known about values under `annotation`."""
    facts = Facts()
    _visit(annotation, facts, frozenset())
    return facts


def hints_of(kind: Any) -> dict[str, Any]:
    """Return the resolved annotations of a class's fields, {} if they cannot be resolved."""
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except Exception:  # msgspec says more clearly what is wrong when its decoder is made
        return {}


def _visit(annotation: Any, facts: Facts, above: frozenset[Any]) -> None:
    if annotation is None or (isinstance(annotation, type) and annotation in PLAIN):
        return
    if annotation is Any or annotation is object or isinstance(annotation, typing.TypeVar):
        facts.has_any = facts.unlimited = True
        return
    alias = getattr(annotation, "__supertype__", None) or _alias_value(annotation)
    if alias is not None:
        _visit(alias, facts, above)
        return
    origin = typing.get_origin(annotation) or annotation
    if origin is typing.Literal:
        return
    if origin in (typing.Annotated, typing.Required, typing.NotRequired, typing.Final, typing.ClassVar):
        _visit(typing.get_args(annotation)[0], facts, above)
    elif origin in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            _visit(member, facts, above)
    elif origin in _CONTAINERS or origin in _SETS:
        _visit_container(annotation, origin, facts, above)
    elif isinstance(origin, type):
        _visit_class(origin, facts, above)
    else:
        facts.is_plain = facts.trusts_equality = False
        facts.unknown.append(annotation)


def _visit_container(annotation: Any, origin: Any, facts: Facts, above: frozenset[Any]) -> None:
    facts.has_sets |= origin in _SETS
    facts.is_plain &= origin in (list, dict)
    arguments = [argument for argument in typing.get_args(annotation) if argument is not ...]
    if not arguments and annotation != tuple[()]:
        facts.has_any = facts.unlimited = True
    for argument in arguments:
        _visit(argument, facts, above)


def _visit_class(kind: Any, facts: Facts, above: frozenset[Any]) -> None:
    if kind in above:
        facts.unlimited = True
        return
    if kind in facts.seen:
        return
    facts.seen.add(kind)
    if typing.is_typeddict(kind):
        _visit_fields(kind, facts, above)
        return
    facts.is_plain = False
    if issubclass(kind, _LEAVES):
        return
    if dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct) or is_named_tuple(kind):
        facts.trusts_equality &= _compares_by_value(kind)
        _visit_fields(kind, facts, above)
    elif is_pydantic(kind):
        facts.trusts_equality &= kind.__eq__.__module__.startswith("pydantic.")
        facts.unlimited = True
        known = len(facts.unknown)
        for info in kind.model_fields.values():
            _visit(info.annotation, facts, above | {kind})
        del facts.unknown[known:]  # pydantic knows more types than we do
    elif hasattr(kind, "__attrs_attrs__"):
        facts.trusts_equality = False
        _visit_fields(kind, facts, above)
    elif not issubclass(kind, (float, int, str, msgspec.Raw, msgspec.UnsetType)):
        facts.trusts_equality = False
        facts.unlimited = True
        facts.unknown.append(kind)


def _visit_fields(kind: Any, facts: Facts, above: frozenset[Any]) -> None:
    for hint in hints_of(kind).values():
        _visit(hint, facts, above | {kind})


def _compares_by_value(kind: Any) -> bool:
    if issubclass(kind, msgspec.Struct):
        return bool(kind.__struct_config__.eq) and kind.__eq__ is msgspec.Struct.__eq__
    if is_named_tuple(kind):
        return bool(kind.__eq__ is tuple.__eq__)
    parameters = getattr(kind, "__dataclass_params__", None)
    generated = getattr(getattr(kind.__eq__, "__code__", None), "co_filename", "") == "<string>"
    return bool(parameters and parameters.eq and generated and all(f.compare for f in dataclasses.fields(kind)))


def _alias_value(annotation: Any) -> Any:
    """Return what a `type X = ...` of Python 3.12 stands for, None for anything else."""
    return annotation.__value__ if type(annotation).__name__ == "TypeAliasType" else None
