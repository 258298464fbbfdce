"""The coming fires of a schedule as people read them: the local time, and what changed clocks do to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Literal

from msgspec import Struct

from cerebelum.engine.domain.durations import US_PER_S, utc
from cerebelum.engine.domain.schedules.cron_fires import moved_wall_s
from cerebelum.engine.domain.schedules.rules import LAST_US, Cron, Rule, fires_between

Dst = Literal["", "gap", "first", "second"]


class Coming(Struct, frozen=True):
    """One fire to come.

    Attributes:
        at_us: the instant, before jitter.
        local: the same instant on the schedule's wall clock.
        dst: "gap": its own wall time is skipped on that day, so it fires at the first instant after the gap; "first" and
            "second": its wall time comes twice on that day, and this is that coming; "" on other days.
        note: one sentence about it, or "".
    """

    at_us: int
    local: datetime
    dst: Dst = ""
    note: str = ""


def coming_fires(rule: Rule, *, after_us: int, count: int, zone: tzinfo = UTC) -> list[Coming]:
    """Return up to `count` fires later than `after_us`.

    Args:
        zone: on whose wall clock intervals and one-off times are shown; a cron has its own.
    """
    shown_in = rule.zone if isinstance(rule, Cron) else zone
    return [_coming(rule, fire_us, shown_in) for fire_us in islice(_fires(rule, after_us), count)]


def _fires(rule: Rule, after_us: int) -> Iterator[int]:
    return fires_between(rule, after_us + 1, LAST_US + 1)


def _coming(rule: Rule, fire_us: int, zone: tzinfo) -> Coming:
    local = utc(fire_us).astimezone(zone)
    if isinstance(rule, Cron):
        moved_s = moved_wall_s(rule.parsed, zone, fire_us // US_PER_S)
        if moved_s is not None:
            skipped = utc(moved_s * US_PER_S)
            return Coming(
                fire_us, local, "gap", f"{skipped:%Y-%m-%d %H:%M} is skipped by the clocks; fires at {local:%H:%M}"
            )
    if local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset():
        return Coming(fire_us, local)
    dst: Dst = "second" if local.fold else "first"
    also = "" if not isinstance(rule, Cron) or rule.parsed.every_hour else ", and it fires only the first time"
    return Coming(fire_us, local, dst, f"{local:%H:%M} comes twice: this is the {dst}{also}")
