"""Intervals, one-off times, zones, and rules as data."""

from __future__ import annotations

import itertools
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebelum.engine.domain.durations import instant_us
from cerebelum.engine.domain.schedules.coming import coming_fires
from cerebelum.engine.domain.schedules.cron_expression import parse_cron
from cerebelum.engine.domain.schedules.cron_fires import next_fire_s
from cerebelum.engine.domain.schedules.jitter import jitter_of_us
from cerebelum.engine.domain.schedules.rules import At, Cron, Every, Rule, fires_between
from cerebelum.engine.domain.schedules.zones import periods, zone_named

NOW_US = instant_us(datetime(2026, 6, 1, tzinfo=UTC), what="")
SETTINGS = settings(derandomize=True, database=None, deadline=None)


@SETTINGS
@given(
    every_us=st.integers(1, 10**7),
    anchor_us=st.integers(-(10**8), 10**8),
    after_us=st.integers(-(10**8), 10**8),
    span_us=st.integers(0, 10**8),
)
def test_an_interval_fires_at_its_anchor_and_each_interval_later(
    every_us: int, anchor_us: int, after_us: int, span_us: int
) -> None:
    """Next, last and number agree with the multiples of the interval from the anchor on."""
    rule, until_us = Every(every_us, anchor_us), after_us + span_us
    next_us, last_us = rule.next_after_us(after_us), rule.last_until_us(until_us, after_us=after_us)
    assert next_us is not None
    assert next_us == anchor_us or (next_us - anchor_us) % every_us == 0 <= next_us - anchor_us
    assert next_us > after_us
    assert next_us == anchor_us or next_us - every_us <= after_us
    if next_us > until_us:
        assert (last_us, rule.count(after_us, until_us)) == (None, 0)
    else:
        assert last_us == next_us + (until_us - next_us) // every_us * every_us
        assert rule.count(after_us, until_us) == (last_us - next_us) // every_us + 1


def test_a_one_off_time_fires_once() -> None:
    """Before its time it is the next fire, at and after it there is none."""
    rule = At(NOW_US)
    assert rule.next_after_us(NOW_US - 1) == NOW_US
    assert rule.next_after_us(NOW_US) is None
    assert rule.last_until_us(NOW_US, after_us=0) == NOW_US
    assert rule.last_until_us(NOW_US + 5, after_us=NOW_US) is None
    assert (rule.count(0, NOW_US), rule.count(NOW_US, NOW_US + 1)) == (1, 0)


@pytest.mark.parametrize("rule", [Cron("0 9 * * *", "Europe/Zurich"), Every(60_000_000, 5), At(NOW_US)])
def test_a_rule_is_kept_as_json(rule: Rule) -> None:
    """F20: what is stored of a schedule, its zone included, gives the same schedule back."""
    assert msgspec.json.decode(msgspec.json.encode(rule), type=Rule) == rule


def test_a_range_holds_its_beginning_and_not_its_end() -> None:
    """Two backfills that meet start no fire twice and leave none out."""
    hour_us = 3_600_000_000
    assert list(fires_between(Every(hour_us), NOW_US, NOW_US + 2 * hour_us)) == [NOW_US, NOW_US + hour_us]
    assert list(fires_between(Cron("0 * * * *"), NOW_US, NOW_US + hour_us)) == [NOW_US]
    assert list(fires_between(At(NOW_US), NOW_US, NOW_US)) == []


def test_coming_fires_tell_what_the_clocks_do_to_them() -> None:
    """J6: a fire that is moved out of a gap is marked with the time it stands for, and both comings of an hour are."""
    march = instant_us(datetime(2026, 3, 7, 12, tzinfo=UTC), what="")
    gap, normal = coming_fires(Cron("30 2 * * *", "America/New_York"), after_us=march, count=2)
    assert (gap.dst, gap.local.isoformat()) == ("gap", "2026-03-08T03:00:00-04:00")
    assert gap.note == "2026-03-08 02:30 is skipped by the clocks; fires at 03:00"
    assert (normal.dst, normal.note, normal.local.isoformat()) == ("", "", "2026-03-09T02:30:00-04:00")
    october = instant_us(datetime(2026, 10, 31, 12, tzinfo=UTC), what="")
    first, next_day = coming_fires(Cron("30 1 * * *", "America/New_York"), after_us=october, count=2)
    assert (first.dst, first.note) == (
        "first",
        "01:30 comes twice: this is the first, and it fires only the first time",
    )
    assert next_day.dst == ""
    hours = coming_fires(Cron("30 * * * *", "America/New_York"), after_us=october, count=20)
    assert [fire.dst for fire in hours if fire.dst] == ["first", "second"]


def test_coming_fires_end_with_the_schedule() -> None:
    """Fewer fires than asked for are no error, and an interval is shown on the wall clock that is asked for."""
    (only,) = coming_fires(At(NOW_US), after_us=0, count=5, zone=zone_named("Asia/Kathmandu"))
    assert only.local.isoformat() == "2026-06-01T05:45:00+05:45"
    assert coming_fires(At(NOW_US), after_us=NOW_US, count=5) == []


