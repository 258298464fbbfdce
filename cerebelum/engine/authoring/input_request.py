"""What workflow code asks a person: handed to the activation, which records it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from cerebelum.engine.domain.form import Form


class Request(Struct, frozen=True, kw_only=True):
    """A wait for a person's answer."""

    name: str
    form: Form
    prompt: str = ""
    annotation: Any = Any  # what the answer is decoded as
    timeout_us: int | None = None
    default: tuple[Any, ...] = ()  # (value,): what a timeout gives; (): it raises
    step: str = ""
