"""Time zones by name, and the periods between the changes of their clocks.

The periods are asked of `zoneinfo`, a year at a time, and kept with the zone object: when a zone is read anew
(`ZoneInfo.clear_cache()`), its periods are too. Of two changes within one day that cancel each other, nothing is seen; there
are none.
"""

from __future__ import annotations

import difflib
import functools
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import Struct

FIRST_YEAR, LAST_YEAR = 1900, 9998  # of fires; one year more on each side can be computed with
_DAY_S = 24 * 60 * 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_THE_MACHINE = frozenset({"localtime", "posixrules", "Factory"})  # mean another time elsewhere, or nothing


class Period(Struct, frozen=True):
    """A time in which a zone's offset does not change, within one year of UTC. Seconds since the Unix epoch."""

    start_s: int
    end_s: int  # belongs to the next period
    offset_s: int  # what is added to UTC
    before_s: int  # the offset just before `start_s`; the same where only the year ends


def zone_named(name: str) -> tzinfo:
    """Return the zone of this IANA name.

    Raises:
        ValueError: there is none; the text says what to do.
    """
    if name == "UTC":
        return UTC  # also where no data is installed
    import zoneinfo  # it reads the machine's configuration as it is imported: only where a zone is named

    try:
        if name not in _OF_THE_MACHINE:
            return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError, TypeError, AttributeError):
        pass  # unknown, a path out of the data, a folder such as "Europe", no text
    known = zoneinfo.available_timezones()
    if not known:
        raise ValueError(f"no time zone {name!r}: this machine has no time zone data; pip install tzdata")
    wanted = str(name).lower()
    by_lower = {zone.lower(): zone for zone in known} | {
        zone.rpartition("/")[2].lower(): zone for zone in sorted(known)
    }
    near = [by_lower[word] for word in difflib.get_close_matches(wanted.replace(" ", "_"), by_lower, n=1)]
    hint = f"; did you mean {near[0]!r}?" if near else "; names are such as 'UTC' and 'Europe/Zurich'"
    raise ValueError(f"no time zone {name!r}{hint}")


@functools.lru_cache(maxsize=4096)
def periods(zone: tzinfo, year: int) -> tuple[Period, ...]:
    """Return the periods of one year of UTC, in order and without gaps between them."""
    begin_s, end_s = year_start_s(year), year_start_s(year + 1)
    found: list[Period] = []
    start_s, before_s, offset_s = begin_s, _offset_s(zone, begin_s - 1), _offset_s(zone, begin_s)
    for day_s in (*range(begin_s + _DAY_S, end_s, _DAY_S), end_s - 1):
        new_s = _offset_s(zone, day_s)
        if new_s != offset_s:
            change_s = _change_s(zone, max(start_s, day_s - _DAY_S), day_s)
            found.append(Period(start_s, change_s, offset_s, before_s))
            start_s, before_s, offset_s = change_s, offset_s, new_s
    found.append(Period(start_s, end_s, offset_s, before_s))
    return tuple(found)


def year_of(at_s: int) -> int:
    """Return the year of UTC in which the instant lies, held within the years that are computed."""
    if at_s < year_start_s(FIRST_YEAR):
        return FIRST_YEAR
    return LAST_YEAR if at_s >= year_start_s(LAST_YEAR) else (_EPOCH + timedelta(seconds=at_s)).year


@functools.lru_cache(maxsize=1024)
def year_start_s(year: int) -> int:
    """Return the first second of a year of UTC."""
    return (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)


def _change_s(zone: tzinfo, earlier_s: int, later_s: int) -> int:
    """Return the first second with the offset of `later_s`, by halving."""
    wanted_s = _offset_s(zone, later_s)
    while later_s - earlier_s > 1:
        middle_s = (earlier_s + later_s) // 2
        if _offset_s(zone, middle_s) == wanted_s:
            later_s = middle_s
        else:
            earlier_s = middle_s
    return later_s


def _offset_s(zone: tzinfo, at_s: int) -> int:
    offset = (_EPOCH + timedelta(seconds=at_s)).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(seconds=1)
