"""Cron expressions: five fields, read once into numbers; which days and minutes of the wall clock they allow.

Days follow Vixie's rule: when neither field of days begins with `*`, a day fits if either field allows it; else if both do.
"""

from __future__ import annotations

import calendar
import functools
import itertools

from msgspec import Struct, structs

from cerebelum.engine.domain.errors_schedule import InvalidSchedule
from cerebelum.engine.domain.schedules.cron_field import FIELDS, FieldValues, read_field

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LEAP_YEAR, _COMMON_YEAR = 2000, 2001
_MOST_CHARS = 1000
_ALL_HOURS = 24


class CronExpression(Struct, frozen=True):
    """An expression that has been read. Sets of days are bit masks: bit 1 is the first of the month, bit 0 Sunday.

    Attributes:
        times: minutes since midnight at which it fires on a day that fits, ascending.
        every_hour: no hour is left out: such an expression means "so often", not "at this time of day", and follows
            elapsed time when clocks change.
    """

    times: tuple[int, ...]
    every_hour: bool
    months: frozenset[int]
    days: int
    last_day: bool
    weekdays: int
    either: bool

    def days_of(self, year: int, month: int) -> int:
        """Return the mask of the days in this month that fit."""
        if month not in self.months:
            return 0
        monday_first, length = calendar.monthrange(year, month)
        days = self.days | (1 << length if self.last_day else 0)
        by_weekday = _weekday_masks(self.weekdays)[(monday_first + 1) % 7]
        fitting = days | by_weekday if self.either else days & by_weekday
        return fitting & ((2 << length) - 2)


@functools.lru_cache(maxsize=1024)
def parse_cron(text: str) -> CronExpression:
    """Return what `text` means.

    Raises:
        InvalidSchedule: it has faults; all of them are told.
    """
    faults: list[str] = []
    words = _words(text, faults)
    fields = [read_field(field, word, faults) for field, word in zip(FIELDS, words, strict=True)] if words else []
    if not faults:
        expression = _expression(fields)
        if _ever_fires(expression):
            return expression
        faults.append(f"day of month: {words[2]!r} does not occur in month {words[3]!r}: it would never fire")
    raise InvalidSchedule(f"the cron expression {text[:_MOST_CHARS]!r}", faults)


def _words(text: str, faults: list[str]) -> list[str]:
    if len(text) > _MOST_CHARS:
        faults.append(f"it has {len(text)} characters; at most {_MOST_CHARS} are read")
        return []
    if text.strip().startswith("@"):
        return _macro(text.strip().lower(), faults)
    words = text.split()
    if len(words) == len(FIELDS):
        return words
    hint = "; seconds and years have no field: use every(…) for seconds" if len(words) > len(FIELDS) else ""
    wanted = ", ".join(field.name for field in FIELDS)
    faults.append(f"it has {len(words)} fields; five are needed: {wanted}{hint}")
    return []


def _macro(name: str, faults: list[str]) -> list[str]:
    if name in MACROS:
        return MACROS[name].split()
    hints = {
        "@reboot": "nothing reboots here; start an execution instead",
        "@every": "use every(minutes(5)) and the like",
    }
    hint = hints.get(name.split(maxsplit=1)[0], f"known: {', '.join(MACROS)}")
    faults.append(f"{name!r} is no name of a schedule; {hint}")
    return []


def _expression(fields: list[FieldValues]) -> CronExpression:
    minutes, hours, days, months, weekdays = fields
    return CronExpression(
        times=tuple(sorted(hour * 60 + minute for hour in hours.values for minute in minutes.values)),
        every_hour=len(hours.values) == _ALL_HOURS,
        months=months.values,
        days=sum(1 << day for day in days.values),
        last_day=days.last_day,
        weekdays=sum(1 << weekday for weekday in weekdays.values),
        either=not days.star and not weekdays.star,
    )


def _ever_fires(expression: CronExpression) -> bool:
    if expression.either:
        return True  # some weekday is in every month
    any_weekday = structs.replace(expression, weekdays=0b1111111)  # each comes to each date within 40 years
    return any(any_weekday.days_of(year, month) for year in (_LEAP_YEAR, _COMMON_YEAR) for month in expression.months)


@functools.lru_cache(maxsize=256)
def _weekday_masks(weekdays: int) -> tuple[int, ...]:
    """Return the mask of days for each weekday (Sunday first) on which a month may begin."""
    return tuple(sum(1 << day for day in range(1, 32) if weekdays >> (first + day - 1) % 7 & 1) for first in range(7))


def least_gap_minutes(expression: CronExpression) -> int:
    """Return the shortest time between two fires where no clock is changed, in minutes."""
    times = expression.times
    overnight = times[0] + 24 * 60 - times[-1]
    return min([overnight, *(later - earlier for earlier, later in itertools.pairwise(times))])
