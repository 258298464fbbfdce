"""JSON Schema, as much of it as forms need: `type`, `enum`, `const`, properties, items, bounds, lengths, patterns,
`anyOf`, `oneOf`, `allOf`, `not`, `$ref` into the schema itself, and the formats of dates.

A keyword that is not known here is refused when the form is made (`unsupported`), never silently skipped.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

Found = Iterator[tuple[str, str]]  # (path, what is wrong)

_DEPTH_MOST = 100
_FAULTS_MOST = 50
_KINDS: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == math.floor(value),
    "number": lambda value: _is_number(value),  # noqa: PLW0108 - defined below
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_WORDS = {
    "null": "null", "boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "a text",
    "array": "a list", "object": "an object",
}  # fmt: skip
_JUDGED_WORDS = (
    "type enum const required properties additionalProperties items prefixItems minItems maxItems uniqueItems minimum "
    "maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern minProperties maxProperties anyOf "
    "oneOf allOf not $ref format"
)
_TOLD_WORDS = (
    "title description default examples deprecated readOnly writeOnly $schema $id $comment $defs definitions "
    "discriminator contentEncoding"
)
_JUDGED, _TOLD = frozenset(_JUDGED_WORDS.split()), frozenset(_TOLD_WORDS.split())
_INSIDE_ONE = ("additionalProperties", "items", "not")
_INSIDE_MANY = ("anyOf", "oneOf", "allOf", "prefixItems")
_INSIDE_NAMED = ("properties", "$defs", "definitions")


def faults(schema: Any, value: Any) -> list[tuple[str, str]]:
    """Return what is wrong with JSON data, as (path, message); the path of the whole is ""; at most 50."""
    found = []
    for fault in _Judge(schema).judge(schema, value, "", 0):
        found.append(fault)
        if len(found) == _FAULTS_MOST:
            break
    return found


def unsupported(schema: Any) -> list[str]:
    """Return what of a schema cannot be judged here, as sentences; [] for a schema that can be used."""
    return list(_unsupported(schema, schema, "schema", 0))


def kind_of(value: Any) -> str:
    """Return what kind of JSON a value is, for people."""
    for name in ("null", "boolean", "number", "string", "array", "object"):
        if _KINDS[name](value):
            return _WORDS[name]
    return type(value).__name__


def same_json(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON: `1` is `1.0`, and neither is `true`."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    return bool(one == other)


def resolved(schema: Any, root: Any) -> Any:
    """Follow a chain of `$ref`; what cannot be followed stands for everything."""
    for _ in range(_DEPTH_MOST):
        if not isinstance(schema, dict) or "$ref" not in schema:
            return schema
        schema = _target(schema["$ref"], root)
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _target(ref: Any, root: Any) -> Any:
    """Return what `#/$defs/Name` names; None where there is no such place."""
    if not isinstance(ref, str) or not ref.startswith("#"):
        return None
    here = root
    for part in ref[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(here, dict) or name not in here:
            return None
        here = here[name]
    return here


def _unsupported(schema: Any, root: Any, path: str, depth: int) -> Iterator[str]:
    if depth > _DEPTH_MOST:
        yield f"{path} is nested too deep"
        return
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield f"{path} must be an object, not {kind_of(schema)}"
        return
    yield from (f"{path} has {name!r}, which is not supported" for name in schema if name not in _JUDGED | _TOLD)
    yield from (f"{path}.{name} {what}" for name, what in _misuses(schema, root))
    for name in _INSIDE_ONE:
        if name in schema:
            yield from _unsupported(schema[name], root, f"{path}.{name}", depth + 1)
    for name in _INSIDE_MANY:
        parts = schema.get(name, [])
        if not isinstance(parts, list):
            yield f"{path}.{name} must be a list"
            continue
        for place, part in enumerate(parts):
            yield from _unsupported(part, root, f"{path}.{name}[{place}]", depth + 1)
    for name in _INSIDE_NAMED:
        named = schema.get(name, {})
        if not isinstance(named, dict):
            yield f"{path}.{name} must be an object"
            continue
        for key, part in named.items():
            yield from _unsupported(part, root, f"{path}.{name}.{key}", depth + 1)


def _misuses(schema: dict[str, Any], root: Any) -> Found:
    kinds = schema.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if not isinstance(kind, str) or kind not in _KINDS:
            yield "type", f"is {kind!r}, none of {', '.join(_KINDS)}"
    if "$ref" in schema and _target(schema["$ref"], root) is None:
        yield "$ref", f"names nothing in the schema: {schema['$ref']!r}"
    if "pattern" in schema:
        try:
            re.compile(schema["pattern"])
        except (re.error, TypeError) as error:
            yield "pattern", f"is no regular expression: {error}"
    for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
        if name in schema and not _is_number(schema[name]):
            yield name, "must be a number"
    for name in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"):
        if name in schema and not (_KINDS["integer"](schema[name]) and schema[name] >= 0):
            yield name, "must be a whole number from 0"
    for name in ("required", "enum"):
        if name in schema and not isinstance(schema[name], list):
            yield name, "must be a list"


class _Judge:
    def __init__(self, root: Any) -> None:
        self._root = root

    def judge(self, schema: Any, value: Any, path: str, depth: int) -> Found:
        if depth > _DEPTH_MOST:
            yield path, "it is nested too deep"
            return
        if schema is False:
            yield path, "it is not allowed here"
        if not isinstance(schema, dict):
            return
        if "$ref" in schema:
            yield from self.judge(_target(schema["$ref"], self._root), value, path, depth + 1)
        kinds = schema.get("type")
        wanted = kinds if isinstance(kinds, list) else [] if kinds is None else [kinds]
        if wanted and not any(_KINDS[kind](value) for kind in wanted):
            yield path, f"it must be {' or '.join(_WORDS[kind] for kind in wanted)}, not {kind_of(value)}"
            return
        yield from self._constants(schema, value, path)
        if isinstance(value, str):
            yield from _text(schema, value, path)
        elif _is_number(value):
            yield from _number(schema, value, path)
        elif isinstance(value, list):
            yield from self._list(schema, value, path, depth)
        elif isinstance(value, dict):
            yield from self._object(schema, value, path, depth)
        yield from self._combined(schema, value, path, depth)

    def _constants(self, schema: dict[str, Any], value: Any, path: str) -> Found:
        if "enum" in schema and not any(same_json(value, one) for one in schema["enum"]):
            yield path, f"{_short(value)} is none of {', '.join(map(_short, schema['enum'][:20]))}"
        if "const" in schema and not same_json(value, schema["const"]):
            yield path, f"it must be {_short(schema['const'])}, not {_short(value)}"

    def _list(self, schema: dict[str, Any], value: list[Any], path: str, depth: int) -> Found:
        yield from _count(schema, len(value), "Items", "item", path)
        if schema.get("uniqueItems") and any(
            same_json(one, other) for place, one in enumerate(value) for other in value[:place]
        ):
            yield path, "an item is there twice"
        firsts = schema.get("prefixItems", [])
        for place, item in enumerate(value):
            wanted = firsts[place] if place < len(firsts) else schema.get("items", True)
            yield from self.judge(wanted, item, f"{path}[{place}]", depth + 1)

    def _object(self, schema: dict[str, Any], value: dict[str, Any], path: str, depth: int) -> Found:
        yield from _count(schema, len(value), "Properties", "field", path)
        named = schema.get("properties", {})
        yield from ((_join(path, name), "it is required") for name in schema.get("required", []) if name not in value)
        others = schema.get("additionalProperties", True)
        for name, item in value.items():
            if name in named:
                yield from self.judge(named[name], item, _join(path, name), depth + 1)
            elif others is False:
                yield _join(path, name), "the form has no such field"
            else:
                yield from self.judge(others, item, _join(path, name), depth + 1)

    def _combined(self, schema: dict[str, Any], value: Any, path: str, depth: int) -> Found:
        for part in schema.get("allOf", []):
            yield from self.judge(part, value, path, depth + 1)
        for name in ("anyOf", "oneOf"):
            if name in schema:
                yield from self._one_of(schema[name], value, path, depth, only_one=name == "oneOf")
        if "not" in schema and not any(True for _ in self.judge(schema["not"], value, path, depth + 1)):
            yield path, f"{_short(value)} is not allowed"

    def _one_of(self, parts: list[Any], value: Any, path: str, depth: int, *, only_one: bool) -> Found:
        tries = [list(self.judge(part, value, path, depth + 1)) for part in parts]
        fitting = sum(not tried for tried in tries)
        if fitting == 0 and tries:
            # What fits best is what was meant: `str | None` refuses a number with the words of `str`.
            yield from min(tries, key=lambda tried: (any(where == path for where, _ in tried), len(tried)))
        elif only_one and fitting > 1:
            yield path, "it fits more than one of the alternatives"


def _text(schema: dict[str, Any], value: str, path: str) -> Found:
    yield from _count(schema, len(value), "Length", "character", path)
    if "pattern" in schema and re.search(schema["pattern"], value) is None:
        yield path, f"it does not have the form {schema['pattern']}"
    reads = _FORMATS.get(schema.get("format", ""))
    if reads is not None:
        try:
            reads(value)
        except ValueError:
            yield path, f"{_short(value)} is no {schema['format']}"


def _number(schema: dict[str, Any], value: float, path: str) -> Found:
    if "minimum" in schema and value < schema["minimum"]:
        yield path, f"it is {value}; the least is {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        yield path, f"it is {value}; the most is {schema['maximum']}"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield path, f"it is {value}; it must be more than {schema['exclusiveMinimum']}"
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        yield path, f"it is {value}; it must be less than {schema['exclusiveMaximum']}"
    factor = schema.get("multipleOf")
    if factor and abs(value / factor - round(value / factor)) > 1e-9:
        yield path, f"it is {value}, no multiple of {factor}"


def _count(schema: dict[str, Any], count: int, of: str, word: str, path: str) -> Found:
    least, most = schema.get(f"min{of}"), schema.get(f"max{of}")
    has = f"it has {count} {word}{'' if count == 1 else 's'}"
    if least is not None and count < least:
        yield path, f"{has}; {least} are needed"
    if most is not None and count > most:
        yield path, f"{has}; {most} are allowed"


def _uuid(text: str) -> None:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise ValueError(text)


_FORMATS: dict[str, Callable[[str], object]] = {
    "date": dt.date.fromisoformat,
    "date-time": dt.datetime.fromisoformat,
    "time": dt.time.fromisoformat,
    "uuid": _uuid,
}


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else str(name)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
