"""What is checked where a schedule is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_schedule import InvalidSchedule
from cerebelum.engine.domain.schedules.rules import At, Cron, Every
from cerebelum.engine.domain.schedules.spec import (
    Options,
    ScheduleSpec,
    cron_schedule,
    interval_schedule,
    one_time_schedule,
)


def test_a_schedule_keeps_what_was_written() -> None:
    """J1: expression, zone, input, queue and the policies are kept; a bare number of jitter is seconds."""
    options = Options(
        input={"region": "eu"}, queue="reports", jitter=30, overlap="cancel_previous", catch_up="all", max_missed=7
    )
    assert cron_schedule("0 9 * * *", timezone="America/New_York", options=options) == ScheduleSpec(
        rule=Cron("0 9 * * *", "America/New_York"),
        input={"region": "eu"},
        queue="reports",
        jitter_us=30_000_000,
        overlap="cancel_previous",
        catch_up="all",
        max_missed=7,
    )


def test_the_defaults_run_once_and_never_twice_at_a_time() -> None:
    """J10: without a word about it, what was missed comes down to one run, and a run does not overlap the one before."""
    spec = cron_schedule("0 9 * * *")
    assert (spec.rule, spec.overlap, spec.catch_up) == (Cron("0 9 * * *", "UTC"), "skip", "one")
    assert (spec.input, spec.queue, spec.jitter_us) == (None, None, 0)


def test_intervals_and_one_off_times_become_rules() -> None:
    """An interval counts from 1970 or its anchor, in elapsed time; a time is an instant."""
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    anchor_us = int(anchor.timestamp()) * 1_000_000
    assert interval_schedule(timedelta(minutes=5)).rule == Every(300_000_000)
    assert interval_schedule(timedelta(minutes=5), anchor=anchor).rule == Every(300_000_000, anchor_us)
    assert one_time_schedule(anchor).rule == At(anchor_us)


NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - what is refused
BAD_OPTIONS = Options(queue=" q", jitter=-1, overlap="later", catch_up="some", max_missed=0)
FAULTS_OF_OPTIONS = ("queue: ' q'", "jitter must not", "overlap: must be one of skip, ", "catch_up: ", "max_missed: ")


@pytest.mark.parametrize(
    "make, faults",
    [
        (
            lambda: cron_schedule("61 25 * * *", timezone="Europe/Zurch", options=BAD_OPTIONS),
            ("minute: '61'", "hour: '25'", "timezone: no time zone 'Europe/Zurch'", *FAULTS_OF_OPTIONS),
        ),
        (lambda: cron_schedule(5), ("the expression must be a text",)),
        (lambda: cron_schedule(["0 9 * * *"]), ("the expression must be a text",)),
        (lambda: interval_schedule(5, options=BAD_OPTIONS), ("the interval must be a timedelta", *FAULTS_OF_OPTIONS)),
        (lambda: interval_schedule(timedelta(0)), ("the interval must be a second or more",)),
        (lambda: interval_schedule(timedelta(days=-1)), ("the interval must be a second or more",)),
        (lambda: interval_schedule(timedelta(hours=1), anchor=NAIVE), ("anchor must be an aware",)),
        (
            lambda: one_time_schedule(NAIVE, options=BAD_OPTIONS),
            ("the time must be an aware", *FAULTS_OF_OPTIONS),
        ),
        (lambda: one_time_schedule(datetime(9999, 12, 1, tzinfo=UTC)), ("the time must be before the year 9999",)),
        (lambda: cron_schedule("* * * * *", options=Options(jitter=60)), ("jitter: 60 is not less than the 0:01:00",)),
        (lambda: interval_schedule(timedelta(hours=1), options=Options(jitter=timedelta(hours=2))), ("jitter: ",)),
        (lambda: cron_schedule("0 9 * * *", options=Options(max_missed=True)), ("max_missed: must be a whole number",)),
    ],
)
def test_all_faults_of_a_schedule_are_told_at_once(make: Callable[[], Any], faults: tuple[str, ...]) -> None:
    """J2: what cannot be used is refused where it is written, each fault with its value, and none hides another."""
    with pytest.raises(InvalidSchedule) as caught:
        make()
    assert len(caught.value.faults) == len(faults)
    for found, expected in zip(caught.value.faults, faults, strict=True):
        assert found.startswith(expected)
    assert isinstance(caught.value, DefinitionError)
    assert (caught.value.code, caught.value.exit_code) == ("CB140", 9)
