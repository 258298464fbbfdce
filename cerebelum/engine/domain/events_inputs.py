"""Events of a wait for a person's answer. `events` holds them with all others, and states their rules."""

from __future__ import annotations

from msgspec import Raw

from cerebelum.engine.domain.event_base import NULL, Command, Event, Trigger
from cerebelum.engine.domain.form import Fault, Form


class InputRequested(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "input_requested"
    name: str
    form: Form = Form()
    prompt: str = ""
    due_us: int | None = None
    step: str = ""  # the block of a flow that waits; "": the workflow's own code


class InputReceived(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    """An answer that fits the form."""

    type = "input_received"
    number: int
    answer: Raw = NULL
    by: str = ""


class InputRefusedEvent(Event, frozen=True, omit_defaults=True, kw_only=True):
    """A note: the workflow's own class does not take an answer that fits the form. The input stays open."""

    type = "input_refused"
    number: int
    faults: tuple[Fault, ...] = ()
    by: str = ""


class InputTimedOutEvent(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    type = "input_timed_out"
    number: int


class InputClosed(Command, frozen=True, omit_defaults=True, kw_only=True):
    """The workflow no longer waits for input `of`: a timeout around it, or a cancellation."""

    type = "input_closed"
    of: int
