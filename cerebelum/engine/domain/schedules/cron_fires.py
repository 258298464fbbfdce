"""The instants at which a cron expression fires in a zone, across changes of the clocks.

An expression that leaves out hours means times of day. Each of its wall times fires once: at the first instant at which the
clock on the wall shows that time or has passed it. So one that is skipped when clocks go forward fires at the first instant
after the gap (several of one gap fire once there), and one that comes twice when they go back fires at its first coming.

An expression that allows every hour (`*/15 * * * *`) means "so often". It fires at each instant whose wall time fits: in both
comings of a repeated hour, since as much time passes in each, and not at all for a skipped hour, which takes no time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from msgspec import Struct

from cerebelum.engine.domain.schedules.cron_expression import CronExpression
from cerebelum.engine.domain.schedules.wall_times import count_walls, last_wall, next_wall
from cerebelum.engine.domain.schedules.zones import LAST_YEAR, Period, periods, year_of


class _Stretch(Struct, frozen=True):
    """The fires of one period: wall times that fit within a range, and perhaps what a gap at its start has moved there."""

    start_s: int
    offset_s: int
    wall_from_s: int
    wall_until_s: int
    moved_wall_s: int | None  # the first wall time that the gap has skipped and that now fires at `start_s`


def next_fire_s(expression: CronExpression, zone: tzinfo, after_s: int) -> int | None:
    """Return the first fire later than `after_s`, or None when there is none before the end of the calendar."""
    for period in _periods_from(zone, after_s + 1):
        stretch = _stretch(expression, period)
        if stretch.moved_wall_s is not None and stretch.start_s > after_s:
            return stretch.start_s
        from_s = max(stretch.wall_from_s, after_s + 1 + stretch.offset_s)
        wall_s = next_wall(expression, from_s, stretch.wall_until_s)
        if wall_s is not None:
            return wall_s - stretch.offset_s
    return None


def last_fire_s(expression: CronExpression, zone: tzinfo, after_s: int, until_s: int) -> int | None:
    """Return the last fire later than `after_s` and not later than `until_s`."""
    for period in _periods_back(zone, after_s + 1, until_s):
        stretch = _stretch(expression, period)
        end_s = min(stretch.wall_until_s, until_s + 1 + stretch.offset_s)
        wall_s = last_wall(expression, max(stretch.wall_from_s, after_s + 1 + stretch.offset_s), end_s)
        if wall_s is not None:
            return wall_s - stretch.offset_s
        if stretch.moved_wall_s is not None and after_s < stretch.start_s <= until_s:
            return stretch.start_s
    return None


def count_fires(expression: CronExpression, zone: tzinfo, after_s: int, until_s: int) -> int:
    """Return how many fires are later than `after_s` and not later than `until_s`."""
    count = 0
    for period in _periods_from(zone, after_s + 1):
        if period.start_s > until_s:
            break
        stretch = _stretch(expression, period)
        from_s = max(stretch.wall_from_s, after_s + 1 + stretch.offset_s)
        count += count_walls(expression, from_s, min(stretch.wall_until_s, until_s + 1 + stretch.offset_s))
        count += stretch.moved_wall_s is not None and after_s < stretch.start_s <= until_s
    return count


def moved_wall_s(expression: CronExpression, zone: tzinfo, fire_s: int) -> int | None:
    """Return the wall time that a gap has moved to this fire; None when it fires at a wall time of its own."""
    period = next(_periods_from(zone, fire_s))
    return _stretch(expression, period).moved_wall_s if period.start_s == fire_s else None


def _stretch(expression: CronExpression, period: Period) -> _Stretch:
    wall_start_s, shown_until_s = period.start_s + period.offset_s, period.start_s + period.before_s
    wall_until_s = period.end_s + period.offset_s
    if expression.every_hour:
        return _Stretch(period.start_s, period.offset_s, wall_start_s, wall_until_s, None)
    moved_s = None
    if shown_until_s < wall_start_s and next_wall(expression, wall_start_s, wall_start_s + 1) is None:
        moved_s = next_wall(expression, shown_until_s, wall_start_s)
    return _Stretch(period.start_s, period.offset_s, max(wall_start_s, shown_until_s), wall_until_s, moved_s)


def _periods_from(zone: tzinfo, at_s: int) -> Iterator[Period]:
    for year in range(year_of(at_s), LAST_YEAR + 1):
        yield from (period for period in periods(zone, year) if period.end_s > at_s)


def _periods_back(zone: tzinfo, from_s: int, until_s: int) -> Iterator[Period]:
    for year in range(year_of(until_s), year_of(from_s) - 1, -1):
        for period in reversed(periods(zone, year)):
            if period.end_s > from_s and period.start_s <= until_s:
                yield period