@pytest.mark.parametrize(
    "name, hint",
    [
        ("Europe/Zurch", "did you mean 'Europe/Zurich'?"),
        ("New York", "did you mean 'America/New_York'?"),
        ("europe/zürich", "did you mean 'Europe/Zurich'?"),
        ("Europe", ""),
        ("../../etc/passwd", ""),
        ("/etc/passwd", ""),
        ("", "names are such as"),
        ("A" * 5000, ""),
        ("localtime", ""),
        ("a\0b", ""),
        ("\udc80", ""),
        (None, ""),
        (["UTC"], ""),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest_name(name: str, hint: str) -> None:
    """F20: a zone that is misspelt, no text or no name of the data is refused, and a near one is named."""
    with pytest.raises(ValueError, match="no time zone") as caught:
        zone_named(name)
    assert hint in str(caught.value)


def test_new_zone_data_are_used_for_what_comes(tmp_path: Path) -> None:
    """After an update of the zone data the next fire follows the new clocks; the old ones leave nothing behind."""
    zones = tmp_path / "Land"
    zones.mkdir()
    before_path = zoneinfo.TZPATH
    try:
        (zones / "Town").write_bytes(_zone_bytes("EST5"))
        zoneinfo.reset_tzpath([str(tmp_path)])
        zoneinfo.ZoneInfo.clear_cache()
        rule = Cron("0 9 * * *", "Land/Town")
        assert rule.next_after_us(NOW_US) == NOW_US + 14 * 3_600_000_000
        (zones / "Town").write_bytes(_zone_bytes("XST4"))
        zoneinfo.ZoneInfo.clear_cache()
        assert rule.next_after_us(NOW_US) == NOW_US + 13 * 3_600_000_000
    finally:
        zoneinfo.reset_tzpath(before_path)
        zoneinfo.ZoneInfo.clear_cache()


def _zone_bytes(rule: str) -> bytes:
    """Return zone data that hold nothing but a rule for all times, in the form of RFC 8536."""
    name, hours = rule[:3], int(rule[3:])
    counts = b"".join(count.to_bytes(4, "big") for count in (0, 0, 0, 0, 1, 4))
    body = (-hours * 3600).to_bytes(4, "big", signed=True) + b"\0\0" + name.encode() + b"\0"
    header = b"TZif2" + b"\0" * 15 + counts
    return header + body + header + body + b"\n" + rule.encode() + b"\n"


@pytest.mark.parametrize("zone", ["America/New_York", "Africa/Casablanca", "Pacific/Apia", "Europe/Dublin", "UTC"])
def test_periods_cover_each_year_and_tell_the_offset(zone: str) -> None:
    """The periods follow one another without gaps, and each hour has the offset that `zoneinfo` gives."""
    for year in (1950, 2011, 2026, 2400):
        found = periods(zone_named(zone), year)
        assert found[0].start_s == int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
        assert found[-1].end_s == int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp())
        for earlier, later in itertools.pairwise(found):
            assert (earlier.end_s, earlier.offset_s) == (later.start_s, later.before_s)
        for period in found:
            for at_s in (*range(period.start_s, period.end_s, 3600), period.end_s - 1):
                offset = datetime.fromtimestamp(at_s, zone_named(zone)).utcoffset()
                assert offset == timedelta(seconds=period.offset_s)


def test_a_rare_date_is_found_without_walking_there() -> None:
    """A date that comes once in decades is found."""
    fire_s = next_fire_s(parse_cron("0 0 29 2 */7"), UTC, NOW_US // 1_000_000)
    assert fire_s == int(datetime(2032, 2, 29, tzinfo=UTC).timestamp())


@SETTINGS
@given(name=st.text(), fire_us=st.integers(0, 10**16), most_us=st.integers(0, 10**11))
def test_jitter_is_the_same_each_time_and_within_its_bound(name: str, fire_us: int, most_us: int) -> None:
    """J9: every node draws the same delay for a fire, 0 to the bound."""
    delay_us = jitter_of_us(name, fire_us, most_us=most_us)
    assert 0 <= delay_us <= most_us
    assert delay_us == jitter_of_us(name, fire_us, most_us=most_us)


def test_jitter_spreads_over_schedules_and_fires() -> None:
    """A thousand schedules of one time start over the whole bound, and one schedule not always late; values are pinned."""
    of_names = [jitter_of_us(f"report-{n}", NOW_US, most_us=1000) for n in range(1000)]
    of_fires = [jitter_of_us("report", NOW_US + n, most_us=1000) for n in range(1000)]
    for delays in (of_names, of_fires):
        assert len({delay // 100 for delay in delays}) >= 10
        assert 400 < sum(delays) / len(delays) < 600
    assert [jitter_of_us("report", NOW_US + n, most_us=1000) for n in range(3)] == [620, 902, 166]
