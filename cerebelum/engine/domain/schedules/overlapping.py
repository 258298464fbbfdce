"""What happens to a fire while what the schedule started before still runs.

- "skip": it is left out.
- "queue": it waits until the one before has ended; of what waits there is a bounded number.
- "allow": it starts beside the others.
- "cancel_previous": what runs is cancelled and it starts; of several fires at once only the newest does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Overlap = Literal["skip", "queue", "allow", "cancel_previous"]


class Admission(Struct, frozen=True):
    """What to do with one fire.

    Attributes:
        cancel: ids of the executions to cancel first.
        reason: why it does not start at once, or what makes room for it; "" if nothing stood in the way.
    """

    fire_us: int
    action: Literal["start", "queue", "skip"]
    cancel: tuple[str, ...] = ()
    reason: str = ""


def admit(
    fires_us: Sequence[int], overlap: Overlap, *, running: Sequence[str], queued: int = 0, most_queued: int = 1
) -> list[Admission]:
    """Return what to do with each of the fires that are due, oldest first.

    Args:
        fires_us: the fires, oldest first.
        running: ids of this schedule's executions that have not ended.
        queued: how many of its fires wait already.
        most_queued: at most so many may wait; with overlap="queue".
    """
    if overlap == "allow":
        return [Admission(fire_us, "start") for fire_us in fires_us]
    if overlap == "cancel_previous":
        return _newest_only(fires_us, running)
    admissions: list[Admission] = []
    busy, waiting = bool(running) or queued > 0, queued
    for fire_us in fires_us:
        if not busy:
            admissions.append(Admission(fire_us, "start"))
            busy = True
        elif overlap == "queue" and waiting < most_queued:
            admissions.append(Admission(fire_us, "queue", reason=_still_running(running)))
            waiting += 1
        else:
            full = f"; {waiting} wait already" if overlap == "queue" else ""
            admissions.append(Admission(fire_us, "skip", reason=_still_running(running) + full))
    return admissions


def _newest_only(fires_us: Sequence[int], running: Sequence[str]) -> list[Admission]:
    older = [Admission(fire_us, "skip", reason="a newer fire starts at once") for fire_us in fires_us[:-1]]
    reason = "replaces what still ran" if running else ""
    return older + [Admission(fire_us, "start", tuple(running), reason) for fire_us in fires_us[-1:]]


def _still_running(running: Sequence[str]) -> str:
    return f"{running[0]} still runs" if running else "an earlier fire comes first"
