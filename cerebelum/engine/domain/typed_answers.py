"""Answers as people type them: what a field's text stands for, and what to type. The same wherever a form is filled in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cerebelum.engine.domain.form import Choice, Field

_HINTS = {"boolean": "y/n", "date": "YYYY-MM-DD", "json": "JSON"}


def hint_of(one: Field) -> str:
    """Return what to type into a field, for people; "" where its name says it all."""
    parts = [_HINTS.get(one.type, "")]
    if one.max_length is not None:
        parts.append(f"up to {one.max_length} characters")
    if one.min is not None or one.max is not None:
        parts.append(f"{'' if one.min is None else one.min} to {'' if one.max is None else one.max}".strip())
    parts.append("" if one.required else "may be left out")
    return ", ".join(part for part in parts if part)


def parsed(one: Field, text: str) -> Any:
    """Return the value that was typed for a field.

    Raises:
        ValueError: it cannot be understood; says what would be.
    """
    match one.type:
        case "select":
            return chosen(one.options, text)
        case "boolean":
            return _yes_or_no(text)
        case "number":
            return _number(text)
        case "json":
            return json_value(text)
    return text


def chosen(choices: Sequence[Choice], text: str) -> Any:
    """Return the choice of this number, or of this value or label; raises `ValueError`."""
    if text.isdecimal() and 1 <= int(text) <= len(choices):
        return choices[int(text) - 1].value
    for choice in choices:
        if text in (str(choice.value), choice.label) and text:
            return choice.value
    raise ValueError(f"it must be a number from 1 to {len(choices)}")


def several(choices: Sequence[Choice], text: str) -> list[Any]:
    """Return the choices that were typed with commas between; raises as `chosen`."""
    return [chosen(choices, part.strip()) for part in text.split(",") if part.strip()]


def _yes_or_no(text: str) -> bool:
    known = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}
    if text.lower() not in known:
        raise ValueError("it must be y or n")
    return known[text.lower()]


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise ValueError("it must be a number") from None


def json_value(text: str) -> Any:
    """Return the value that JSON text stands for; raises `ValueError`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'it is not JSON: {error}; a text has quotes: "like this"') from None
