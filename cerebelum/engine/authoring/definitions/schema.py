"""The published JSON schema of definitions: for editors, and for whoever generates definitions."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


def schema_text() -> str:
    """Return the schema as it is published."""
    return (files("cerebelum.engine.authoring.definitions") / "definition.schema.json").read_text(encoding="utf-8")


@cache
def definition_schema() -> dict[str, Any]:
    """Return the schema as data."""
    schema: dict[str, Any] = json.loads(schema_text())
    return schema


def schema_faults(definition: dict[str, Any]) -> list[str]:
    """Return where a definition departs from the schema, each with its path."""
    from cerebelum.engine.domain.json_schema import faults  # a definition that is sound needs it once

    return [f"{path or 'definition'}: {what}" for path, what in faults(definition_schema(), definition)]
