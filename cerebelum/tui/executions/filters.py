"""What is typed after `/`: `status:failed,waiting workflow:order since:2h exec-12`, all conditions at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from msgspec.structs import replace

from cerebelum.engine.domain.durations import US_PER_S, instant_us
from cerebelum.engine.domain.execution import OPEN, STATUSES, Status
from cerebelum.engine.ports.store import ExecutionFilter

_AGO = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class FilterRefused(ValueError):
    """The text of a filter cannot be understood; the message says which part and what would be right."""


def parse_filter(text: str, now_us: int) -> ExecutionFilter:
    """Return the filter that `text` stands for; "" means all.

    Args:
        text: `status:`, `workflow:`, `node:` and `since:` conditions, and at most one word without a colon in front: an id's beginning.
        now_us: what `since:2h` counts back from.

    Raises:
        FilterRefused: a condition is unknown, or its value is none.
    """
    found = ExecutionFilter()
    for word in text.split():
        name, colon, value = word.partition(":")
        if colon and name in _EXAMPLES and not value:
            raise FilterRefused(f"{name}: needs a value, such as {_EXAMPLES[name]}")
        if colon and name == "status":
            found = replace(found, statuses=_statuses(value))
        elif colon and name == "workflow":
            found = replace(found, workflow=value)
        elif colon and name == "node":
            found = replace(found, owner=value)
        elif colon and name == "since":
            found = replace(found, started_from_us=_since(value, now_us))
        elif colon and name.isalpha() and name.islower() and len(name) < 10:
            raise FilterRefused(
                f"no condition {name!r}; there are status:, workflow:, node:, since: and an id's beginning"
            )
        elif found.id_prefix is not None:
            raise FilterRefused(f"two ids, {found.id_prefix!r} and {word!r}; one beginning at a time")
        else:
            found = replace(found, id_prefix=word)
    return found


_EXAMPLES = {
    "status": "status:failed",
    "workflow": "workflow:process_order",
    "node": "node:a1b2… from the screen of nodes",
    "since": "since:2h",
}


def _statuses(value: str) -> tuple[Status, ...]:
    known = {status: (status,) for status in STATUSES}
    wanted: list[Status] = []
    for name in value.split(","):
        if name == "open":
            wanted += OPEN
        elif name in known:
            wanted += known[name]
        else:
            raise FilterRefused(f"no status {name!r}; one of {', '.join(STATUSES)}, open")
    return tuple(dict.fromkeys(wanted))


def _since(value: str, now_us: int) -> int:
    ago = _AGO.fullmatch(value)
    if ago is not None:
        return max(0, now_us - int(ago[1]) * _SECONDS[ago[2]] * US_PER_S)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise FilterRefused(f"since:{value} is no time; since:90s, since:2h, since:3d, since:2026-11-21") from None
    return instant_us(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC), what="since")
