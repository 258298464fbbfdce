"""Every fire of three years, in zones with every kind of clock change, against a walk through each minute."""

from __future__ import annotations

import random
from bisect import bisect_right
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from cerebelum.engine.domain.durations import instant_us
from cerebelum.engine.domain.errors_schedule import InvalidSchedule
from cerebelum.engine.domain.schedules.rules import Cron, fires_between
from tests.engine.domain.schedules import oracle

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)  # 2028 is a leap year
ZONES = ("America/New_York", "Europe/Zurich", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
EXPRESSIONS = (
    "0 9 * * *",
    "0 9 * * mon-fri",
    "30 2 * * *",  # in the gap of New York and Zurich
    "15 2 * * *",  # in the gap of Lord Howe, which is half an hour
    "30 1 * * *",  # comes twice in New York and Lord Howe
    "0,15,30,45 1-3 * * *",
    "*/7 0-6 * * *",
    "59 1,2 * * sun",
    "0 2 * * *",
    "0 3 * * *",
    "0 */2 * * *",
    "0 * * * *",
    "30 * * * *",
    "*/15 * * * *",
    "10-50/20 * 1,15 * *",
    "0 0 1 * *",
    "0 0 L * *",
    "0 12 L,15 feb,apr *",
    "0 0 29 2 *",
    "0 0 13 * fri",  # Vixie: the 13th and every Friday
    "0 0 */2 * fri",  # begins with a star: Fridays of odd date
    "0 8 1-7 * */3",
    "45 23 31 dec *",
    "5/20 6 * 3,10,11 0,6",
    "0 2 8-14 3 7",
    "0 22 * * fri-sun",
)
CHANGES = (  # a zone, and a day near which its clock does something rare
    ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Europe/Zurich", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Zurich", datetime(2026, 10, 25, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, tzinfo=UTC)),  # midnight is skipped
    ("America/Sao_Paulo", datetime(2018, 2, 18, tzinfo=UTC)),  # midnight comes twice
    ("America/Havana", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),  # a whole day is skipped
    ("Antarctica/Troll", datetime(2026, 3, 29, tzinfo=UTC)),  # two hours
    ("Antarctica/Troll", datetime(2026, 10, 25, tzinfo=UTC)),
    ("Europe/Dublin", datetime(2026, 10, 25, tzinfo=UTC)),  # winter time is the exception
    ("Asia/Pyongyang", datetime(2018, 5, 4, tzinfo=UTC)),  # the standard time itself is changed
    ("Asia/Kathmandu", datetime(1985, 12, 31, tzinfo=UTC)),  # by a quarter of an hour
    ("Africa/Casablanca", datetime(2026, 2, 15, tzinfo=UTC)),
    ("UTC", datetime(2028, 2, 29, tzinfo=UTC)),
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("zone", ZONES)
def test_each_fire_of_three_years_is_that_of_a_walk_through_each_minute(zone: str, expression: str) -> None:
    """J2, J6: each fire comes at its local time on every day, once, across every change of the clocks."""
    expected = oracle.fires(expression, zone, BEGIN, END)
    begin_us, end_us = instant_us(BEGIN, what=""), instant_us(END, what="")
    assert list(fires_between(Cron(expression, zone), begin_us, end_us)) == expected
    assert len(expected) == Cron(expression, zone).count(begin_us - 1, end_us - 1)


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "Europe/Zurich"])
def test_each_minute_of_a_year_fires_once(zone: str) -> None:
    """J2: `* * * * *` fires at each minute that passes, the repeated ones included."""
    begin_us, end_us = instant_us(BEGIN, what=""), instant_us(datetime(2027, 1, 1, tzinfo=UTC), what="")
    fires = list(fires_between(Cron("* * * * *", zone), begin_us, end_us))
    assert fires == list(range(begin_us, end_us, 60_000_000))


@pytest.mark.parametrize("zone", ZONES)
def test_looking_back_and_counting_agree_with_looking_forward(zone: str) -> None:
    """From any instant, the fire before, the fire after and the number between two are those of the walk."""
    rng = random.Random(zone)
    begin_us, end_us = instant_us(BEGIN, what=""), instant_us(END, what="")
    for expression in EXPRESSIONS:
        rule = Cron(expression, zone)
        expected = oracle.fires(expression, zone, BEGIN, END)
        near = [
            fire_us + shift_us for fire_us in rng.sample(expected, min(10, len(expected))) for shift_us in (-1, 0, 1)
        ]
        for at_us in near + [rng.randrange(begin_us, end_us) for _ in range(20)]:
            index = bisect_right(expected, at_us)
            other_us = rng.randrange(begin_us, end_us)
            assert rule.next_after_us(at_us) == (
                expected[index] if index < len(expected) else rule.next_after_us(end_us - 1)
            )
            assert rule.last_until_us(at_us, after_us=begin_us - 1) == (expected[index - 1] if index else None)
            assert rule.count(at_us, other_us) == max(0, bisect_right(expected, other_us) - index)


