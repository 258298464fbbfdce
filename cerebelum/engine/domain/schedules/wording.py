"""Schedules in words, the same on the command line and in the terminal interface: rules, and times on wall clocks."""

from __future__ import annotations

from datetime import datetime, tzinfo

from cerebelum.engine.domain.durations import US_PER_S, utc
from cerebelum.engine.domain.schedules.rules import At, Cron, Every, Rule
from cerebelum.engine.domain.words import clock


def when(rule: Rule) -> str:
    """Return a rule as it is typed: `0 9 * * *`, `every 5m`, `at 2027-01-01 08:00:00Z`."""
    match rule:
        case Cron():
            return rule.expression
        case Every():
            return f"every {interval(rule.every_us)}"
        case At():
            return f"at {clock(rule.at_us)}"


def interval(microseconds: int) -> str:
    """Return an exact duration, as it is typed: `1h30m`, `90.5s`."""
    rest_s, fraction_us = divmod(microseconds, US_PER_S)
    parts = []
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60)):
        count, rest_s = divmod(rest_s, seconds)
        parts.append(f"{count}{unit}" if count else "")
    if rest_s or fraction_us or not any(parts):
        fraction = f".{fraction_us:06}".rstrip("0") if fraction_us else ""
        parts.append(f"{rest_s}{fraction}s")
    return "".join(parts)


def zone_of(rule: Rule) -> str:
    """Return the name of the zone on whose wall clock a schedule fires; intervals and one-off times have UTC."""
    return rule.timezone if isinstance(rule, Cron) else "UTC"


def wall(local: datetime) -> str:
    """Return what stands on a wall clock and a calendar: `Mon 2026-11-23 09:00`."""
    return f"{local:%a %Y-%m-%d %H:%M:%S}" if local.second else f"{local:%a %Y-%m-%d %H:%M}"


def offset(local: datetime) -> str:
    """Return how far a local time is from UTC: `+01:00`."""
    return local.isoformat(timespec="seconds")[19:] or "+00:00"


def local_text(at_us: int, zone: tzinfo) -> str:
    """Return an instant on the wall clock of a zone, with its offset."""
    local = utc(at_us).astimezone(zone)
    return f"{wall(local)} {offset(local)}"
