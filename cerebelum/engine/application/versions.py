"""Ascending versions of events: the next one, the one before; and which events tell of a failure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

_FAILURES = ("_failed", "_timed_out", "_refused")


def is_failure(event_type: str) -> bool:
    """Return whether an event tells of something that did not succeed; also one of a newer release."""
    return event_type.endswith(_FAILURES)


def neighbour(versions: Sequence[int], version: int, direction: int) -> int | None:
    """Return the entry of an ascending list next to `version` in a direction, `version` itself excluded."""
    if direction > 0:
        at = bisect_right(versions, version)
        return versions[at] if at < len(versions) else None
    at = bisect_left(versions, version) - 1
    return versions[at] if at >= 0 else None
