"""What every event is: the base classes of `events`, whose rules hold here too."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Raw, Struct

NULL = Raw(b"null")
ABSENT = Raw(b"")  # false, and left out when encoded; msgspec does not decode `Raw | None`


class ErrorInfo(Struct, frozen=True, omit_defaults=True):
    """An exception as data: what a person needs to read, and what is needed to raise it again."""

    type: str  # "module:QualName"; builtins without the module
    message: str
    traceback: str = ""  # rendered, frames of the engine left out; bounded
    args: Raw = ABSENT  # JSON array, where JSON holds the exception's args exactly
    attrs: Raw = ABSENT  # JSON object: its own attributes, likewise
    code: str = ""  # the code of a CerebelumError

    @property
    def name(self) -> str:
        """The class name without its module."""
        return self.type.rpartition(":")[2].rpartition(".")[2]


class Event(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Base of all events; `type` is the tag on disk."""

    type: ClassVar[str]


class Command(Event, frozen=True, omit_defaults=True, kw_only=True):
    """What workflow code asked for. `number` counts an execution's commands from 1."""

    number: int
    line: str = ""  # "flow.py:22": where the code stood


class Trigger(Event, frozen=True, omit_defaults=True, kw_only=True):
    """What workflow code is told."""
