"""Errors that meet workflow code, or the caller who waits for its result."""

from __future__ import annotations

from cerebelum.engine.domain.errors import CerebelumError


class StepFailed(CerebelumError):
    """A step failed for good. Raised in the workflow where its own exception cannot be made again from the history.

    Where it can (a class of a loaded module, with arguments that JSON holds), the workflow sees that exception,
    and this one is its `__cause__`.
    """

    code = "CB801"

    def __init__(self, step: str, *, attempts: int, error_type: str, message: str, traceback: str = "") -> None:
        tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        super().__init__(f"step {step!r} failed after {tries}: {error_type}: {message}")
        self.step, self.attempts, self.error_type = step, attempts, error_type
        self.message, self.remote_traceback = message, traceback


class StepTimedOut(CerebelumError, TimeoutError):
    """One attempt of a step took longer than the step's `timeout`. Counts as a failed attempt."""

    code = "CB802"

    def __init__(self, step: str, timeout_s: float) -> None:
        super().__init__(f"step {step!r} took longer than its timeout of {timeout_s:g} s")
        self.step, self.timeout_s = step, timeout_s


class StepInterrupted(CerebelumError):
    """The process died while an `at_most_once` step ran: whether it took effect is not known, so it is not run again."""

    code = "CB803"

    def __init__(self, step: str) -> None:
        super().__init__(
            f"step {step!r} was interrupted; it is at_most_once, so it was not run again. Check what it did"
        )
        self.step = step


class ErrorResult(CerebelumError):
    """A step or workflow returned `error(reason)`. Counts exactly like an exception."""

    code = "CB804"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChildFailed(CerebelumError):
    """A child workflow ended as failed or cancelled."""

    code = "CB805"

    def __init__(self, workflow: str, execution_id: str, message: str) -> None:
        super().__init__(f"child {workflow} ({execution_id}) {message}\n  see `cerebelum show {execution_id}`")
        self.workflow, self.execution_id, self.message = workflow, execution_id, message


class WorkflowTimedOut(CerebelumError, TimeoutError):
    """The execution took longer, waits included, than the workflow's `timeout`."""

    code = "CB806"

    def __init__(self, workflow: str, timeout_s: float) -> None:
        super().__init__(f"workflow {workflow!r} took longer than its timeout of {timeout_s:g} s")
        self.workflow, self.timeout_s = workflow, timeout_s


class SignalTimedOut(CerebelumError, TimeoutError):
    """No matching signal came within the wait's timeout."""

    code = "CB807"

    def __init__(self, name: str, timeout_s: float) -> None:
        super().__init__(f"no matching signal {name!r} came within {timeout_s:g} s")
        self.name, self.timeout_s = name, timeout_s


class ExecutionFailed(CerebelumError):
    """The execution ended as failed; raised to whoever asks for its result."""

    code = "CB808"

    def __init__(self, execution_id: str, *, error_type: str, message: str, traceback: str = "") -> None:
        super().__init__(
            f"execution {execution_id} failed: {error_type}: {message}\n  see `cerebelum show {execution_id}`"
        )
        self.execution_id, self.error_type, self.message = execution_id, error_type, message
        self.remote_traceback = traceback


class ExecutionCancelled(CerebelumError):
    """The execution was cancelled; raised to whoever asks for its result."""

    code = "CB809"
    exit_code = 8

    def __init__(self, execution_id: str, reason: str = "") -> None:
        super().__init__(f"execution {execution_id} was cancelled" + (f": {reason}" if reason else ""))
        self.execution_id, self.reason = execution_id, reason


class HistoryTooLong(CerebelumError):
    """The history reached its limit; the execution fails rather than grow without bound."""

    code = "CB810"

    def __init__(self, execution_id: str, *, event_count: int, limit: int) -> None:
        super().__init__(
            f"the history of {execution_id} has {event_count:,} events; the limit is {limit:,}\n"
            f"  help: continue with an empty history now and then: `continue_as_new(...)`"
        )
        self.execution_id, self.event_count, self.limit = execution_id, event_count, limit


class Deadlocked(CerebelumError):
    """The workflow waits for something that nothing can bring about: no step, timer, wait or child is open."""

    code = "CB812"

    def __init__(self, execution_id: str, where: str) -> None:
        super().__init__(
            f"{execution_id} waits at {where} for something that can never come: no step, timer, signal or child is open\n"
            f"  help: an Event, Queue or Lock must be served by another task of the same workflow"
        )
        self.execution_id, self.where = execution_id, where


class PoisonExecution(CerebelumError):
    """The execution was taken up again and again, and each time ended its process or blocked it. It was parked."""

    code = "CB813"

    def __init__(self, execution_id: str, evidence: str) -> None:
        super().__init__(f"{execution_id} was parked: {evidence}\n  see `cerebelum replay {execution_id}`")
        self.execution_id, self.evidence = execution_id, evidence


class ContinueAsNew(BaseException):
    """Raised by `continue_as_new`; not an `Exception`, so that user code does not swallow it."""

    def __init__(self, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        super().__init__()
        self.call_args, self.call_kwargs = args, kwargs


class NotInStep(CerebelumError):
    """A function that only means something inside a running step, or inside a workflow, was called elsewhere."""

    code = "CB811"
