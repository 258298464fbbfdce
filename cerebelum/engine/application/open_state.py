"""The running state of a history that is gone through: it forgets steps as they end, so its size is that of what is open."""

from __future__ import annotations

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.projection import ExecutionState, StepState, advance

_ENDS_A_STEP = ev.StepCompleted | ev.StepFailedEvent | ev.StepCancelled
_OPEN_STATUS = ("running", "waiting")


def open_state(execution_id: str) -> ExecutionState:
    """Return the state before the first event, for `pass_by`."""
    return ExecutionState(execution_id=execution_id, steps=_OpenSteps())


def pass_by(state: ExecutionState, recorded: ev.RecordedEvent, event: ev.Event | ev.UnknownEvent) -> None:
    """Apply the next event, in place, and forget what has ended. `event` is `recorded.event()`."""
    advance(state, recorded, event)
    state.signals.clear()
    state.patches.clear()
    if isinstance(event, _ENDS_A_STEP):
        number = event.of if isinstance(event, ev.StepCancelled) else event.number
        if number in state.steps and state.steps[number].status not in _OPEN_STATUS:
            del state.steps[number]
    elif isinstance(event, ev.ExecutionRetried) or recorded.type in ev.FINAL_TYPES:
        state.steps.clear()


class _OpenSteps(dict[int, StepState]):
    """Steps under way. An event may still speak of one that is gone: its end crossed with a cancellation."""

    def __missing__(self, number: int) -> StepState:
        return StepState(number=number, name="")
