"""Between schedules as the port has them and their rows, for every SQL store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import force_setattr, replace

from cerebelum.adapters.stores.rows import as_bytes, clean
from cerebelum.engine.domain.errors_schedule import InvalidSchedule
from cerebelum.engine.domain.schedules.catching_up import Progress
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.domain.schedules.spec import ScheduleSpec

SCHEDULE_COLUMNS = (
    *("name", "module", "workflow", "spec", "input", "decided_until_us", "ran_ahead", "enabled", "paused_reason"),
    *("paused_by", "last_run_at_us", "next_run_at_us", "due_at_us", "waiting", "origin", "revision"),
    *("inserted_at_us", "updated_at_us"),
)
RUN_COLUMNS = ("schedule", "fire_at_us", "outcome", "execution_id", "reason", "updated_at_us", "is_open")


def schedule_values(row: ScheduleRow, now_us: int) -> tuple[Any, ...]:
    """Return SCHEDULE_COLUMNS of a row that is written now: its revision counted up."""
    own = {
        "spec": msgspec.json.encode(replace(row.spec, input=None)).decode(),
        "input": row.input.decode(),
        "decided_until_us": row.progress.decided_until_us,
        "ran_ahead": msgspec.json.encode(row.progress.ran_ahead_us).decode(),
        "enabled": int(row.enabled),
        "paused_reason": clean(row.paused_reason),
        "revision": row.revision + 1,
        "inserted_at_us": row.inserted_at_us or now_us,
        "updated_at_us": now_us,
    }
    return tuple(own[column] if column in own else getattr(row, column) for column in SCHEDULE_COLUMNS)


def schedule_of(values: Sequence[Any]) -> ScheduleRow:
    """Return the schedule whose columns are SCHEDULE_COLUMNS."""
    fields = dict(zip(SCHEDULE_COLUMNS, values, strict=True))
    ran_ahead = msgspec.json.decode(fields.pop("ran_ahead"), type=tuple[int, ...])
    fields["progress"] = Progress(fields.pop("decided_until_us"), ran_ahead)
    fields["spec"] = spec_of(as_bytes(fields["spec"]))
    fields["input"] = as_bytes(fields["input"])
    fields["enabled"] = bool(fields["enabled"])
    return ScheduleRow(**fields)


def spec_of(text: bytes) -> ScheduleSpec:
    """Return a stored spec, also one whose zone this machine does not know: it must not hide the other schedules.

    Asked for a fire, such a one raises `InvalidSchedule`; it is stored again as it was.
    """
    try:
        return msgspec.json.decode(text, type=ScheduleSpec)
    except InvalidSchedule:
        stored = msgspec.json.decode(text)
        written, stored["rule"] = stored["rule"], {"kind": "cron", "expression": "* * * * *"}
        spec = msgspec.convert(stored, ScheduleSpec)
        for field in ("expression", "timezone"):
            force_setattr(spec.rule, field, written[field])
        return spec


def run_values(run: ScheduleRun, now_us: int) -> tuple[Any, ...]:
    """Return RUN_COLUMNS of a run, and when it was inserted."""
    at_us = run.at_us or now_us
    return (
        *(run.schedule, run.fire_at_us, run.outcome, run.execution_id, clean(run.reason), at_us, int(run.is_open)),
        at_us,
    )


def run_of(values: Sequence[Any]) -> ScheduleRun:
    """Return the run whose columns are RUN_COLUMNS."""
    fields = dict(zip(RUN_COLUMNS, values, strict=True))
    fields["at_us"], fields["is_open"] = fields.pop("updated_at_us"), bool(fields["is_open"])
    return ScheduleRun(**fields)
