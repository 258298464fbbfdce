"""How a function ends, as a value: `ok`, `error`, and in workflows of edges `sleep` and `parallel`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Ok(Struct, frozen=True):
    """Success with a value. A step or workflow that returns it has the value as its result."""

    value: Any = None


class Error(Struct, frozen=True):
    """A step's or workflow's refusal."""

    reason: str
    anything: bool = False  # `error(...)`: the pattern that every error fits


class Sleep(Struct, frozen=True):
    """In a workflow of edges: go on with `state` after a durable pause."""

    duration_us: int
    state: Any = None


class Together(Struct, frozen=True):
    """In a workflow of edges: run these functions at once from `state`, then go on with what they made of it."""

    functions: tuple[Callable[..., Any], ...]
    state: Any = None
    has_state: bool = False


def error(reason: object) -> Error:
    """Return this from a step or workflow to fail it with `reason`, without an exception.

    As an edge's condition it is a pattern: `when=error("declined")`, and `when=error(...)` fits every error.
    """
    return Error("…", anything=True) if reason is ... else Error(str(reason))


def ok(value: Any = None) -> Any:
    """Return `value` as a success: the counterpart of `error`. What the caller gets is `value` itself.

    As an edge's condition it is a pattern: `when=ok(3)`, and `when=ok(...)` fits every success.
    """
    return Ok(value)
