"""Durations, as people write them. Inside the engine: integer microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cerebelum.engine.domain.errors import InvalidTime

US_PER_S = 1_000_000
Duration = timedelta | int | float  # a bare number is seconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def seconds(n: float) -> timedelta:
    """Return `n` seconds; accepted wherever a timeout or delay is."""
    return timedelta(seconds=n)


def minutes(n: float) -> timedelta:
    """Return `n` minutes."""
    return timedelta(minutes=n)


def hours(n: float) -> timedelta:
    """Return `n` hours."""
    return timedelta(hours=n)


def days(n: float) -> timedelta:
    """Return `n` days of 24 hours."""
    return timedelta(days=n)


def duration_us(duration: Duration, *, what: str) -> int:
    """Return `duration` in microseconds; a bare number counts seconds.

    Raises:
        InvalidTime: it is negative, not finite, or not a duration at all; `what` names it in the text.
    """
    try:
        microseconds = duration // _US if isinstance(duration, timedelta) else int(float(duration) * US_PER_S)
    except (TypeError, ValueError, OverflowError):
        raise InvalidTime(f"{what} must be a timedelta or a number of seconds, not {duration!r}") from None
    if microseconds < 0:
        raise InvalidTime(f"{what} must not be negative: {duration!r}")
    return microseconds


def instant_us(moment: datetime, *, what: str) -> int:
    """Return an aware datetime as microseconds since the Unix epoch.

    Raises:
        InvalidTime: it is naive: the same text would mean another instant on another machine.
    """
    if getattr(moment, "tzinfo", None) is None:
        raise InvalidTime(f"{what} must be an aware datetime (with tzinfo, such as datetime.now(UTC)), not {moment!r}")
    return (moment - _EPOCH) // _US


def utc(at_us: int) -> datetime:
    """Return microseconds since the Unix epoch as an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=at_us)
