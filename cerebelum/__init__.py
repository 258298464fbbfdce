"""Cerebelum: durable workflows in plain Python. The public names, and nothing else.

The heavy ones (`connect` brings a store) are loaded at first use: importing a flow stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cerebelum.engine.authoring.contexts import (
    append_context,
    context,
    delete_context,
    get_context,
    has_context,
    increment_context,
    init_accumulator,
    input,  # noqa: A004 - the founding documents' name
    merge_context,
    put_context,
    state,
    update_context,
)
from cerebelum.engine.authoring.fanout import map_steps, together
from cerebelum.engine.authoring.info import Info, current_step, heartbeat, info, transaction, workflow_id
from cerebelum.engine.authoring.inputs import wait_for_input
from cerebelum.engine.authoring.messages import on_query, on_update, wait_until
from cerebelum.engine.authoring.outcome import error, ok
from cerebelum.engine.authoring.plain import value_of
from cerebelum.engine.authoring.saga import saga
from cerebelum.engine.authoring.step import step
from cerebelum.engine.authoring.waits import continue_as_new, patched, sleep, sleep_for, sleep_until, wait_for_signal
from cerebelum.engine.authoring.workflow import workflow
from cerebelum.engine.domain.context import Context
from cerebelum.engine.domain.durations import days, hours, minutes, seconds
from cerebelum.engine.domain.errors import CerebelumError, HistoryMismatch
from cerebelum.engine.domain.errors_context import ContextConflict, ContextKeyMissing, ContextValueRefused
from cerebelum.engine.domain.errors_inputs import (
    InputAnswered,
    InputExpired,
    InputNotOpen,
    InputRefused,
    InputTimedOut,
)
from cerebelum.engine.domain.errors_messages import UpdateFailed, UpdateRefused
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
    from cerebelum.engine.authoring.blocks import (
        ask,
        decision,
        delay,
        delay_until,
        edge,
        foreach,
        loop,
        node,
        parallel,
        receive,
        subflow,
        switch,
    )
    from cerebelum.engine.authoring.flow import Flow, FlowWarning, Workflow
    from cerebelum.engine.authoring.schedules import at, cron, every, fire_time
    from cerebelum.engine.domain.errors_flow import BranchConflict, InvalidFlow, InvalidReturn, IterationsExceeded
    from cerebelum.engine.domain.errors_schedule import InvalidSchedule

_LAZY = {
    **dict.fromkeys(("connect", "connect_blocking"), "cerebelum.connect"),
    **dict.fromkeys(
        (
            "ask", "decision", "delay", "delay_until", "edge", "foreach", "loop", "node", "parallel", "receive",
            "subflow", "switch",
        ),
        "cerebelum.engine.authoring.blocks",
    ),
    **dict.fromkeys(("Flow", "FlowWarning", "Workflow"), "cerebelum.engine.authoring.flow"),
    **dict.fromkeys(("at", "cron", "every", "fire_time"), "cerebelum.engine.authoring.schedules"),
    **dict.fromkeys(
        ("BranchConflict", "InvalidFlow", "InvalidReturn", "IterationsExceeded"), "cerebelum.engine.domain.errors_flow"
    ),
    "InvalidSchedule": "cerebelum.engine.domain.errors_schedule",
}  # fmt: skip

__version__ = "0.1.0"
__all__ = [
    "BranchConflict", "CerebelumError", "ChildFailed", "Context", "ContextConflict", "ContextKeyMissing",
    "ContextValueRefused", "ExecutionCancelled", "ExecutionFailed", "Flow", "FlowWarning", "HistoryMismatch",
    "Info", "InputAnswered", "InputExpired", "InputNotOpen", "InputRefused", "InputTimedOut", "InvalidFlow",
    "InvalidReturn", "InvalidSchedule", "IterationsExceeded", "Retry", "SignalTimedOut", "StepFailed",
    "StepInterrupted", "StepTimedOut", "UpdateFailed", "UpdateRefused", "Workflow", "WorkflowTimedOut",
    "append_context", "ask", "at", "connect", "connect_blocking", "context", "continue_as_new", "cron",
    "current_step", "days", "decision", "delay", "delay_until", "delete_context", "edge", "error", "every",
    "fire_time", "foreach", "get_context", "has_context", "heartbeat", "hours", "increment_context", "info",
    "init_accumulator", "input", "loop", "map_steps", "merge_context", "minutes", "node", "ok", "on_query",
    "on_update", "parallel", "patched", "put_context", "receive", "saga", "seconds", "sleep", "sleep_for",
    "sleep_until", "state", "step", "subflow", "switch", "together", "transaction", "update_context",
    "value_of", "wait_for_input", "wait_for_signal", "wait_until", "workflow", "workflow_id",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'cerebelum' has no attribute {name!r}")
