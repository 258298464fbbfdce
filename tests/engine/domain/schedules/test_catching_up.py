"""Which fires start when a schedule is looked at: on time, late, after a long stop, and with a clock that jumps."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebelum.engine.domain.durations import instant_us
from cerebelum.engine.domain.schedules.catching_up import CatchUp, Due, Progress, decide, rewound
from cerebelum.engine.domain.schedules.jitter import jitter_of_us
from cerebelum.engine.domain.schedules.rules import At, Cron, Every, Rule, fires_between

NOW_US = instant_us(datetime(2026, 6, 1, tzinfo=UTC), what="")
MINUTE_US = 60_000_000
HOUR_US, DAY_US = 60 * MINUTE_US, 24 * 60 * MINUTE_US
HOURLY, MINUTELY = Cron("0 * * * *", "Europe/Zurich"), Cron("* * * * *", "America/New_York")


def due(
    rule: Rule,
    progress: Progress,
    now_us: int,
    *,
    catch_up: CatchUp = "one",
    max_missed: int = 100,
    jitter_us: int = 0,
) -> Due:
    return decide(rule, progress, now_us, name="report", jitter_us=jitter_us, catch_up=catch_up, max_missed=max_missed)


def test_a_due_fire_starts_once_and_the_next_is_known() -> None:
    """J5: at its time a fire starts, and the schedule is to be looked at again at the next one."""
    before = due(HOURLY, Progress(NOW_US), NOW_US + HOUR_US - 1)
    assert (before.fires_us, before.dropped, before.look_again_us) == ((), 0, NOW_US + HOUR_US)
    at = due(HOURLY, before.progress, NOW_US + HOUR_US)
    assert (at.fires_us, at.dropped, at.look_again_us) == ((NOW_US + HOUR_US,), 0, NOW_US + 2 * HOUR_US)
    again = due(HOURLY, at.progress, NOW_US + HOUR_US)
    assert (again.fires_us, again.dropped) == ((), 0)


def test_a_new_schedule_has_missed_nothing() -> None:
    """J10: what lies before a schedule was registered, the instant itself included, is not made up for."""
    assert due(HOURLY, Progress(NOW_US), NOW_US, catch_up="all").fires_us == ()


@pytest.mark.parametrize(
    "catch_up, after_stop_us, fires, dropped",
    [
        ("one", 100 * MINUTE_US + 5, [100], 99),
        ("all", 100 * MINUTE_US + 5, [96, 97, 98, 99, 100], 95),
        ("none", 100 * MINUTE_US + 5, [100], 99),
    ],
)
def test_a_stop_is_made_up_for_as_the_schedule_says(
    catch_up: CatchUp, after_stop_us: int, fires: list[int], dropped: int
) -> None:
    """J10: after 100 minutes without a node, at most one run, or as many as `max_missed` allows."""
    found = due(MINUTELY, Progress(NOW_US), NOW_US + after_stop_us, catch_up=catch_up, max_missed=5)
    assert found.fires_us == tuple(NOW_US + minute * MINUTE_US for minute in fires)
    assert found.dropped == dropped
    assert found.look_again_us == NOW_US + 101 * MINUTE_US


@pytest.mark.parametrize("late_us, starts", [(0, True), (MINUTE_US, True), (MINUTE_US + 1, False)])
def test_what_is_a_minute_late_is_not_missed_yet(late_us: int, starts: bool) -> None:
    """With catch_up="none" a node that was restarted at the time of a fire still starts it."""
    found = due(HOURLY, Progress(NOW_US), NOW_US + HOUR_US + late_us, catch_up="none")
    assert found.fires_us == ((NOW_US + HOUR_US,) if starts else ())
    assert found.dropped == int(not starts)


class CountingRule:
    """A rule that counts what it is asked."""

    def __init__(self, rule: Rule) -> None:
        self._rule, self.calls = rule, 0

    def next_after_us(self, after_us: int) -> int | None:
        self.calls += 1
        return self._rule.next_after_us(after_us)

    def last_until_us(self, until_us: int, *, after_us: int) -> int | None:
        self.calls += 1
        return self._rule.last_until_us(until_us, after_us=after_us)

    def count(self, after_us: int, until_us: int) -> int:
        self.calls += 1
        return self._rule.count(after_us, until_us)


@pytest.mark.parametrize("catch_up, most_calls", [("one", 10), ("all", 110), ("none", 10)])
@pytest.mark.parametrize("rule", [MINUTELY, Every(MINUTE_US)], ids=["cron", "interval"])
def test_a_million_missed_fires_are_decided_without_a_step_for_each(
    rule: Rule, catch_up: CatchUp, most_calls: int
) -> None:
    """J10: the work is bounded by what starts, not by what was missed, and the number left out is exact."""
    counting = CountingRule(rule)
    now_us = NOW_US + 1_000_000 * MINUTE_US
    found = due(counting, Progress(NOW_US), now_us, catch_up=catch_up)  # type: ignore[arg-type] # it has the shape
    assert len(found.fires_us) + found.dropped == 1_000_000
    assert found.fires_us[-1] == now_us
    assert counting.calls <= most_calls


def test_jitter_delays_a_fire_and_keeps_its_time() -> None:
    """A fire starts its jitter later than its time, under its own time, and the next look is then."""
    fire_us = NOW_US + HOUR_US
    delay_us = jitter_of_us("report", fire_us, most_us=30 * MINUTE_US)
    early = due(HOURLY, Progress(NOW_US), fire_us + delay_us - 1, jitter_us=30 * MINUTE_US)
    assert (early.fires_us, early.look_again_us) == ((), fire_us + delay_us)
    assert due(HOURLY, early.progress, fire_us + delay_us, jitter_us=30 * MINUTE_US).fires_us == (fire_us,)


RULES = st.sampled_from(
    [HOURLY, MINUTELY, Every(7 * MINUTE_US, 12_345), At(NOW_US + DAY_US), Cron("30 1,2 * * *", "America/New_York")]
)
STEPS = st.lists(st.integers(-2 * DAY_US, 3 * DAY_US), min_size=1, max_size=30)


@settings(derandomize=True, database=None, deadline=None)
@given(
    rule=RULES,
    steps=STEPS,
    catch_up=st.sampled_from(["one", "all", "none"]),
    jitter_us=st.sampled_from([0, MINUTE_US - 1]),
)
def test_no_clock_makes_a_fire_start_twice(rule: Rule, steps: list[int], catch_up: CatchUp, jitter_us: int) -> None:
    """J9: however the clock goes back and forth, fires start in order, once, never early; each is started or counted."""
    progress, dropped = Progress(NOW_US), 0
    started: list[int] = []
    for now_us in itertools.accumulate(steps, initial=NOW_US):
        found = due(rule, progress, now_us, catch_up=catch_up, max_missed=3, jitter_us=jitter_us)
        assert found.progress.decided_until_us >= progress.decided_until_us
        assert all(fire_us <= now_us for fire_us in found.fires_us)
        progress = found.progress
        started.extend(found.fires_us)
        dropped += found.dropped
    assert started == sorted(set(started))
    all_fires = set(fires_between(rule, NOW_US + 1, progress.decided_until_us + 1))
    assert set(started) <= all_fires
    assert len(started) + dropped == len(all_fires)


def test_a_clock_that_was_far_ahead_leaves_no_silence_and_no_second_fire() -> None:
    """A schedule led to the year 2100 by a wrong clock goes on when it is right again, without what it has started."""
    wrong_us = instant_us(datetime(2100, 1, 1, tzinfo=UTC), what="")
    ahead = due(HOURLY, Progress(NOW_US), wrong_us)
    assert ahead.fires_us == (wrong_us,)
    right_us = NOW_US + HOUR_US // 2
    back = rewound(ahead.progress, right_us, [NOW_US, NOW_US + 2 * HOUR_US, wrong_us])
    assert back == Progress(right_us, (NOW_US + 2 * HOUR_US, wrong_us))
    first = due(HOURLY, back, NOW_US + HOUR_US)
    assert first.fires_us == (NOW_US + HOUR_US,)
    second = due(HOURLY, first.progress, NOW_US + 2 * HOUR_US)
    assert (second.fires_us, second.dropped) == ((), 0)
    assert second.progress.ran_ahead_us == (wrong_us,)
    assert due(HOURLY, second.progress, NOW_US + 3 * HOUR_US).fires_us == (NOW_US + 3 * HOUR_US,)
    assert due(HOURLY, second.progress, wrong_us).fires_us == ()


@pytest.mark.parametrize("back_us", [0, HOUR_US, -5])
def test_a_clock_that_went_back_a_little_is_waited_for(back_us: int) -> None:
    """Nothing is asked of the store for a correction of the clock: what lies between has been decided."""
    progress = Progress(NOW_US)
    assert rewound(progress, NOW_US - back_us, []) is progress
