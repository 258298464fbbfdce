"""Durations and instants as they are typed: `5m`, `1h30m`, `2027-01-01T09:00`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from cerebelum_cli.errors import UsageProblem

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_PARTS = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)


def typed_duration(text: str, option: str) -> timedelta:
    """Return a duration: `90s`, `5m`, `1h30m`, `2d`; a bare number is seconds.

    Raises:
        UsageProblem: it is none.
    """
    wanted = text.strip().lower().replace(" ", "")
    found = _PARTS.fullmatch(f"{wanted}s" if wanted[-1:].isdigit() else wanted)
    if not wanted or found is None:
        raise UsageProblem(f"{option} {text!r} is no duration", help_=f"{option} 5m, {option} 1h30m, {option} 2d")
    parts = {unit: float(number) for unit, number in zip(_UNITS.values(), found.groups(), strict=True) if number}
    try:
        return timedelta(**parts)
    except OverflowError:
        raise UsageProblem(f"{option} {text!r} is too long", help_=f"{option} 5m, {option} 2d") from None


def typed_instant(text: str, option: str, zone: tzinfo | None) -> datetime:
    """Return an instant: `2027-01-01T09:00:00Z`, or without an offset on the wall clock of `zone`.

    Raises:
        UsageProblem: it is none; or it has no offset, and there is no zone.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageProblem(
            f"{option} {text!r} is not an instant", help_=f"{option} 2027-01-01T09:00:00Z, {option} 2027-01-01"
        ) from None
    if moment.tzinfo is not None:
        return moment
    if zone is None:
        raise UsageProblem(
            f"{option} {text!r} does not say in which time zone",
            help_=f"{option} {moment.isoformat()}Z for UTC, or with --timezone Europe/Zurich",
        )
    return moment.replace(tzinfo=zone)
