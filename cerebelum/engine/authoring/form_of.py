"""Makes a `Form` of what authors write: a class, a list of fields, choices, or a JSON schema.

Whatever cannot work is refused here, where the workflow asks, with the place in the form.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.form import FIELD_TYPES, FORM_TYPES, Choice, Field, Form, parsed_date
from cerebelum.engine.domain.json_schema import resolved, unsupported

MOST_FORM_BYTES = 64 * 1024
_KEYS = frozenset(("name", "type", "label", "options", "required", "max_length", "min", "max", "integer"))


def form_of(
    name: str,
    form: Any = None,
    *,
    type_: str | None = None,
    choices: Sequence[Any] | None = None,
    schema: Mapping[str, Any] | None = None,
) -> tuple[Form, Any]:
    """Return the form, and what its answers are decoded as.

    Args:
        name: of the input, for errors.

    Raises:
        DefinitionError: it cannot be a form; says where.
    """
    what = f"input {name!r}"
    if type_ is not None and type_ not in FORM_TYPES:
        raise DefinitionError(f"{what}: type={type_!r} is none of {', '.join(FORM_TYPES)}")
    if sum(one is not None for one in (form, choices, schema)) > 1:
        raise DefinitionError(f"{what} takes one of form=, choices= and schema=")
    annotation: Any = Any
    if type_ in ("single_choice", "multi_choice") or choices is not None:
        if not choices:
            raise DefinitionError(f'{what}: a choice needs choices=[{{"value": …, "label": …}}]')
        made = Form(type=_choice_type(type_, what), choices=_choices(choices, f"{what}: choices"))
    elif schema is not None:
        made = Form(schema=_schema(schema, what), decides="schema")
    elif isinstance(form, type):
        made, annotation = _of_class(form, what), form
    elif form is not None:
        made = Form(fields=_fields(form, what))
    else:
        made = Form()
    try:
        size_bytes = len(msgspec.json.encode(made))
    except (TypeError, ValueError, RecursionError) as error:
        raise DefinitionError(f"{what}: its form is not JSON: {error}") from error
    if size_bytes > MOST_FORM_BYTES:
        raise DefinitionError(f"{what}: its form has {size_bytes:,} bytes as JSON; {MOST_FORM_BYTES:,} are allowed")
    return made, annotation


def _choice_type(type_: str | None, what: str) -> str:
    if type_ == "form":
        raise DefinitionError(f'{what}: choices= needs type="single_choice" or "multi_choice"')
    return type_ or "single_choice"


def _choices(given: Any, what: str) -> tuple[Choice, ...]:
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence):
        raise DefinitionError(f"{what} must be a list, not {given!r}")
    made = []
    for place, one in enumerate(given):
        if not isinstance(one, Mapping):
            made.append(Choice(one))
        elif "value" not in one or not set(one) <= {"value", "label"}:
            raise DefinitionError(f'{what}[{place}] must be {{"value": …, "label": …}}, not {dict(one)!r}')
        else:
            made.append(Choice(one["value"], str(one.get("label", ""))))
    return tuple(made)


def _schema(schema: Mapping[str, Any], what: str) -> dict[str, Any]:
    whole = dict(schema)
    found = unsupported(whole)
    if found:
        raise DefinitionError(f"{what}: " + "; ".join(found[:10]))
    return whole


# -- fields -------------------------------------------------------------------------------------------------------
def _fields(given: Any, what: str) -> tuple[Field, ...]:
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence):
        raise DefinitionError(f"{what}: form= takes a class or a list of fields, not {given!r}")
    if not given:
        raise DefinitionError(f"{what}: a form needs a field")
    made = tuple(_field(one, f"{what}: field {place + 1}") for place, one in enumerate(given))
    names = [one.name for one in made]
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise DefinitionError(f"{what}: two fields are called {twice[0]!r}")
    return made


def _field(given: Any, what: str) -> Field:
    if not isinstance(given, Mapping):
        raise DefinitionError(f'{what} must be {{"name": …, "type": …}}, not {given!r}')
    unknown = sorted(set(map(str, given)) - _KEYS)
    if unknown:
        raise DefinitionError(f"{what} has {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}")
    name, type_ = given.get("name"), given.get("type", "text")
    if not isinstance(name, str) or not name:
        raise DefinitionError(f"{what} needs a name")
    if type_ not in FIELD_TYPES:
        raise DefinitionError(f"{what} ({name}): type {type_!r} is none of {', '.join(FIELD_TYPES)}")
    options = _choices(given["options"], f"{what} ({name}): options") if given.get("options") is not None else ()
    if (type_ == "select") != bool(options):
        raise DefinitionError(f"{what} ({name}): options belong to a select, and a select needs some")
    most = given.get("max_length")
    if most is not None and (type_ != "text" or isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise DefinitionError(f"{what} ({name}): max_length is a whole number from 1, of a text")
    for bound in ("min", "max"):
        _check_bound(given.get(bound), type_, f"{what} ({name}): {bound}")
    return Field(
        name=name, type=type_, label=str(given.get("label", "")), options=options,
        required=bool(given.get("required", False)), max_length=most, min=_json(given.get("min")),
        max=_json(given.get("max")), integer=bool(given.get("integer", False)),
    )  # fmt: skip


def _check_bound(bound: Any, type_: str, what: str) -> None:
    if bound is None:
        return
    if type_ == "number" and isinstance(bound, int | float) and not isinstance(bound, bool):
        return
    if type_ == "date" and parsed_date(str(bound)) is not None:
        return
    raise DefinitionError(f"{what} is {bound!r}; it bounds a number with a number, a date with a date")


def _json(bound: Any) -> Any:
    return bound if bound is None or isinstance(bound, int | float) else str(bound)


# -- classes ------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=256)
def _of_class(kind: type, what: str) -> Form:
    schema = _schema(_class_schema(kind, what), what)
    top = resolved(schema, schema)
    schema = {**top, "$defs": schema["$defs"]} if "$defs" in schema and top is not schema else schema
    required = schema.get("required", [])
    fields = tuple(
        _told(name, part, schema, required=name in required) for name, part in schema.get("properties", {}).items()
    )
    return Form(fields=fields, schema=schema, decides="schema")


def _class_schema(kind: Any, what: str) -> dict[str, Any]:
    if hasattr(kind, "model_json_schema"):
        made: dict[str, Any] = kind.model_json_schema()
        return made
    if not (dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct)):
        raise DefinitionError(f"{what}: form={kind.__name__} is no dataclass, msgspec struct or pydantic model")
    try:
        return msgspec.json.schema(kind)
    except (TypeError, ValueError, NameError) as error:
        raise DefinitionError(f"{what}: form={kind.__name__} cannot be a form: {error}") from error


def _told(name: str, part: Any, root: dict[str, Any], *, required: bool) -> Field:
    """Return a field for people; the schema judges what they fill in."""
    label = part.get("description", "") if isinstance(part, dict) else ""
    part = _not_null(resolved(part, root), root)
    if not isinstance(part, dict):
        return Field(name=name, type="json", required=required)
    field = Field(name=name, type="json", label=label or part.get("description", ""), required=required)
    change = msgspec.structs.replace
    if "enum" in part or "const" in part:
        options = tuple(Choice(value) for value in part.get("enum", [part.get("const")]))
        return change(field, type="select", options=options)
    match part.get("type"):
        case "boolean":
            return change(field, type="boolean")
        case "integer" | "number" as kind:
            least, most = part.get("minimum"), part.get("maximum")
            return change(field, type="number", min=least, max=most, integer=kind == "integer")
        case "string":
            dated = part.get("format") == "date"
            return change(field, type="date" if dated else "text", max_length=part.get("maxLength"))
    return field


def _not_null(part: Any, root: dict[str, Any]) -> Any:
    """Look through `X | None`."""
    if isinstance(part, dict) and isinstance(part.get("anyOf"), list):
        others = [resolved(one, root) for one in part["anyOf"]]
        kept = [one for one in others if not (isinstance(one, dict) and one.get("type") == "null")]
        if len(kept) == 1:
            return kept[0]
    return part
