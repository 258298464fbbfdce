"""JSON Schema as far as forms use it: what fits, what does not and where, and what cannot be judged."""

from __future__ import annotations

from typing import Any

import pytest

from cerebelum.engine.domain.json_schema import faults, same_json, unsupported

PERSON: dict[str, Any] = {
    "$ref": "#/$defs/Person",
    "$defs": {
        "Person": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "pattern": "^[A-Z]"},
                "age": {"anyOf": [{"type": "integer", "minimum": 0, "exclusiveMaximum": 150}, {"type": "null"}]},
                "friends": {"type": "array", "items": {"$ref": "#/$defs/Person"}, "maxItems": 2, "uniqueItems": True},
            },
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize(
    "value, expected",
    [
        ({"name": "Ada", "age": None, "friends": [{"name": "Bob"}]}, []),
        ({}, [("name", "it is required")]),
        ({"name": ""}, [("name", "it has 0 characters; 1 are needed"), ("name", "it does not have the form ^[A-Z]")]),
        ({"name": "Ada", "age": 1.5}, [("age", "it must be a whole number, not a number")]),
        ({"name": "Ada", "age": 150}, [("age", "it is 150; it must be less than 150")]),
        ({"name": "Ada", "age": True}, [("age", "it must be a whole number, not true or false")]),
        ({"name": "Ada", "x": 1}, [("x", "the form has no such field")]),
        ({"name": "Ada", "friends": [{"name": 1}]}, [("friends[0].name", "it must be a text, not a number")]),
        ({"name": "Ada", "friends": [{"name": "B"}] * 2}, [("friends", "an item is there twice")]),
        ([], [("", "it must be an object, not a list")]),
    ],
)
def test_each_fault_has_its_place(value: Any, expected: list[tuple[str, str]]) -> None:
    """C18: what is wrong, and in which field, also in nested ones and through references."""
    assert faults(PERSON, value) == expected


@pytest.mark.parametrize(
    "schema, good, bad",
    [
        ({"enum": [1, "a", None]}, 1.0, True),
        ({"const": {"a": [1]}}, {"a": [1.0]}, {"a": [True]}),
        ({"oneOf": [{"type": "number"}, {"minimum": 5}]}, 3, 7),
        ({"allOf": [{"minimum": 2}, {"maximum": 3}]}, 2, 4),
        ({"not": {"type": "null"}}, 0, None),
        ({"multipleOf": 0.1}, 0.3, 0.35),
        ({"type": ["string", "null"]}, None, 1),
        ({"format": "date"}, "2026-01-31", "2026-02-31"),
        ({"format": "date-time"}, "2026-01-31T10:00:00Z", "noon"),
        ({"format": "uuid"}, "123e4567-e89b-12d3-a456-426614174000", "123"),
        ({"prefixItems": [{"type": "string"}], "items": {"type": "number"}}, ["a", 1], ["a", "b"]),
        ({"minProperties": 1, "additionalProperties": {"type": "number"}}, {"a": 1}, {"a": "1"}),
        (True, 1, None),
    ],
)
def test_keywords(schema: Any, good: Any, bad: Any) -> None:
    """C18: each keyword lets pass what it allows, and nothing else."""
    assert unsupported(schema) == []
    assert faults(schema, good) == []
    assert schema is True or faults(schema, bad)


def test_references_in_a_circle_end() -> None:
    """C18: a schema that refers to itself is no endless loop."""
    assert faults({"$ref": "#"}, 1) == [("", "it is nested too deep")]


@pytest.mark.parametrize(
    "schema, text",
    [
        ({"dependentSchemas": {}}, "'dependentSchemas', which is not supported"),
        ({"properties": {"a": {"if": True}}}, "schema.properties.a has 'if'"),
        ({"type": "text"}, "schema.type is 'text'"),
        ({"pattern": "("}, "schema.pattern is no regular expression"),
        ({"$ref": "#/nowhere"}, "names nothing"),
        ({"$ref": "https://example.com/x"}, "names nothing"),
        ({"minimum": "1"}, "must be a number"),
        ({"maxLength": -1}, "a whole number from 0"),
        ({"anyOf": {}}, "must be a list"),
        ({"properties": []}, "must be an object"),
        ({"required": "a"}, "must be a list"),
        ([], "must be an object"),
    ],
)
def test_what_cannot_be_judged_is_refused(schema: Any, text: str) -> None:
    """C18: a keyword that would be skipped silently, or makes no sense, is an error of the form."""
    assert any(text in sentence for sentence in unsupported(schema))


def test_the_same_json_is_not_the_same_python() -> None:
    """C14: true is not 1, and 1 is 1.0, at any depth."""
    assert same_json([{"a": 1}], [{"a": 1.0}])
    assert not same_json([{"a": 1}], [{"a": True}])
    assert not same_json({"a": None}, {})
