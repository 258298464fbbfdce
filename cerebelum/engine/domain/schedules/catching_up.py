"""Which fires are started now: what is due, what was missed, and what is left out.

A mark, `Progress.decided_until_us`, says up to which fire all is decided. It only grows, so a clock that goes back makes
nothing fire twice. The work is bounded by `max_missed`, never by how many fires were missed.

- "one": everything that is due comes down to its newest fire.
- "all": the newest `max_missed` fires that are due, oldest first.
- "none": the newest fire, if it is at most a minute late; what was missed stays missed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from cerebelum.engine.domain.durations import US_PER_S
from cerebelum.engine.domain.schedules.jitter import jitter_of_us
from cerebelum.engine.domain.schedules.rules import Rule

CatchUp = Literal["one", "all", "none"]
ON_TIME_US = 60 * US_PER_S  # so late a fire is still no missed one: a node that was restarted in between
MOST_WAITED_OUT_US = 3600 * US_PER_S  # a clock that went back so far is waited for; further back, see `rewound`


class Progress(Struct, frozen=True):
    """How far a schedule has come. A new one begins at the instant it is registered: what lies before was never missed.

    Attributes:
        decided_until_us: no fire at or before it will be started any more.
        ran_ahead_us: later fires that have been started already, by a clock that was ahead.
    """

    decided_until_us: int
    ran_ahead_us: tuple[int, ...] = ()


class Due(Struct, frozen=True):
    """What to do now. Keep `progress` in the commit that starts the fires.

    Attributes:
        fires_us: the fires to start, oldest first.
        dropped: how many due fires are left out.
        look_again_us: when the next fire starts, its jitter included; None: never. A clock may be set: look earlier, too.
    """

    fires_us: tuple[int, ...]
    dropped: int
    progress: Progress
    look_again_us: int | None


def decide(
    rule: Rule, progress: Progress, now_us: int, *, name: str, jitter_us: int, catch_up: CatchUp, max_missed: int
) -> Due:
    """Return which fires of the schedule `name` are started at `now_us`.

    Args:
        jitter_us: at most so much later than its time a fire starts.
        max_missed: with catch_up="all", at most so many fires are started at once; >= 1.
    """
    after_us = progress.decided_until_us
    ready_us = max(after_us, _ready_until_us(rule, after_us, now_us, name=name, jitter_us=jitter_us))
    ran = frozenset(progress.ran_ahead_us)
    newest_us = rule.last_until_us(ready_us, after_us=after_us)
    fires: list[int] = []
    dropped = 0
    if newest_us is not None:
        late_us = now_us - newest_us - jitter_of_us(name, newest_us, most_us=jitter_us)
        wanted = {"one": 1, "all": max_missed, "none": int(late_us <= ON_TIME_US)}[catch_up]
        fires = [fire_us for fire_us in _newest(rule, newest_us, after_us, wanted) if fire_us not in ran]
        ran_before = sum(after_us < fire_us <= ready_us for fire_us in ran)
        dropped = rule.count(after_us, ready_us) - ran_before - len(fires)
    left = tuple(fire_us for fire_us in progress.ran_ahead_us if fire_us > ready_us)
    next_us = rule.next_after_us(ready_us)
    look_again_us = None if next_us is None else next_us + jitter_of_us(name, next_us, most_us=jitter_us)
    return Due(tuple(fires), dropped, Progress(ready_us, left), look_again_us)


def rewound(progress: Progress, now_us: int, ran_us: Iterable[int]) -> Progress:
    """Return where to go on when the clock may have been far ahead and is right again.

    Without it, a schedule that a wrong clock has led to the year 2100 would be silent until then. Back by an hour or less,
    nothing changes: what fires in that hour has been decided. Back by more, it goes on from `now_us` and leaves out what
    was started.

    Args:
        ran_us: all fires later than `now_us` that were started, as the store has recorded them; others are ignored.
    """
    if progress.decided_until_us - now_us <= MOST_WAITED_OUT_US:
        return progress
    return Progress(now_us, tuple(sorted({fire_us for fire_us in ran_us if fire_us > now_us})))


def _ready_until_us(rule: Rule, after_us: int, now_us: int, *, name: str, jitter_us: int) -> int:
    """Return until when fires have begun, each with its jitter. One that has not holds back those behind it."""
    fire_us = rule.next_after_us(max(after_us, now_us - jitter_us))
    while fire_us is not None and fire_us <= now_us:
        if fire_us + jitter_of_us(name, fire_us, most_us=jitter_us) > now_us:
            return fire_us - 1
        fire_us = rule.next_after_us(fire_us)
    return now_us


def _newest(rule: Rule, newest_us: int, after_us: int, wanted: int) -> list[int]:
    fires: list[int] = []
    fire_us: int | None = newest_us
    while fire_us is not None and len(fires) < wanted:
        fires.append(fire_us)
        fire_us = rule.last_until_us(fire_us - 1, after_us=after_us)
    return fires[::-1]
