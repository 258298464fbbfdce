"""What is said about a schedule where it is written: its rule, what it starts with, and how it behaves when it is late.

All faults are found at once, also those of different arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar, get_args

from msgspec import Struct

from cerebelum.engine.domain.durations import US_PER_S, Duration, duration_us, instant_us
from cerebelum.engine.domain.errors import DefinitionError, InvalidTime
from cerebelum.engine.domain.errors_schedule import InvalidSchedule
from cerebelum.engine.domain.queues import checked_queue
from cerebelum.engine.domain.schedules.catching_up import CatchUp
from cerebelum.engine.domain.schedules.cron_expression import least_gap_minutes, parse_cron
from cerebelum.engine.domain.schedules.overlapping import Overlap
from cerebelum.engine.domain.schedules.rules import LAST_US, At, Cron, Every, Rule
from cerebelum.engine.domain.schedules.zones import zone_named

DEFAULT_MAX_MISSED = 100
MOST_MISSED = 1000
LEAST_INTERVAL_US = US_PER_S  # a fire is an execution: more often, a loop with a sleep in one execution does better

_T = TypeVar("_T")


class ScheduleSpec(Struct, frozen=True, kw_only=True):
    """A schedule that has been checked. Built by `cron_schedule`, `interval_schedule` and `one_time_schedule`.

    Attributes:
        input: what each execution is started with; the workflow's own arguments decide whether it fits.
        queue: None leaves it to the workflow.
        jitter_us: a fire starts up to so much later than its time.
        max_missed: with catch_up="all", at most so many missed fires start at once; with overlap="queue", so many wait.
    """

    rule: Rule
    input: Any = None
    queue: str | None = None
    jitter_us: int = 0
    overlap: Overlap = "skip"
    catch_up: CatchUp = "one"
    max_missed: int = DEFAULT_MAX_MISSED


class Options(Struct, frozen=True, kw_only=True):
    """What every kind of schedule takes, as it was written; the attributes are those of `ScheduleSpec`."""

    input: Any = None
    queue: str | None = None
    jitter: Duration = 0
    overlap: str = "skip"
    catch_up: str = "one"
    max_missed: int = DEFAULT_MAX_MISSED


def cron_schedule(expression: object, *, timezone: str = "UTC", options: Options | None = None) -> ScheduleSpec:
    """Return a schedule that fires by a cron expression on the wall clock of a zone.

    Raises:
        InvalidSchedule: something in it cannot be used; all faults are told.
    """
    faults: list[str] = []
    text = expression if isinstance(expression, str) else ""
    if isinstance(expression, str):
        parsed = _found(lambda: parse_cron(text), faults)
    else:
        faults.append(f"the expression must be a text such as '0 9 * * *', not {expression!r}")
        parsed = None
    gap_us = least_gap_minutes(parsed) * 60 * US_PER_S if parsed else None
    _found(lambda: zone_named(timezone), faults, where="timezone: ")
    checked = _checked(options or Options(), gap_us, faults)
    return _spec(lambda: Cron(text, timezone), f"the schedule cron({expression!r})", checked, faults)


def interval_schedule(every: object, *, anchor: datetime | None = None, options: Options | None = None) -> ScheduleSpec:
    """Return a schedule that fires every so often: at `anchor` (the beginning of 1970, UTC, unless given) and from there on.

    Raises:
        InvalidSchedule: something in it cannot be used; all faults are told.
    """
    faults: list[str] = []
    every_us = every // timedelta(microseconds=1) if isinstance(every, timedelta) else 0
    if not isinstance(every, timedelta):
        faults.append(f"the interval must be a timedelta such as minutes(5), not {every!r}")
    elif every_us < LEAST_INTERVAL_US:
        faults.append(f"the interval must be a second or more, not {every!r}")
    anchor_us = 0 if anchor is None else _found(lambda: instant_us(anchor, what="anchor"), faults)
    checked = _checked(options or Options(), None if faults else every_us, faults)
    return _spec(lambda: Every(every_us, anchor_us or 0), f"the schedule every({every!r})", checked, faults)


def one_time_schedule(at: datetime, *, options: Options | None = None) -> ScheduleSpec:
    """Return a schedule that fires once.

    Raises:
        InvalidSchedule: something in it cannot be used; all faults are told.
    """
    faults: list[str] = []
    at_us = _found(lambda: instant_us(at, what="the time"), faults)
    if at_us is not None and at_us > LAST_US:
        faults.append(f"the time must be before the year 9999, not {at!r}")
    checked = _checked(options or Options(), None, faults)
    return _spec(lambda: At(at_us or 0), f"the schedule at({at!r})", checked, faults)


def _spec(rule: Callable[[], Rule], what: str, options: dict[str, Any], faults: list[str]) -> ScheduleSpec:
    if faults:
        raise InvalidSchedule(what, faults)
    return ScheduleSpec(rule=rule(), **options)


def _checked(options: Options, gap_us: int | None, faults: list[str]) -> dict[str, Any]:
    """Return the options as `ScheduleSpec` holds them. `gap_us`: the shortest time between two fires, where it is known."""
    queue, missed = options.queue, options.max_missed
    if queue is not None:
        _found(lambda: checked_queue(queue, what="queue"), faults)
    jitter_us = _found(lambda: duration_us(options.jitter, what="jitter"), faults) or 0
    if gap_us is not None and jitter_us >= gap_us:
        gap = timedelta(microseconds=gap_us)
        faults.append(
            f"jitter: {options.jitter!r} is not less than the {gap} between two fires, so they could change places"
        )
    for name, value, allowed in (
        ("overlap", options.overlap, get_args(Overlap)),
        ("catch_up", options.catch_up, get_args(CatchUp)),
    ):
        if value not in allowed:
            faults.append(f"{name}: must be one of {', '.join(allowed)}, not {value!r}")
    if type(missed) is not int or not 1 <= missed <= MOST_MISSED:
        faults.append(f"max_missed: must be a whole number, 1 to {MOST_MISSED}, not {missed!r}")
    return {
        "input": options.input,
        "queue": queue,
        "jitter_us": jitter_us,
        "overlap": options.overlap,
        "catch_up": options.catch_up,
        "max_missed": missed,
    }


def _found(read: Callable[[], _T], faults: list[str], *, where: str = "") -> _T | None:
    """Return what `read` returns, or add what it complains about to `faults`."""
    try:
        return read()
    except InvalidSchedule as error:
        faults.extend(error.faults)
    except (DefinitionError, InvalidTime, ValueError) as error:
        faults.append(f"{where}{error}")
    return None