def _numbers(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.tuples(st.one_of(st.just("*"), span, number.map(str)), st.integers(1, most)).map(
        lambda p: f"{p[0]}/{p[1]}"
    )
    items = st.lists(st.one_of(number.map(str), span, step), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), items)


EXPRESSION = st.tuples(
    _numbers(0, 59), _numbers(0, 23), st.one_of(_numbers(1, 31), st.just("L")), _numbers(1, 12), _numbers(0, 7)
).map(" ".join)
NIGHTLY = st.tuples(_numbers(0, 59), _numbers(0, 4)).map(
    lambda pair: f"{pair[0]} {pair[1]} * * *"
)  # where clocks change


@pytest.mark.parametrize(
    "zone, day", CHANGES, ids=lambda value: value if isinstance(value, str) else f"{value:%Y-%m-%d}"
)
def test_any_expression_fires_as_the_walk_says_where_clocks_change(zone: str, day: datetime) -> None:
    """J6: whatever the expression, each kind of change gives the fires of the walk through each minute."""
    begin, end = day - timedelta(days=3), day + timedelta(days=4)
    begin_us, end_us = instant_us(begin, what=""), instant_us(end, what="")

    @settings(max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(expression=st.one_of(EXPRESSION, NIGHTLY), from_minute=st.integers(0, 7 * 1440))
    def check(expression: str, from_minute: int) -> None:
        note(f"{expression} in {zone}")
        try:
            rule = Cron(expression, zone)
        except InvalidSchedule as error:
            assert "would never fire" in str(error)  # noqa: PT017 - of random dates, some do not exist
            return
        expected = oracle.fires(expression, zone, begin, end)
        assert list(fires_between(rule, begin_us, end_us)) == expected
        from_us = begin_us + from_minute * 60_000_000
        later = [fire_us for fire_us in expected if fire_us > from_us]
        assert rule.count(from_us, end_us - 1) == len(later)
        backwards = []
        fire_us = rule.last_until_us(end_us - 1, after_us=from_us)
        while fire_us is not None:
            backwards.append(fire_us)
            fire_us = rule.last_until_us(fire_us - 1, after_us=from_us)
        assert backwards[::-1] == later

    check()


@pytest.mark.parametrize(
    "expression, zone, after, fires",
    [
        (
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00-05:00",
            ["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"],
        ),
        (
            "0,30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00-05:00",
            ["2026-03-08T03:00-04:00", "2026-03-09T02:00-04:00"],
        ),
        (
            "0 2,3 * * *",
            "America/New_York",
            "2026-03-07T12:00-05:00",
            ["2026-03-08T03:00-04:00", "2026-03-09T02:00-04:00"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00-04:00",
            ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"],
        ),
        ("30 1 * * *", "America/New_York", "2026-11-01T01:10-05:00", ["2026-11-02T01:30-05:00"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00+10:30", ["2026-10-04T02:30+11:00"]),
        ("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00-03:00", ["2018-11-04T01:00-02:00"]),
        ("0 * * * *", "Europe/Zurich", "2026-03-29T01:30+01:00", ["2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"]),
        (
            "0 * * * *",
            "Europe/Zurich",
            "2026-10-25T01:30+02:00",
            ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"],
        ),
        ("0 9 30 12 *", "Pacific/Apia", "2011-12-29T12:00-10:00", ["2011-12-31T00:00+14:00", "2012-12-30T09:00+14:00"]),
        ("0 0 29 2 *", "UTC", "2096-03-01T00:00+00:00", ["2104-02-29T00:00+00:00"]),
        ("0 0 29 2 */7", "UTC", "2026-01-01T00:00+00:00", ["2032-02-29T00:00+00:00", "2060-02-29T00:00+00:00"]),
    ],
)
def test_the_rule_for_changed_clocks_by_hand(expression: str, zone: str, after: str, fires: list[str]) -> None:
    """J6: a skipped time fires at the first instant after the gap, a repeated one at its first coming; hours follow time."""
    at_us: int | None = instant_us(datetime.fromisoformat(after), what="")
    for fire in fires:
        assert at_us is not None
        at_us = Cron(expression, zone).next_after_us(at_us)
        assert at_us == instant_us(datetime.fromisoformat(fire), what=""), fire


def test_the_end_and_the_beginning_of_the_calendar_are_no_accident() -> None:
    """Outside the years that are computed there is no fire, and no error."""
    for zone in ("UTC", "Australia/Lord_Howe"):
        rule = Cron("0 0 * * *", zone)
        assert rule.next_after_us(10**18) is None
        assert rule.last_until_us(10**18, after_us=-(10**18)) is not None
        assert rule.next_after_us(-(10**18)) is not None
        assert rule.last_until_us(-(10**18), after_us=-(10**18)) is None
        assert rule.count(10**17 * 5, 10**18) == 0
