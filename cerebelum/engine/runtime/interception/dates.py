"""Workflow time in `datetime.now`, `utcnow` and `today`; and the local time zone of workflows, which is UTC.

They live on C types, which refuse assignment; but their dict does not, and `PyType_Modified` makes the interpreter
forget what it had cached. So `datetime` stays the class it is, for `isinstance`, for pickles, for subclasses, and
for modules that imported it long ago.

The zone of the process would be another on the next node: a naive datetime means UTC wherever a workflow makes one
(`now`, `today`, `fromtimestamp`) or has one interpreted (`timestamp`, `astimezone`). Outside it is local time as ever.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import warnings
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.runtime.interception import real

# Globals of this module, and a bound method for the class itself: each saves a tenth of the call's time.
_plain_now, _now_of, _today_of = real.datetime_plain_now, real.datetime_now, real.date_today
_fromtimestamp, _timestamp, _astimezone = real.datetime_fromtimestamp, real.datetime_timestamp, real.datetime_astimezone
_date_fromtimestamp = real.date_fromtimestamp

_WARN_UTCNOW = sys.version_info >= (3, 12)


def _now(cls: type[datetime], tz: tzinfo | None = None) -> datetime:
    activation = slot.activation
    moment: datetime
    if activation is not None:  # until the year 2255 a float tells every microsecond
        moment = _moment(cls, activation.now_us() / 1_000_000, tz)
    elif cls is datetime:
        moment = _plain_now(tz)
    else:
        moment = _now_of(cls, tz)
    return moment


def _moment(cls: type[datetime], timestamp: float, tz: tzinfo | None = None) -> datetime:
    if slot.activation is not None and tz is None:
        naive: datetime = _fromtimestamp(cls, timestamp, UTC).replace(tzinfo=None)
        return naive
    moment: datetime = _fromtimestamp(cls, timestamp, tz)
    return moment


def _seconds(self: datetime) -> float:
    if slot.activation is not None and self.tzinfo is None:
        self = self.replace(tzinfo=UTC)
    seconds: float = _timestamp(self)
    return seconds


def _in_zone(self: datetime, tz: tzinfo | None = None) -> datetime:
    if slot.activation is not None:
        self, tz = self if self.tzinfo is not None else self.replace(tzinfo=UTC), tz or UTC
    moment: datetime = _astimezone(self, tz)
    return moment


def _day(cls: type[date], timestamp: float, /) -> date:
    if slot.activation is None:
        day: date = _date_fromtimestamp(cls, timestamp)
        return day
    moment = _fromtimestamp(datetime, timestamp, UTC)
    return cls(moment.year, moment.month, moment.day)


def _utcnow(cls: type[datetime]) -> datetime:
    if _WARN_UTCNOW:  # the original would blame this line instead of its caller's
        warnings.warn(
            "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. "
            "Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC).",
            DeprecationWarning,
            stacklevel=2,
        )
    return _now(cls, UTC).replace(tzinfo=None)


def _today(cls: type[date]) -> date:
    activation = slot.activation
    day: date = _today_of(cls) if activation is None else cls.fromtimestamp(activation.now_us() / 1_000_000)
    return day


for _function, _original in (
    (_now, real.datetime_now),
    (_utcnow, real.datetime_utcnow),
    (_moment, _fromtimestamp),
    (_seconds, _timestamp),
    (_in_zone, _astimezone),
    (_today, real.date_today),
    (_day, _date_fromtimestamp),
):
    _function.__name__ = _original.__name__
    _function.__qualname__ = _original.__qualname__
    _function.__doc__ = _original.__doc__

_REPLACEMENTS: tuple[tuple[type, str, Any], ...] = (
    (datetime, "now", classmethod(_now)),
    (datetime, "utcnow", classmethod(_utcnow)),
    (datetime, "fromtimestamp", classmethod(_moment)),
    (datetime, "timestamp", _seconds),
    (datetime, "astimezone", _in_zone),
    (date, "today", classmethod(_today)),
    (date, "fromtimestamp", classmethod(_day)),
)


def apply() -> None:
    """Put workflow time in place. Doing it again changes nothing.

    Raises:
        TypeError: the interpreter does not show a type's own dict this way.
    """
    type_modified = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("PyType_Modified", ctypes.pythonapi))
    for owner, name, replacement in _REPLACEMENTS:
        referents = gc.get_referents(owner.__dict__)
        if not referents or not isinstance(referents[0], dict) or name not in referents[0]:
            raise TypeError(f"the dict of {owner.__name__} is out of reach")
        referents[0][name] = replacement
        type_modified(owner)
