"""`info()` and `heartbeat()`: what running code may know about, and tell, its execution."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

from cerebelum.engine.authoring.activation import current
from cerebelum.engine.domain.context import Context
from cerebelum.engine.domain.errors_runtime import NotInStep


class Info(Struct, frozen=True, kw_only=True):
    """About the execution, and inside a step about the step."""

    execution_id: str
    workflow: str
    run: int  # counts continue_as_new and retries of the workflow, from 1
    started_at: datetime
    input: dict[str, Any]  # arguments by name, as JSON holds them; of those left out, the defaults
    resume_data: Any = None  # of the last `resume … --data`
    step: str | None = None  # None in workflow code
    attempt: int = 0
    idempotency_key: str | None = None  # the same for every attempt of this step, after every crash
    progress: Any = None  # what the last heartbeat of an earlier attempt said


class RunningStep(Protocol):
    """What the step runner binds to a step's context."""

    @property
    def context(self) -> Context | None: ...

    def info(self) -> Info: ...

    def heartbeat(self, progress: Any) -> None: ...

    def execute(self, statement: str, parameters: tuple[object, ...]) -> None: ...


running_step: ContextVar[RunningStep | None] = ContextVar("cerebelum_running_step", default=None)


def _running(call: str) -> RunningStep:
    bound = running_step.get()
    if bound is None:
        raise NotInStep(f"{call} has a meaning inside a running step only")
    return bound


def info() -> Info:
    """Return what there is to know about the running step, or about the execution inside workflow code.

    Raises:
        NotInStep: called from neither.
    """
    activation = current()
    if activation is not None:
        return activation.info()
    bound = running_step.get()
    if bound is None:
        raise NotInStep("info() has a meaning inside a workflow or a running step only")
    return bound.info()


def heartbeat(progress: Any = None) -> None:
    """Tell that the step is alive and how far it is; the next attempt finds `progress` in `info().progress`."""
    _running("heartbeat(…)").heartbeat(progress)


class Transaction:
    """Writes that commit together with the result of the running `transactional` step."""

    def execute(self, statement: str, *parameters: object) -> None:
        """Queue one statement of the store's SQL dialect; `?` (SQLite) or `$1` (PostgreSQL) stand for parameters."""
        _running("transaction().execute(…)").execute(statement, parameters)


def transaction() -> Transaction:
    """Return the running step's transaction.

    Raises:
        NotInStep: outside a step.
    """
    _running("transaction()")
    return Transaction()


def workflow_id() -> str:
    """Return the id of the execution that the running code belongs to."""
    return info().execution_id


def current_step() -> str | None:
    """Return the running step's name; None in workflow code."""
    return info().step
