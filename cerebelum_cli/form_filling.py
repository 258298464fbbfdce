"""A form, asked field by field on a terminal: choices are numbered, and each answer is checked before the next.

Whatever comes from a workflow (names, labels, prompts) goes through the filter for terminals.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from cerebelum.engine.domain.form import Choice, Fault, Field, Form, check, check_field
from cerebelum.engine.domain.terminal_text import visible

_HINTS = {"boolean": "y/n", "date": "YYYY-MM-DD", "json": "JSON"}


class FormLeft(Exception):
    """The terminal was closed before the form was filled in."""


class FormFilling:
    """Asks a person.

    Args:
        say: prints a line.
        read: prints what it is given, and returns the line that was typed; `EOFError` at the end of the input.
    """

    def __init__(self, *, say: Callable[[str], None], read: Callable[[str], str]) -> None:
        self._say, self._read = say, read

    def fill_in(self, form: Form, *, prompt: str = "") -> Any:
        """Return an answer that fits the form.

        Raises:
            FormLeft: the input ended.
        """
        if prompt:
            self._say(visible(prompt))
        while True:
            answer = self._answer(form)
            faults = check(form, answer).faults
            if not faults:
                return answer
            self._tell(faults)

    def _answer(self, form: Form) -> Any:
        if form.type == "single_choice":
            self._list(form.choices)
            return self._until("choice", lambda text: _chosen(form.choices, text))
        if form.type == "multi_choice":
            self._list(form.choices)
            return self._until("choices, with commas between", lambda text: _several(form.choices, text))
        if form.fields:
            filled_in = ((one, self._field(form, one)) for one in form.fields)
            return {one.name: value for one, value in filled_in if value is not None}
        return self._until("answer (JSON)", _json)

    def _field(self, form: Form, one: Field) -> Any:
        label = one.label or one.name
        hint = _hint(one)
        if one.type == "select":
            self._say(f"{visible(label, keep_newlines=False)}:")
            self._list(one.options)
        question = f"{label}{f' ({hint})' if hint else ''}"
        while True:
            value = self._until(question, lambda text: None if not text else _parsed(one, text))
            if value is None and not one.required:
                return None
            faults = check_field(form, one.name, value) if value is not None else [Fault(one.name, "it is required")]
            if not faults:
                return value
            self._tell(faults)

    def _until(self, question: str, parse: Callable[[str], Any]) -> Any:
        """Ask until the text can be understood."""
        while True:
            try:
                text = self._read(f"{visible(question, keep_newlines=False)}: ")
            except EOFError:
                raise FormLeft from None
            try:
                return parse(text.strip())
            except ValueError as error:
                self._tell([Fault("", str(error))])

    def _list(self, choices: Sequence[Choice]) -> None:
        for number, choice in enumerate(choices, start=1):
            self._say(f"  {number}  {visible(choice.shown, keep_newlines=False)}")

    def _tell(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            self._say(f"  ✗ {visible(str(fault), keep_newlines=False)}")


def _hint(one: Field) -> str:
    parts = [_HINTS.get(one.type, "")]
    if one.max_length is not None:
        parts.append(f"up to {one.max_length} characters")
    if one.min is not None or one.max is not None:
        parts.append(f"{'' if one.min is None else one.min} to {'' if one.max is None else one.max}".strip())
    parts.append("" if one.required else "may be left out")
    return ", ".join(part for part in parts if part)


def _parsed(one: Field, text: str) -> Any:
    match one.type:
        case "select":
            return _chosen(one.options, text)
        case "boolean":
            return _yes_or_no(text)
        case "number":
            return _number(text)
        case "json":
            return _json(text)
    return text


def _chosen(choices: Sequence[Choice], text: str) -> Any:
    """Return the choice of this number, or of this value or label."""
    if text.isdecimal() and 1 <= int(text) <= len(choices):
        return choices[int(text) - 1].value
    for choice in choices:
        if text in (str(choice.value), choice.label) and text:
            return choice.value
    raise ValueError(f"it must be a number from 1 to {len(choices)}")


def _several(choices: Sequence[Choice], text: str) -> list[Any]:
    return [_chosen(choices, part.strip()) for part in text.split(",") if part.strip()]


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


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'it is not JSON: {error}; a text has quotes: "like this"') from None
