"""What a cron expression should do, found by walking through time minute by minute: slow, and written unlike the engine.

Each instant of UTC is converted by `zoneinfo`; each field is asked of each value. Nothing is computed ahead, so there is no
arithmetic with offsets that could be wrong in the same way.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_MINUTE = timedelta(minutes=1)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall times have no zone
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {name: number for number, name in (*enumerate(_MONTHS, 1), *enumerate(_WEEKDAYS))}


@functools.lru_cache(maxsize=8)
def walls(zone: str, begin: datetime, end: datetime) -> Sequence[int]:
    """Return what the wall clock shows, in minutes, at each minute of UTC from `begin` until `end`."""
    tz = ZoneInfo(zone)
    count = (end - begin) // _MINUTE
    return array(
        "q",
        (
            ((begin + timedelta(minutes=n)).astimezone(tz).replace(tzinfo=None, fold=0) - _NAIVE_EPOCH) // _MINUTE
            for n in range(count)
        ),
    )


@functools.lru_cache(maxsize=64)
def fires(expression: str, zone: str, begin: datetime, end: datetime) -> list[int]:
    """Return the fires from `begin` until `end`, in microseconds."""
    shown = walls(zone, begin, end)
    wanted = _wanted(expression, min(shown), max(shown))
    if all(_allows(expression.split()[1], hour, 0, 23) for hour in range(24)):
        minutes = [n for n, wall in enumerate(shown) if wall in wanted]
    else:
        reached = first_reached(zone, begin, end)
        lowest = _lowest(zone, begin)
        indexes = (wall - lowest for wall in wanted)
        minutes = sorted({reached[index] for index in indexes if 0 <= index < len(reached)})
    first = begin.astimezone(UTC)
    return [int((first + timedelta(minutes=n)).timestamp()) * 1_000_000 for n in minutes]


@functools.lru_cache(maxsize=8)
def first_reached(zone: str, begin: datetime, end: datetime) -> Sequence[int]:
    """Return, for each wall time from `_lowest` on, the first minute at which the clock shows it or has passed it."""
    reached = array("q")
    highest = _lowest(zone, begin) - 1
    for n, wall in enumerate(walls(zone, begin, end)):
        while highest < wall:
            reached.append(n)
            highest += 1
    return reached


@functools.lru_cache(maxsize=8)
def _lowest(zone: str, begin: datetime) -> int:
    """Return the first wall time that the clock has not shown within the two days before."""
    return max(walls(zone, begin - timedelta(days=2), begin)) + 1


def _wanted(expression: str, first: int, last: int) -> set[int]:
    minute, hour, day, month, weekday = expression.split()
    times = [h * 60 + m for h in range(24) if _allows(hour, h, 0, 23) for m in range(60) if _allows(minute, m, 0, 59)]
    wanted: set[int] = set()
    date = (_NAIVE_EPOCH + first * _MINUTE).date() - timedelta(days=1)
    while (midnight := (date - _NAIVE_EPOCH.date()).days * 1440) <= last:
        by_date = _allows(day, date.day, 1, 31) or ("L" in day.split(",") and (date + timedelta(days=1)).day == 1)
        sunday_first = date.isoweekday() % 7
        by_weekday = _allows(weekday, sunday_first, 0, 7) or (
            sunday_first == 0 and _allows(weekday, 7, 0, 6, extra=True)
        )
        starred = day[0] == "*" or weekday[0] == "*"
        if _allows(month, date.month, 1, 12) and ((by_date and by_weekday) if starred else (by_date or by_weekday)):
            wanted.update(midnight + time for time in times)
        date += timedelta(days=1)
    return wanted


def _allows(text: str, value: int, least: int, most: int, *, extra: bool = False) -> bool:
    """Whether a field allows a value. `extra`: the value is Sunday's second number, which `*` does not count."""
    return any(_item_allows(item.lower(), value, least, most, extra=extra) for item in text.split(",") if item != "L")


def _item_allows(item: str, value: int, least: int, most: int, *, extra: bool) -> bool:
    base, _, step = item.partition("/")
    if base == "*":
        return not extra and (value - least) % int(step or 1) == 0
    first, _, last = base.partition("-")
    low = _NAMES.get(first) if first in _NAMES else int(first)
    assert low is not None
    if last:
        high = _NAMES[last] if last in _NAMES else int(last)
        if high == 0 < low:
            high = 7  # fri-sun
    else:
        high = (7 if most in {6, 7} else most) if step else low
    return low <= value <= high and (value - low) % int(step or 1) == 0
