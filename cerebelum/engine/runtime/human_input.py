"""Waits for people inside a run: what workflow code asks, and what it is told. Pure, like all of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cerebelum.engine.authoring.input_request import Request
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.durations import US_PER_S
from cerebelum.engine.domain.errors_inputs import InputTimedOut
from cerebelum.engine.domain.form import check
from cerebelum.engine.runtime.code_line import calling_line
from cerebelum.engine.runtime.pending import AnswerFuture, PendingInput

if TYPE_CHECKING:
    from cerebelum.engine.runtime.asking import Asking
    from cerebelum.engine.runtime.run import WorkflowRun


def ask(run: Asking, request: Request) -> AnswerFuture:
    """Record the request; the future resolves with the answer, or as the timeout says."""
    number, timeout_us = run.number + 1, request.timeout_us
    command = ev.InputRequested(
        number=number, line=calling_line(), name=request.name, form=request.form, prompt=request.prompt,
        due_us=None if timeout_us is None else run.now_us() + timeout_us, step=request.step,
    )  # fmt: skip
    run._ask(command)
    run.asks_people = True
    future = run._future(number)
    run.pending[number] = PendingInput(command, future, request.annotation, request.default, timeout_us)
    return future


def _received(run: WorkflowRun, event: ev.InputReceived, version: int) -> None:
    pending: PendingInput | None = run._answered(event.number, PendingInput, event.type, version)
    if pending is None:
        return
    command = pending.command
    try:
        answer = run.codec.decode(bytes(event.answer), pending.annotation, what=f"answer to input {command.name!r}")
        if pending.annotation is Any:
            checked = check(command.form, answer)
            answer = answer if checked.faults else checked.answer  # it fitted the form that was recorded
    except Exception as error:
        pending.future.set_exception(error)
    else:
        pending.future.set_result(answer)


def _timed_out(run: WorkflowRun, event: ev.InputTimedOutEvent, version: int) -> None:
    pending: PendingInput | None = run._answered(event.number, PendingInput, event.type, version)
    if pending is None:
        return
    if pending.default:
        pending.future.set_result(pending.default[0])
    else:
        pending.future.set_exception(InputTimedOut(pending.command.name, (pending.timeout_us or 0) / US_PER_S))


HANDLERS: dict[type[ev.Event], Callable[[WorkflowRun, Any, int], None]] = {
    ev.InputReceived: _received,
    ev.InputTimedOutEvent: _timed_out,
}
