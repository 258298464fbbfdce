"""A form, asked field by field on a terminal: choices are numbered, and each answer is checked before the next.

Whatever comes from a workflow (names, labels, prompts) goes through the filter for terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cerebelum.engine.domain.form import Choice, Fault, Field, Form, check, check_field
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.typed_answers import chosen, hint_of, json_value, parsed, several


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
            return self._until("choice", lambda text: chosen(form.choices, text))
        if form.type == "multi_choice":
            self._list(form.choices)
            return self._until("choices, with commas between", lambda text: several(form.choices, text))
        if form.fields:
            filled_in = ((one, self._field(form, one)) for one in form.fields)
            return {one.name: value for one, value in filled_in if value is not None}
        return self._until("answer (JSON)", json_value)

    def _field(self, form: Form, one: Field) -> Any:
        label = one.label or one.name
        hint = hint_of(one)
        if one.type == "select":
            self._say(f"{visible(label, keep_newlines=False)}:")
            self._list(one.options)
        question = f"{label}{f' ({hint})' if hint else ''}"
        while True:
            value = self._until(question, lambda text: None if not text else parsed(one, text))
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
