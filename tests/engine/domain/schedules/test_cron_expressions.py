"""What a cron expression may say, and what is said about one that cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebelum.engine.domain.errors_schedule import InvalidSchedule
from cerebelum.engine.domain.schedules.cron_expression import MACROS, least_gap_minutes, parse_cron


@pytest.mark.parametrize(
    "text, same",
    [
        ("0 9 * * mon-fri", "0 9 * * 1-5"),
        ("0 9 * * MON,Wed,fri", "0 9 * * 1,3,5"),
        ("0 9 * jan-mar,DEC *", "0 9 * 1-3,12 *"),
        ("0 9 * * 7", "0 9 * * 0"),
        ("0 9 * * sat-sun", "0 9 * * 0,6"),
        ("0 9 * * 5-7", "0 9 * * 0,5,6"),
        ("0 9 * * 7-2", "0 9 * * 0-2"),
        ("0 9 * * 0-7", "0 9 * * 0-6"),
        ("*/15 * * * *", "0,15,30,45 */1 * * *"),
        ("5/20 * * * *", "5,25,45 0-23 * * *"),
        ("10-40/10 * * * *", "10,20,30,40 * * * *"),
        ("00 09 * * *", "0 9 * * *"),
        ("  0\t9 *  * * ", "0 9 * * *"),
        ("0 9 l * *", "0 9 L * *"),
        ("@daily", "0 0 * * *"),
        ("@Midnight", "@daily"),
        ("@annually", "@yearly"),
        ("@weekly", "0 0 * * sun"),
    ],
)
def test_two_spellings_of_the_same(text: str, same: str) -> None:
    """J2: names, lists, ranges, steps, both numbers of Sunday, the last day and the @names mean their numbers."""
    assert parse_cron(text) == parse_cron(same)


@pytest.mark.parametrize("name", MACROS)
def test_each_name_of_a_schedule_is_read(name: str) -> None:
    """J2: each @name stands for five fields."""
    assert parse_cron(name) == parse_cron(MACROS[name])


@pytest.mark.parametrize(
    "text, faults",
    [
        ("99 * * * *", ["minute: '99' is not in 0-59"]),
        ("* 24 * * *", ["hour: '24' is not in 0-23"]),
        ("* * 0 * *", ["day of month: '0' is not in 1-31"]),
        ("* * * 13 *", ["month: '13' is not in 1-12 or jan-dec"]),
        ("* * * * 8", ["day of week: '8' is not in 0-7 or sun-sat"]),
        ("1,61 * * * *", ["minute: '61' in '1,61' is not in 0-59"]),
        ("-1 * * * *", ["minute: a value is missing in '-1'; allowed: 0-59"]),
        ("1.5 * * * *", ["minute: '1.5' is not in 0-59"]),
        ("² * * * *", ["minute: '²' is not in 0-59"]),
        ("* * * mon *", ["month: 'mon' is not in 1-12 or jan-dec"]),
        ("*/0 * * * *", ["minute: a step must be 1-59, not '0'"]),
        ("*/ * * * *", ["minute: a step must be 1-59, not ''"]),
        (
            "*/90 * * * *",
            ["minute: a step must be 1-59, not '90' (for longer intervals than a field can hold, use every(…))"],
        ),
        ("0 22-2 * * *", ["hour: '22-2' runs backwards; write 22-23,0-2"]),
        ("0 0 * * fri-mon", ["day of week: 'fri-mon' runs backwards; write 5-6,0-1"]),
        ("0 0 ? * *", ["day of month: '?' is of another dialect of cron; write * for any"]),
        ("0 0 30 2 *", ["day of month: '30' does not occur in month '2': it would never fire"]),
        ("0 0 31 4,6 *", ["day of month: '31' does not occur in month '4,6': it would never fire"]),
        ("* 24 32 foo 8", ["hour: '24'", "day of month: '32'", "month: 'foo'", "day of week: '8'"]),
        ("0 9 * *", ["it has 4 fields; five are needed: minute, hour, day of month, month, day of week"]),
        ("0 0 9 * * *", ["it has 6 fields; five are needed"]),
        ("", ["it has 0 fields"]),
        ("@reboot", ["'@reboot' is no name of a schedule; nothing reboots here"]),
        ("@every 5m", ["'@every 5m' is no name of a schedule; use every(minutes(5))"]),
        ("@dayly", ["'@dayly' is no name of a schedule; known: @yearly"]),
        ("*" * 2000, ["it has 2000 characters; at most 1000 are read"]),
    ],
)
def test_a_refusal_names_the_field_the_value_and_what_is_allowed(text: str, faults: list[str]) -> None:
    """J2: a bad expression is refused where it is written, with all its faults at once."""
    with pytest.raises(InvalidSchedule) as caught:
        parse_cron(text)
    assert len(caught.value.faults) == len(faults)
    for found, expected in zip(caught.value.faults, faults, strict=True):
        assert found.startswith(expected)
        assert found in str(caught.value)


def test_the_thirty_first_or_a_monday_may_be_meant_in_february() -> None:
    """Where either field of days is enough, a date that never comes does no harm."""
    assert parse_cron("0 0 31 2 mon").either
    assert not parse_cron("0 0 31 * */2").either


@settings(derandomize=True, database=None)
@given(text=st.one_of(st.text(), st.text(alphabet="0123456789*/,-L @monjan", max_size=30)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text leads to another error than the refusal."""
    try:
        parse_cron(text)
    except InvalidSchedule as error:
        assert error.faults  # noqa: PT017 - not every text is refused


@pytest.mark.parametrize(
    "text, minutes",
    [("* * * * *", 1), ("0 * * * *", 60), ("0,50 9 * * *", 50), ("0 9 * * *", 1440), ("5 0,23 * * *", 60)],
)
def test_the_least_gap_goes_over_midnight(text: str, minutes: int) -> None:
    """The bound for jitter counts the night between two days, too."""
    assert least_gap_minutes(parse_cron(text)) == minutes
