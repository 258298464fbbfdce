"""What a history says about waits for people: a part of `projection`, and the list of all that wait."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Raw, Struct

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.form import Fault, Form

if TYPE_CHECKING:
    from cerebelum.engine.domain.projection import ExecutionState

INPUT_EVENTS = ("input_requested", "input_received", "input_timed_out", "input_closed", "execution_retried")
CURRENT_STEP = "input "  # `current_step` of an execution that waits for a person begins so


class InputState(Struct, kw_only=True):
    """One input and what became of it. Instants in microseconds since the Unix epoch."""

    number: int
    name: str
    form: Form
    prompt: str = ""
    step: str = ""
    line: str = ""
    run: int = 1
    status: str = "pending"  # completed, timeout, cancelled (the workflow no longer waits for it)
    answer: Raw | None = None
    by: str = ""
    refusals: int = 0  # answers that the workflow's own class did not take
    faults: tuple[Fault, ...] = ()  # of the last of those
    since_us: int = 0
    due_us: int | None = None
    ended_us: int | None = None

    @property
    def key(self) -> str:
        """The key of the message that may answer it: the store takes one answer, and another after a refusal."""
        return f"input:{self.run}:{self.number}:{self.refusals}"


class OpenInput(Struct, frozen=True, kw_only=True):
    """An input that waits for a person, in some execution."""

    execution_id: str
    workflow: str
    number: int
    name: str
    form: Form
    prompt: str = ""
    step: str = ""
    since_us: int = 0
    due_us: int | None = None


def apply_input(state: ExecutionState, event: ev.Event | ev.UnknownEvent, at_us: int) -> None:
    """Apply an event to `state.inputs`; those of other kinds change nothing."""
    match event:
        case ev.InputRequested():
            state.inputs[event.number] = InputState(
                number=event.number, name=event.name, form=event.form, prompt=event.prompt, step=event.step,
                line=event.line, run=state.run, since_us=at_us, due_us=event.due_us,
            )  # fmt: skip
        case ev.InputReceived():
            _end(state, event.number, "completed", at_us, event)
        case ev.InputTimedOutEvent():
            _end(state, event.number, "timeout", at_us)
        case ev.InputClosed():
            _end(state, event.of, "cancelled", at_us)
        case ev.InputRefusedEvent() if event.number in state.inputs:
            asked = state.inputs[event.number]
            asked.refusals, asked.faults = asked.refusals + 1, event.faults


def _end(state: ExecutionState, number: int, status: str, at_us: int, answer: ev.InputReceived | None = None) -> None:
    asked = state.inputs.get(number)
    if asked is None or asked.status != "pending":
        return  # whichever was recorded first counts
    asked.status, asked.ended_us = status, at_us
    if answer is not None:
        asked.answer, asked.by = answer.answer, answer.by


def close_inputs(state: ExecutionState, at_us: int) -> None:
    """End every input that is open: nobody waits for an answer any more."""
    for asked in state.inputs.values():
        _end(state, asked.number, "cancelled", at_us)


def open_inputs(found: Iterable[tuple[str, str, ev.RecordedEvent]]) -> list[OpenInput]:
    """Return the inputs that wait, those that wait longest first.

    Args:
        found: (execution id, workflow, event), the events in `INPUT_EVENTS` of each execution in order.
    """
    waiting: dict[tuple[str, int], OpenInput] = {}
    for execution_id, workflow, recorded in found:
        event = recorded.event()
        match event:
            case ev.InputRequested():
                waiting[execution_id, event.number] = OpenInput(
                    execution_id=execution_id, workflow=workflow, number=event.number, name=event.name,
                    form=event.form, prompt=event.prompt, step=event.step, since_us=recorded.at_us,
                    due_us=event.due_us,
                )  # fmt: skip
            case ev.InputReceived(number=number) | ev.InputTimedOutEvent(number=number) | ev.InputClosed(of=number):
                waiting.pop((execution_id, number), None)
            case ev.ExecutionRetried():
                for key in [key for key in waiting if key[0] == execution_id]:
                    del waiting[key]
    return sorted(waiting.values(), key=lambda asked: (asked.since_us, asked.execution_id, asked.number))
