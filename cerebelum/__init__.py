"""Cerebelum: durable workflows in plain Python. The public names, and nothing else.

The heavy ones (`connect` brings a store) are loaded at first use: importing a flow stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cerebelum.engine.authoring.fanout import map_steps
from cerebelum.engine.authoring.info import Info, current_step, heartbeat, info, transaction, workflow_id
from cerebelum.engine.authoring.outcome import error, ok
from cerebelum.engine.authoring.saga import saga
from cerebelum.engine.authoring.step import step
from cerebelum.engine.authoring.waits import continue_as_new, patched, sleep, sleep_for, sleep_until, wait_for_signal
from cerebelum.engine.authoring.workflow import workflow
from cerebelum.engine.domain.durations import days, hours, minutes, seconds
from cerebelum.engine.domain.errors import CerebelumError, HistoryMismatch
from cerebelum.engine.domain.errors_runtime import (
    ChildFailed,
    ExecutionCancelled,
    ExecutionFailed,
    SignalTimedOut,
    StepFailed,
    StepInterrupted,
    StepTimedOut,
    WorkflowTimedOut,
)
from cerebelum.engine.domain.retry import Retry

if TYPE_CHECKING:
    from cerebelum.connect import connect, connect_blocking

__version__ = "0.1.0"
__all__ = [
    "CerebelumError", "ChildFailed", "ExecutionCancelled", "ExecutionFailed", "HistoryMismatch", "Info", "Retry",
    "SignalTimedOut", "StepFailed", "StepInterrupted", "StepTimedOut", "WorkflowTimedOut", "connect",
    "connect_blocking", "continue_as_new", "current_step", "days", "error", "heartbeat", "hours", "info", "map_steps",
    "minutes", "ok", "patched", "saga", "seconds", "sleep", "sleep_for", "sleep_until", "step", "transaction",
    "wait_for_signal", "workflow", "workflow_id",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ("connect", "connect_blocking"):
        import cerebelum.connect as composition

        return getattr(composition, name)
    raise AttributeError(f"module 'cerebelum' has no attribute {name!r}")
