"""The reason in few words why a history does not fit."""

from __future__ import annotations

import pytest

from cerebelum.engine.domain.errors import HistoryMismatch
from cerebelum.engine.domain.events import RecordedEvent, StepScheduled, encode_event
from cerebelum.engine.runtime.code.misfit import reason_of

HISTORY = [
    RecordedEvent(number, "step_scheduled", encode_event(StepScheduled(number=number, name=name)), 0)
    for number, name in enumerate(("reserve", "charge"), 1)
]
NOTHING = "nothing: the code waits or has ended"


@pytest.mark.parametrize(
    "recorded, requested, reason",
    [
        ("step_scheduled  reserve", "step_scheduled  charge", "step order changed: charge before reserve"),
        ("step_scheduled  reserve", "step_scheduled  audit", "step audit where reserve ran"),
        ("step_scheduled  charge  {'args': [1]}", "step_scheduled  charge  {'args': [2]}", "step charge gets other arguments"),
        ("step_scheduled  charge", NOTHING, "charge (step_scheduled) is not asked for any more, event 7"),
        ("timer_started", "step_scheduled  audit", "asks for audit where event 7 is timer_started"),
        ("wait_started  paid", "timer_started", "asks for timer_started where event 7 is paid (wait_started)"),
    ],
)  # fmt: skip
def test_a_mismatch_reads_in_one_line(recorded: str, requested: str, reason: str) -> None:
    """W3: names of steps instead of events, and what changed about them where that can be seen."""
    error = HistoryMismatch("exec-1", version=7, recorded=recorded, requested=requested)
    assert reason_of(error, HISTORY) == reason


def test_another_error_is_its_first_line() -> None:
    """W3: code that fails in a replay says how."""
    assert reason_of(ValueError("no bound\nsecond line"), HISTORY) == "ValueError: no bound"
