"""What happened, in one line: an event as people read it in a list. Payloads are not shown, so no secret is."""

from __future__ import annotations

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.durations import US_PER_S
from cerebelum.engine.domain.projection import ExecutionState
from cerebelum.engine.runtime.masking import mask_cut

_MESSAGE_CHARS = 200


def summarise(event: ev.Event | ev.UnknownEvent, state: ExecutionState, at_us: int) -> str:
    """Return one line for an event.

    Args:
        state: of the execution before the event: it knows the names of what is open.
        at_us: when the event was recorded.
    """
    match event:
        case ev.StepScheduled(name=name, place=place):
            return place or name
        case ev.StepCompleted(number=number):
            attempt = f" (attempt {event.attempt})" if event.attempt > 1 else ""
            return f"{_step(state, number)}{attempt}{' (of an earlier run)' if event.reused else ''}"
        case ev.StepFailedEvent(number=number):
            again = "" if event.retry_at_us is None else f"; again in {_seconds(event.retry_at_us - at_us)}"
            return f"{_step(state, number)} (attempt {event.attempt}): {error_line(event.error)}{again}"
        case ev.StepStarted(number=number):
            return f"{_step(state, number)} (attempt {event.attempt})"
        case ev.StepCancelled(of=number):
            return _step(state, number)
        case ev.TimerStarted(kind=kind):
            return f"{kind} {_seconds(event.due_us - at_us)}"
        case ev.WaitStarted(name=name) | ev.InputRequested(name=name):
            return name if event.due_us is None else f"{name}, for {_seconds(event.due_us - at_us)} at most"
        case ev.TimerFired(number=0):
            return "the workflow's own timeout"
        case ev.TimerFired(number=number) | ev.WaitTimedOutEvent(number=number) | ev.ChildCompleted(number=number):
            return _wait(state, number)
        case ev.InputReceived(number=number):
            return f"{_wait(state, number)}{f' by {event.by}' if event.by else ''}"
        case ev.InputRefusedEvent(number=number) | ev.InputTimedOutEvent(number=number) | ev.InputClosed(of=number):
            return _wait(state, number)
        case ev.TimerCancelled(of=number) | ev.WaitCompleted(of=number) | ev.ChildCancelled(of=number):
            return _wait(state, number)
        case ev.ChildFailedEvent(number=number):
            return f"{_wait(state, number)}: {'cancelled' if event.cancelled else error_line(event.error)}"
    return _life(event)


def _life(event: ev.Event | ev.UnknownEvent) -> str:
    match event:
        case ev.ExecutionStarted(workflow=name) | ev.CompensationStarted(name=name) | ev.SignalReceived(name=name):
            return name
        case ev.UpdateAccepted(name=name):
            return name
        case ev.UpdateCompleted(of=version):
            return f"of event {version}"
        case ev.UpdateFailedEvent(of=version, error=error):
            return f"of event {version}: {error_line(error)}"
        case ev.ExecutionFailedEvent(error=error):
            return error_line(error)
        case ev.CompensationFailed(error=error):
            return f"of command {event.of}: {error_line(error)}"
        case ev.CompensationCompleted(of=number):
            return f"of command {number}"
        case ev.ExecutionRetried(error=error):
            return f"run {event.run}, after {error_line(error)}"
        case ev.ExecutionPaused(reason=reason) | ev.CancelRequested(reason=reason):
            return _line(reason)
        case ev.ExecutionCancelledEvent(reason=reason):
            return _line(reason)
        case ev.ChildStarted(workflow=name, execution_id=identity):
            return f"{name} {identity}"
        case ev.ContinuedAsNew(execution_id=identity):
            return identity
        case ev.CodeChanged():
            return f"@{event.before[:8]} → @{event.after[:8]}"
        case ev.VersionMarker(patch=patch):
            return patch
    return ""


def error_line(error: ev.ErrorInfo) -> str:
    """Return "CardDeclined: no funds", secrets masked."""
    message = _line(error.message)
    return f"{error.name}: {message}" if message else error.name


def _line(text: str) -> str:
    return mask_cut(text.partition("\n")[0], _MESSAGE_CHARS)


def _step(state: ExecutionState, number: int) -> str:
    step = state.steps.get(number)
    return (step.place or step.name) if step is not None and step.name else f"step {number}"


def _wait(state: ExecutionState, number: int) -> str:
    wait = state.open.get(number)
    return f"{wait.kind} {wait.name}".strip() if wait is not None else f"command {number}"


def _seconds(duration_us: int) -> str:
    return f"{duration_us / US_PER_S:g} s"
