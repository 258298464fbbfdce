"""What a timer belongs to, in a word, for people: of an execution in memory, or of one that rests in the store."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.projection import reconstruct
from cerebelum.engine.runtime.live import LiveExecution
from cerebelum.engine.runtime.pending import PendingInput, PendingStep, PendingTimer, PendingWait

START, TIMEOUT = "start", "timeout"


def name_in_memory(live: LiveExecution, number: int) -> str:
    """Return what timer `number` belongs to: a step's name (its retry), "sleep", "signal NAME", "input NAME" …"""
    pending = live.run.pending.get(number)
    match pending:
        case PendingStep():
            return pending.command.name
        case PendingWait():
            return f"signal {pending.command.name}"
        case PendingInput():
            return f"input {pending.command.name}"
        case PendingTimer() if pending.handle.is_sleep:
            return "sleep"
    return TIMEOUT if number >= 0 else START


def name_in_history(execution_id: str, history: Sequence[RecordedEvent], due_us: int) -> str:
    """Return what the timer that is due at `due_us` belongs to, as `name_in_memory`."""
    state = reconstruct(execution_id, history)
    for step in state.open_steps:
        if step.attempts and step.attempts[-1].retry_at_us == due_us:
            return step.name
    for wait in state.open.values():
        if wait.due_us == due_us:
            return f"{wait.kind} {wait.name}".strip()
    return TIMEOUT if state.started_us is not None else START
