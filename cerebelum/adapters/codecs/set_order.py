"""Sets in one order: sorted by the JSON text of their members.

A set iterates in an order that differs between processes, but equal values must have equal texts. Dicts keep the order
they were filled in: it is part of the value. msgspec sorts both or neither, so this is done on the plain data, walking
value and data side by side.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cerebelum.adapters.codecs.parts import fields_of

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def with_sorted_sets(value: Any, text: bytes) -> bytes:
    """Return `text`, the JSON of `value`, with the members of every set sorted."""
    return _encode(_sorted(value, _decode(text)))


def _sorted(value: Any, tree: Any) -> Any:
    if isinstance(value, (set, frozenset)) and isinstance(tree, list):
        members = [_sorted(part, data) for part, data in zip(value, tree, strict=True)]
        return sorted(members, key=_encode)
    if isinstance(value, dict) and isinstance(tree, dict):
        return {key: _sorted(part, data) for part, (key, data) in zip(value.values(), tree.items(), strict=False)}
    if isinstance(value, (list, tuple)) and isinstance(tree, list):
        return [_sorted(part, data) for part, data in zip(value, tree, strict=True)]
    fields = fields_of(value) if isinstance(tree, (dict, list)) else None
    return tree if fields is None else _sorted_object(value, fields, tree)


def _sorted_object(value: Any, fields: list[tuple[str, Any]], tree: Any) -> Any:
    if isinstance(tree, list):  # a struct with array_like=True: its tag, then its fields
        start = len(tree) - len(fields)
        return tree[:start] + [_sorted(part, data) for (_, part), data in zip(fields, tree[start:], strict=False)]
    stored_as = dict(zip(_names(value), _stored_names(value), strict=True))
    parts = {stored_as.get(name, name): part for name, part in fields}
    return {name: _sorted(parts[name], data) if name in parts else data for name, data in tree.items()}


def _names(value: Any) -> tuple[str, ...]:
    return getattr(type(value), "__struct_fields__", ())


def _stored_names(value: Any) -> tuple[str, ...]:
    return getattr(type(value), "__struct_encode_fields__", ())
