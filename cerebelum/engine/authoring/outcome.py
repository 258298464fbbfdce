"""`ok` and `error`: the founding documents' way to end a step. `return error("declined")` counts as raising."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Error(Struct, frozen=True):
    """A step's or workflow's refusal."""

    reason: str


def error(reason: object) -> Error:
    """Return this from a step or workflow to fail it with `reason`, without an exception."""
    return Error(str(reason))


def ok(value: Any = None) -> Any:
    """Return `value` itself: the counterpart of `error`."""
    return value
