"""What a failed assertion says about an execution: all that one would look up next."""

from __future__ import annotations

from datetime import UTC, datetime

from cerebelum.engine.application.event_text import summarise
from cerebelum.engine.domain.projection import ExecutionState, advance
from cerebelum.engine.ports.store import LogLine
from cerebelum.testing.execution import Execution

_EVENTS = 12
_LOGS = 20


def describe(execution: Execution, problem: str) -> str:
    """Return `problem`, then status, error, steps, logs and last events of the execution."""
    lines = [f"{execution.id} ({execution.workflow}) {problem}", f"  status  {_status(execution)}"]
    if execution.error is not None:
        lines.append(f"  error   {execution.error.name}: {execution.error.message}")
    for step in execution.steps:
        if step.status != "completed":
            why = f": {step.error.name}: {step.error.message}" if step.error is not None else ""
            lines.append(f"  step    {step.name} {step.status}, attempt {step.attempt}, {step.line}{why}")
    lines += _logs(execution) + _events(execution)
    if execution.error is not None and execution.error.traceback:
        lines += ["  traceback", *(f"    {line}" for line in execution.error.traceback.rstrip().split("\n"))]
    return "\n".join(lines)


def _status(execution: Execution) -> str:
    text = execution.status
    if execution.status == "completed":
        text += f", with {execution.result!r}"
    elif execution.waits_for:
        text += f", for {', '.join(execution.waits_for)}"
    if execution.reason:
        text += f": {execution.reason}"
    return text


def _logs(execution: Execution) -> list[str]:
    if not execution.logs:
        return ["  logs    none"]
    left_out = len(execution.logs) - _LOGS
    title = "  logs" if left_out <= 0 else f"  logs    the last {_LOGS} of {len(execution.logs)}"
    return [title, *(_log(line) for line in execution.logs[-_LOGS:])]


def _log(line: LogLine) -> str:
    return f"    {line.step or 'workflow'}  {line.level}  {line.message}"


def _events(execution: Execution) -> list[str]:
    state, told = ExecutionState(execution_id=execution.id), []
    for recorded in execution.events:
        text = summarise(recorded.event(), state, recorded.at_us)
        moment = datetime.fromtimestamp(recorded.at_us / 1e6, UTC)
        told.append(f"    {recorded.version:>4}  {moment:%Y-%m-%d %H:%M:%S}  {recorded.type}  {text}".rstrip())
        advance(state, recorded)
    left_out = len(told) - _EVENTS
    return ["  events" if left_out <= 0 else f"  events  the last {_EVENTS} of {len(told)}", *told[-_EVENTS:]]
