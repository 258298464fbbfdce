"""Which wall times a cron expression allows: the next, the last before, and how many, by month masks instead of by steps.

Ranges are half open and in seconds: `from_s` belongs to one, `until_s` does not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date

from cerebelum.engine.domain.schedules.cron_expression import CronExpression

_DAY_MINUTES = 24 * 60
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def next_wall(expression: CronExpression, from_s: int, until_s: int) -> int | None:
    """Return the first wall time of the range that fits, in seconds."""
    times = expression.times
    first_day, minute = divmod(_minute(from_s), _DAY_MINUTES)
    index = bisect_left(times, minute)
    if index == len(times):
        first_day, index = first_day + 1, 0
    for day in _days(expression, first_day, _minute(until_s) // _DAY_MINUTES):
        wall_s = (day * _DAY_MINUTES + times[index if day == first_day else 0]) * 60
        return wall_s if wall_s < until_s else None
    return None


def last_wall(expression: CronExpression, from_s: int, until_s: int) -> int | None:
    """Return the last wall time of the range that fits, in seconds."""
    times = expression.times
    last_day, minute = divmod(_minute(until_s), _DAY_MINUTES)
    index = bisect_left(times, minute) - 1
    if index < 0:
        last_day, index = last_day - 1, len(times) - 1
    for day in _days_back(expression, _minute(from_s) // _DAY_MINUTES, last_day):
        wall_s = (day * _DAY_MINUTES + times[index if day == last_day else -1]) * 60
        return wall_s if wall_s >= from_s else None
    return None


def count_walls(expression: CronExpression, from_s: int, until_s: int) -> int:
    """Return how many wall times of the range fit."""
    if until_s <= from_s:
        return 0
    times = expression.times
    first_day, first_minute = divmod(_minute(from_s), _DAY_MINUTES)
    last_day, last_minute = divmod(_minute(until_s), _DAY_MINUTES)
    before_first = bisect_left(times, first_minute) if _fits(expression, first_day) else 0
    in_last = bisect_left(times, last_minute) if _fits(expression, last_day) else 0
    return _count_days(expression, first_day, last_day) * len(times) - before_first + in_last


def _minute(wall_s: int) -> int:
    """Return the first whole minute at or after `wall_s`."""
    return -(-wall_s // 60)


def _fits(expression: CronExpression, day: int) -> bool:
    when = date.fromordinal(day + _EPOCH_DAY)
    return bool(expression.days_of(when.year, when.month) >> when.day & 1)


def _months(first_day: int, last_day: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield year, month, and the first and last day of the month that lie within the days given."""
    while first_day <= last_day:
        first = date.fromordinal(first_day + _EPOCH_DAY)
        begin = first_day - first.day + 1
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1).toordinal() - _EPOCH_DAY
        yield first.year, first.month, first.day, min(last_day, after - 1) - begin + 1
        first_day = after


def _days(expression: CronExpression, first_day: int, last_day: int) -> Iterator[int]:
    """Yield the first day of each month that fits, within the days given."""
    for year, month, first, last in _months(first_day, last_day):
        mask = expression.days_of(year, month) >> first << first & (2 << last) - 1
        if mask:
            yield _day(year, month, (mask & -mask).bit_length() - 1)


def _days_back(expression: CronExpression, first_day: int, last_day: int) -> Iterator[int]:
    """Yield the last day of each month that fits, within the days given, the latest month first."""
    for year, month, first, last in reversed(list(_months(first_day, last_day))):
        mask = expression.days_of(year, month) >> first << first & (2 << last) - 1
        if mask:
            yield _day(year, month, mask.bit_length() - 1)


def _day(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal() - _EPOCH_DAY


def _count_days(expression: CronExpression, first_day: int, end_day: int) -> int:
    masks = (
        expression.days_of(year, month) >> first << first & (2 << last) - 1
        for year, month, first, last in _months(first_day, end_day - 1)
    )
    return sum(mask.bit_count() for mask in masks)
