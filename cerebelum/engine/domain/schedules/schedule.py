"""A schedule as it is stored, and what it has done."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from cerebelum.engine.domain.durations import US_PER_S, utc
from cerebelum.engine.domain.errors_schedule import InvalidSchedule
from cerebelum.engine.domain.schedules.catching_up import Progress
from cerebelum.engine.domain.schedules.spec import ScheduleSpec

Origin = Literal["code", "hand"]
PausedBy = Literal["", "hand", "code", "fault"]
Outcome = Literal["started", "queued", "skipped", "missed", "triggered", "backfilled"]
MOST_NAME_CHARS = 150  # with a fire's time behind it, it is an execution's id

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{MOST_NAME_CHARS - 1}}}")


class ScheduleRow(Struct, kw_only=True):
    """One row of `schedules`. Instants in microseconds since the Unix epoch, UTC; None: never, or not yet.

    Attributes:
        module: where it is declared; "" when it was put by hand.
        spec: its rule and how it behaves; the store keeps its `input` apart, see there.
        input: the arguments of each execution as they go into its history, by name.
        paused_reason: why it does not fire; "" while it is enabled.
        paused_by: a person, code that does not declare it any more, or a fault of it.
        last_run_at_us: when it last started an execution.
        next_run_at_us: its next fire, before jitter.
        due_at_us: when a node looks at it next: the next fire with its jitter. While fires are queued, nodes look besides.
        waiting: how many fires are queued behind one that runs.
        revision: counts writes; a write names the one it has read. 0: not stored yet.
    """

    name: str
    workflow: str
    spec: ScheduleSpec
    progress: Progress
    module: str = ""
    input: bytes = b"{}"
    enabled: bool = True
    paused_reason: str = ""
    paused_by: PausedBy = ""
    last_run_at_us: int | None = None
    next_run_at_us: int | None = None
    due_at_us: int | None = None
    waiting: int = 0
    origin: Origin = "hand"
    revision: int = 0
    inserted_at_us: int = 0
    updated_at_us: int = 0


class ScheduleRun(Struct, kw_only=True):
    """What became of one fire. There is one at most for each (schedule, fire).

    Attributes:
        fire_at_us: the time by the rule, before jitter; of a triggered one, the instant of the call.
        outcome: "missed" stands for all fires that were left out at once, at the newest of them.
        execution_id: what it started; None: nothing.
        reason: why it is so, for people; "" when nothing stood in the way.
        at_us: when this was decided.
        is_open: its execution has not been seen to end, or it is queued.
    """

    schedule: str
    fire_at_us: int
    outcome: Outcome
    execution_id: str | None = None
    reason: str = ""
    at_us: int = 0
    is_open: bool = False


def checked_name(name: object) -> str:
    """Return a schedule's name.

    Raises:
        InvalidSchedule: it is empty, longer than 150, or holds other characters than a-z A-Z 0-9 . _ : -
    """
    if isinstance(name, str) and _NAME.fullmatch(name) is not None:
        return name
    raise InvalidSchedule(
        f"the schedule {name!r}", [f"name: must be 1 to {MOST_NAME_CHARS} of the characters a-z A-Z 0-9 . _ : -"]
    )


def execution_id_of(schedule: str, fire_at_us: int) -> str:
    """Return the id of what a fire starts: the same whoever starts it, so that nothing starts twice."""
    at = utc(fire_at_us)
    fraction = f".{fire_at_us % US_PER_S:06}" if fire_at_us % US_PER_S else ""
    return f"{schedule}-{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"
