"""What a run is told from outside: signals and updates, the end of a wait for a signal, the ends of children."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.durations import US_PER_S
from cerebelum.engine.domain.errors_runtime import ChildFailed, SignalTimedOut
from cerebelum.engine.runtime.pending import PendingChild, PendingWait

if TYPE_CHECKING:
    from cerebelum.engine.runtime.run import WorkflowRun


def _signal_received(run: WorkflowRun, event: ev.SignalReceived, version: int) -> None:
    waits = [p for p in run.pending.values() if isinstance(p, PendingWait) and p.command.name == event.name]
    if not any(run._takes(wait, version, event) for wait in waits):
        run.signals.append((version, event))


def _update_accepted(run: WorkflowRun, event: ev.UpdateAccepted, version: int) -> None:
    run.listen().accepted(run, event, version)


def _wait_timed_out(run: WorkflowRun, event: ev.WaitTimedOutEvent, version: int) -> None:
    pending: PendingWait | None = run._answered(event.number, PendingWait, "wait_timed_out", version)
    if pending is not None:
        timeout_s = (pending.timeout_us or 0) / US_PER_S
        pending.future.set_exception(SignalTimedOut(pending.command.name, timeout_s))


def _child_completed(run: WorkflowRun, event: ev.ChildCompleted, version: int) -> None:
    pending: PendingChild | None = run._answered(event.number, PendingChild, "child_completed", version)
    if pending is None:
        return
    what = f"result of child {pending.command.workflow!r}"
    try:
        pending.future.set_result(
            run.codec.decode(bytes(event.result), pending.workflow.signature.result_type, what=what)
        )
    except Exception as error:
        pending.future.set_exception(error)


def _child_failed(run: WorkflowRun, event: ev.ChildFailedEvent, version: int) -> None:
    pending: PendingChild | None = run._answered(event.number, PendingChild, "child_failed", version)
    if pending is not None:
        verb = "was cancelled" if event.cancelled else f"failed: {event.error.name}"
        text = f"{verb}: {event.error.message}" if event.error.message else verb
        pending.future.set_exception(ChildFailed(pending.command.workflow, pending.command.execution_id, text))


HANDLERS: dict[type[ev.Event], Callable[[WorkflowRun, Any, int], None]] = {
    ev.SignalReceived: _signal_received,
    ev.UpdateAccepted: _update_accepted,
    ev.WaitTimedOutEvent: _wait_timed_out,
    ev.ChildCompleted: _child_completed,
    ev.ChildFailedEvent: _child_failed,
}
