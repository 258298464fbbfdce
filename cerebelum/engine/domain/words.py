"""Small texts for people, the same on the command line and in the terminal interface: durations, instants, versions."""

from __future__ import annotations

from cerebelum.engine.domain.durations import utc


def duration(microseconds: int) -> str:
    """Return a duration as people say it: `46ms`, `1.93s`, `4m 12s`, `2h 05m`, `3d 4h`."""
    milliseconds = microseconds / 1000
    if milliseconds < 1000:
        return f"{milliseconds:.0f}ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.3g}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours < 24 else f"{hours // 24}d {hours % 24}h"


def rfc3339(at_us: int | None) -> str | None:
    """Return an instant in UTC: `2026-11-21T06:20:58.123456Z`; None stays None."""
    if at_us is None:
        return None
    return utc(at_us).isoformat(timespec="microseconds").replace("+00:00", "Z")


def clock(at_us: int | None) -> str:
    """Return an instant for a table, to the second, in UTC; "" for None."""
    return "" if at_us is None else utc(at_us).strftime("%Y-%m-%d %H:%M:%SZ")


def versioned(workflow: str, digest: str) -> str:
    """Return `process_order@91bc`."""
    return f"{workflow}@{digest[:4]}" if digest else workflow
