"""Schedules as rows of a table, as JSON, and as words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from msgspec import Struct

from cerebelum.engine.domain.schedules.coming import Coming
from cerebelum.engine.domain.schedules.rules import At, Cron, Every
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.domain.schedules.wording import interval, offset, wall, when, zone_of
from cerebelum.engine.runtime.rendering import mask_json
from cerebelum_cli.words import clock, duration, rfc3339

SCHEDULE = "cerebelum.schedule/1"
LIST_COLUMNS = ("NAME", "WHEN", "TIMEZONE", "NEXT", "LAST", "STATE", "WORKFLOW")
LIST_LEAST = ("LAST", "TIMEZONE", "WORKFLOW")
FIRE_COLUMNS = ("LOCAL", "OFFSET", "UTC", "IN", "DST", "NOTE")
FIRE_LEAST = ("NOTE", "IN")
FIRE_WIDTH = 130  # of a terminal that has room for all columns
RUN_COLUMNS = ("FIRE", "OUTCOME", "ID", "REASON")


class Shown(Struct, frozen=True):
    """A schedule, and what stands in the way of its fires; "" if nothing does."""

    row: ScheduleRow
    problem: str = ""


def state_of(shown: Shown) -> str:
    """Return one word: active, paused, done (nothing is to come), no-node (nobody can fire it)."""
    if not shown.row.enabled:
        return "paused"
    if shown.row.next_run_at_us is None:
        return "done"
    return "no-node" if shown.problem else "active"


def list_cells(shown: Shown) -> list[str]:
    """Return a schedule as a row of `schedule list`."""
    row = shown.row
    next_at = clock(row.next_run_at_us) if row.enabled else ""
    return [
        row.name, when(row.spec.rule), zone_of(row.spec.rule), next_at, clock(row.last_run_at_us), state_of(shown),
        row.workflow,
    ]  # fmt: skip


def of_schedule(shown: Shown) -> dict[str, Any]:
    """Return a schedule as JSON."""
    row, spec = shown.row, shown.row.spec
    rule = spec.rule
    return {
        "schema": SCHEDULE,
        "name": row.name,
        "workflow_module": row.module or None,
        "workflow_name": row.workflow,
        "kind": {Cron: "cron", Every: "every", At: "at"}[type(rule)],
        "cron_expression": rule.expression if isinstance(rule, Cron) else None,
        "every_ms": rule.every_us / 1000 if isinstance(rule, Every) else None,
        "anchor_at": rfc3339(rule.anchor_us) if isinstance(rule, Every) else None,
        "at": rfc3339(rule.at_us) if isinstance(rule, At) else None,
        "timezone": zone_of(rule),
        "input": mask_json(spec.input or {}),
        "queue": spec.queue,
        "jitter_ms": spec.jitter_us / 1000,
        "overlap": spec.overlap,
        "catch_up": spec.catch_up,
        "max_missed": spec.max_missed,
        "enabled": row.enabled,
        "state": state_of(shown),
        "paused_reason": row.paused_reason or None,
        "paused_by": row.paused_by or None,
        "problem": shown.problem or None,
        "origin": row.origin,
        "waiting": row.waiting,
        "last_run_at": rfc3339(row.last_run_at_us),
        "next_run_at": rfc3339(row.next_run_at_us),
        "inserted_at": rfc3339(row.inserted_at_us),
        "updated_at": rfc3339(row.updated_at_us),
    }


def facts(shown: Shown) -> Iterable[tuple[str, str]]:
    """Yield what `schedule show` says, name and text."""
    row, spec = shown.row, shown.row.spec
    from cerebelum_cli.words import shown as json_text

    yield "schedule", row.name
    yield "workflow", row.workflow + (f"  from {row.module}" if row.module else "  put by hand")
    zone = f"  {spec.rule.timezone}" if isinstance(spec.rule, Cron) else ""
    anchor = f"  from {clock(spec.rule.anchor_us)}" if isinstance(spec.rule, Every) and spec.rule.anchor_us else ""
    yield "when", when(spec.rule) + zone + anchor
    yield "state", state_of(shown) + (f": {row.paused_reason}" if not row.enabled and row.paused_reason else "")
    if shown.problem:
        yield "problem", shown.problem
    if row.enabled:
        yield "next", clock(row.next_run_at_us) or "never"
    yield "last", clock(row.last_run_at_us) or "never"
    if spec.input:
        yield "input", json_text(mask_json(spec.input))
    if spec.queue:
        yield "queue", spec.queue
    if spec.jitter_us:
        yield "jitter", f"up to {interval(spec.jitter_us)}"
    waiting = f", {row.waiting} waiting" if row.waiting else ""
    most = f", at most {spec.max_missed}" if spec.overlap == "queue" else ""
    yield "overlap", f"{spec.overlap}{most}{waiting}"
    yield "catch up", spec.catch_up + (f", at most {spec.max_missed}" if spec.catch_up == "all" else "")


def of_run(run: ScheduleRun) -> dict[str, Any]:
    """Return what became of one fire, as JSON."""
    return {
        "schema": "cerebelum.schedule_run/1",
        "schedule": run.schedule,
        "fire_at": rfc3339(run.fire_at_us),
        "outcome": run.outcome,
        "execution_id": run.execution_id,
        "reason": run.reason or None,
        "decided_at": rfc3339(run.at_us),
    }


def run_cells(run: ScheduleRun) -> list[str]:
    """Return what became of one fire, as cells."""
    return [clock(run.fire_at_us), run.outcome, run.execution_id or "", run.reason]


def fire_rows(
    fires: Sequence[Coming], *, schedule: str | None, zone: str, now_us: int
) -> Iterable[tuple[dict[str, Any], list[str]]]:
    """Yield coming fires as JSON and cells; a fire before which the clocks changed says so."""
    before: timedelta | None = None
    for number, fire in enumerate(fires, start=1):
        ahead = fire.local.utcoffset() or timedelta()
        change = None if before is None or before == ahead else ahead - before
        before = ahead
        note = fire.note or ("" if change is None else f"the clocks went {_moved(change)} before this")
        mark = fire.dst or ("" if change is None else _signed(change))
        shape = {
            "schema": "cerebelum.fire/1",
            "schedule": schedule,
            "number": number,
            "at": rfc3339(fire.at_us),
            "local": fire.local.isoformat(),
            "timezone": zone,
            "in_ms": (fire.at_us - now_us) / 1000,
            "dst": fire.dst or None,
            "clocks_changed_ms": None if change is None else change / timedelta(milliseconds=1),
            "note": note or None,
        }
        wait = duration(fire.at_us - now_us) if fire.at_us >= now_us else f"{duration(now_us - fire.at_us)} ago"
        yield shape, [wall(fire.local), offset(fire.local), clock(fire.at_us), wait, mark, note]


def _signed(change: timedelta) -> str:
    sign = "+" if change > timedelta() else "-"
    return f"{sign}{interval(abs(change) // timedelta(microseconds=1))}"


def _moved(change: timedelta) -> str:
    way = "forward" if change > timedelta() else "back"
    return f"{way} by {interval(abs(change) // timedelta(microseconds=1))}"
