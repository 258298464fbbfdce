"""Forms: what a person is asked for, as data, and whether an answer is one.

A form is recorded with the request for input, so that every process can check an answer without the workflow's code.
Three kinds (`type`): "form" (fields, a JSON schema, both, or neither: then any JSON is an answer), "single_choice" and
"multi_choice". `check` names every fault at once, each with the field it is about, in words for people.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

from msgspec import Struct, field

from cerebelum.engine.domain.json_schema import faults as schema_faults
from cerebelum.engine.domain.json_schema import kind_of, same_json

FORM_TYPES = ("form", "single_choice", "multi_choice")
FIELD_TYPES = ("text", "number", "boolean", "date", "select", "json")
_NAMES_MOST = 20


class Choice(Struct, frozen=True):
    """One thing to choose: the value that the workflow gets, and what people read."""

    value: Any
    label: str = ""

    @property
    def shown(self) -> str:
        return self.label or str(self.value)


class Field(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One field of a form."""

    name: str
    type: str = "text"  # one of FIELD_TYPES; "json": anything, or what `Form.schema` says about it
    label: str = ""
    options: tuple[Choice, ...] = ()  # of a select
    required: bool = False
    max_length: int | None = None  # characters of a text
    min: float | int | str | None = None  # of a number or a date, inclusive
    max: float | int | str | None = None
    integer: bool = False  # a number without a fraction


class Form(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """See the module docstring."""

    type: str = "form"
    fields: tuple[Field, ...] = ()
    choices: tuple[Choice, ...] = ()
    schema: dict[str, Any] | None = None
    decides: str = "fields"  # "schema": the fields only tell people what to fill in, `schema` judges the answer


class Fault(Struct, frozen=True):
    """What is wrong with one field of an answer; "" is the answer as a whole."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class Checked(Struct, frozen=True):
    """An answer that was looked at: what the workflow gets, or why it is refused."""

    answer: Any = None
    faults: list[Fault] = field(default_factory=list)


def check(form: Form, answer: Any) -> Checked:
    """Return `answer` as the workflow is given it, or all of its faults.

    Args:
        answer: JSON data.
    """
    if form.type == "single_choice":
        return _single(form, answer)
    if form.type == "multi_choice":
        return _multiple(form, answer)
    if form.schema is not None and (form.decides == "schema" or not form.fields):
        found = [Fault(path, message) for path, message in schema_faults(form.schema, answer)]
        return Checked(faults=found) if found else Checked(answer)
    return _filled_in(form, answer) if form.fields else Checked(answer)


def check_field(form: Form, name: str, answer: Any) -> list[Fault]:
    """Return the faults of one field's answer alone, so that a person can be asked again at once."""
    one = next(item for item in form.fields if item.name == name)
    if form.schema is not None and form.decides == "schema":
        wanted = form.schema.get("properties", {}).get(name, True)
        whole = {**wanted, "$defs": form.schema.get("$defs", {})} if isinstance(wanted, dict) else {}
        return [Fault(name, message) for _, message in schema_faults(whole, answer)]
    message = field_fault(one, answer)
    return [Fault(name, message)] if message else []


def _single(form: Form, answer: Any) -> Checked:
    if any(same_json(choice.value, answer) for choice in form.choices):
        return Checked(answer)
    return Checked(faults=[Fault("", f"{_short(answer)} is none of {_names(form.choices)}")])


def _multiple(form: Form, answer: Any) -> Checked:
    if not isinstance(answer, list):
        return Checked(faults=[Fault("", f"it must be a list of choices, not {kind_of(answer)}")])
    unknown = [one for one in answer if not any(same_json(choice.value, one) for choice in form.choices)]
    if unknown:
        return Checked(faults=[Fault("", f"{_short(one)} is none of {_names(form.choices)}") for one in unknown])
    if any(same_json(one, other) for place, one in enumerate(answer) for other in answer[:place]):
        return Checked(faults=[Fault("", "a choice is named twice")])
    return Checked(answer)


def _filled_in(form: Form, answer: Any) -> Checked:
    if not isinstance(answer, dict):
        return Checked(faults=[Fault("", f"it must be an object of fields, not {kind_of(answer)}")])
    found: list[Fault] = []
    for one in form.fields:
        message = field_fault(one, answer.get(one.name))
        if message:
            found.append(Fault(one.name, message))
    known = {one.name for one in form.fields}
    found += [Fault(str(name), "the form has no such field") for name in answer if name not in known]
    if found:
        return Checked(faults=found)
    return Checked({one.name: answer.get(one.name) for one in form.fields})


def field_fault(one: Field, value: Any) -> str:
    """Return what is wrong with a value of a field, "" for nothing. A missing value is None."""
    if value is None or (value == "" and one.type != "json"):
        return "it is required" if one.required else ""
    match one.type:
        case "text":
            return _text_fault(one, value)
        case "number":
            return _number_fault(one, value)
        case "boolean":
            return "" if isinstance(value, bool) else f"it must be true or false, not {kind_of(value)}"
        case "date":
            return _date_fault(one, value)
        case "select":
            listed = any(same_json(choice.value, value) for choice in one.options)
            return "" if listed else f"{_short(value)} is none of {_names(one.options)}"
    return ""


def _text_fault(one: Field, value: Any) -> str:
    if not isinstance(value, str):
        return f"it must be a text, not {kind_of(value)}"
    if one.max_length is not None and len(value) > one.max_length:
        return f"it has {len(value)} characters; {one.max_length} are allowed"
    return ""


def _number_fault(one: Field, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"it must be a number, not {kind_of(value)}"
    if one.integer and value != int(value):
        return f"it must be a whole number, not {value}"
    if one.min is not None and value < float(one.min):
        return f"it is {value}; the least is {one.min}"
    if one.max is not None and value > float(one.max):
        return f"it is {value}; the most is {one.max}"
    return ""


def parsed_date(text: str) -> dt.date | None:
    """Return the date that `2026-11-21` names; None for anything else."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _date_fault(one: Field, value: Any) -> str:
    date = parsed_date(value) if isinstance(value, str) else None
    if date is None:
        return f"it must be a date such as 2026-01-31, not {_short(value)}"
    least, most = (None if bound is None else parsed_date(str(bound)) for bound in (one.min, one.max))
    if least is not None and date < least:
        return f"it is {value}; the earliest is {least}"
    if most is not None and date > most:
        return f"it is {value}; the latest is {most}"
    return ""


def _names(choices: tuple[Choice, ...]) -> str:
    shown = ", ".join(_short(choice.value) for choice in choices[:_NAMES_MOST])
    return f"{shown} …" if len(choices) > _NAMES_MOST else shown


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
