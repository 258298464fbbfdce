"""Forms of classes, fields, choices and schemas; and what cannot be a form, with the text that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pytest

from cerebelum import wait_for_input
from cerebelum.engine.authoring.form_of import MOST_FORM_BYTES, form_of
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_runtime import NotInStep
from cerebelum.engine.domain.form import Choice, Field, check


@dataclass
class Nested:
    inner: list[int]


@dataclass
class Everything:
    text: str
    number: float
    whole: int
    yes: bool
    choice: Literal["a", "b"]
    nested: Nested
    maybe: str | None = None


def test_a_class_tells_its_fields() -> None:
    """C12: names, types, options and what is required, for people; what is more complicated is asked as JSON."""
    form, annotation = form_of("x", Everything)
    assert annotation is Everything
    assert form.fields == (
        Field(name="text", required=True),
        Field(name="number", type="number", required=True),
        Field(name="whole", type="number", integer=True, required=True),
        Field(name="yes", type="boolean", required=True),
        Field(name="choice", type="select", options=(Choice("a"), Choice("b")), required=True),
        Field(name="nested", type="json", required=True),
        Field(name="maybe"),
    )
    good = {"text": "t", "number": 1.5, "whole": 1, "yes": True, "choice": "a", "nested": {"inner": [1]}}
    assert check(form, good).faults == []
    wrong = check(form, good | {"nested": {"inner": ["x"]}, "choice": "c", "maybe": 1})
    assert [fault.field for fault in wrong.faults] == ["choice", "nested.inner[0]", "maybe"]


def test_a_form_survives_json() -> None:
    """C12: what is recorded is the form, whole."""
    for options in (
        {"form": Everything},
        {"choices": [1, "a"]},
        {"schema": {"type": "integer"}},
        {"form": [{"name": "a"}]},
    ):
        form, _ = form_of("x", **options)
        assert msgspec.json.decode(msgspec.json.encode(form), type=type(form)) == form


@pytest.mark.parametrize(
    "bound, good, bad",
    [
        ({"type": "number", "min": 1, "max": 3}, 3, 3.5),
        ({"type": "number", "integer": True}, 2.0, 2.5),
        ({"type": "date", "min": "2026-01-01", "max": "2026-12-31"}, "2026-06-01", "2027-01-01"),
        ({"type": "date"}, "2026-06-01", "1.6.2026"),
        ({"type": "boolean"}, False, 0),
        ({"type": "select", "options": [1, 2]}, 1, True),
        ({"type": "text", "max_length": 3}, "abc", "abcd"),
        ({"type": "text", "required": True}, "a", ""),
    ],
)
def test_fields_have_bounds(bound: dict[str, Any], good: Any, bad: Any) -> None:
    """C12, C13: what is inside passes, what is outside is refused under the field's name."""
    form, _ = form_of("x", [{"name": "f", **bound}])
    assert check(form, {"f": good}).answer == {"f": good}
    assert [fault.field for fault in check(form, {"f": bad}).faults] == ["f"]


@pytest.mark.parametrize(
    "options, text",
    [
        ({"type_": "essay"}, "type='essay' is none of form, single_choice, multi_choice"),
        ({"type_": "single_choice"}, "a choice needs choices="),
        ({"choices": [{"label": "x"}]}, r"choices\[0\] must be"),
        ({"choices": "abc"}, "must be a list"),
        ({"type_": "form", "choices": [1]}, "needs type="),
        ({"form": Everything, "schema": {}}, "takes one of"),
        ({"form": int}, "form=int is no dataclass"),
        ({"form": {"name": "a"}}, "a class or a list of fields"),
        ({"form": []}, "a form needs a field"),
        ({"form": [{"type": "text"}]}, "field 1 needs a name"),
        ({"form": [{"name": "a"}, {"name": "a"}]}, "two fields are called 'a'"),
        ({"form": [{"name": "a", "type": "colour"}]}, "type 'colour' is none of"),
        ({"form": [{"name": "a", "type": "select"}]}, "a select needs some"),
        ({"form": [{"name": "a", "options": [1]}]}, "options belong to a select"),
        ({"form": [{"name": "a", "max_lenght": 1}]}, "has 'max_lenght'"),
        ({"form": [{"name": "a", "max_length": 0}]}, "a whole number from 1"),
        ({"form": [{"name": "a", "type": "number", "min": "1"}]}, "bounds a number with a number"),
        ({"schema": {"if": {}}}, "not supported"),
        ({"choices": [object()]}, "is not JSON"),
        ({"choices": ["x" * MOST_FORM_BYTES]}, "bytes as JSON"),
    ],
)
def test_what_cannot_be_a_form_is_refused(options: dict[str, Any], text: str) -> None:
    """C12: where the workflow asks, with the place in the form."""
    with pytest.raises(DefinitionError, match=text):
        form_of("x", **options)


@pytest.mark.parametrize(
    "options, text",
    [
        ({"name": ""}, "1 to 200 characters"),
        ({"name": "x", "prompt": "p" * 10_001}, "10,000 characters"),
        ({"name": "x", "default": 1}, "no timeout="),
        ({"name": "x", "default": 1, "timeout_value": 1, "timeout": 1}, "one of default= and timeout_value="),
        ({"name": "x", "form": Everything, "fields": []}, "one of form= and fields="),
    ],
)
async def test_what_cannot_be_asked_is_refused(options: dict[str, Any], text: str) -> None:
    """C11: options that contradict one another are errors where they stand."""
    with pytest.raises(DefinitionError, match=text):
        await wait_for_input(**options)


async def test_outside_a_workflow_there_is_nobody_to_wait() -> None:
    """C11: the error names the call."""
    with pytest.raises(NotInStep, match="wait_for_input"):
        await wait_for_input("x")
