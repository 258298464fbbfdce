"""`blocking_engine` comes with cerebelum: it keeps everything in memory, and days pass at once. The steps are real."""

import pytest

from flow import disk_watch, keep, lowest, measure, warn


@pytest.fixture
def database(tmp_path):
    """Return where the readings of this test are kept."""
    return str(tmp_path / "readings.db")


def test_a_reading_is_kept_once(database):
    """To keep it twice, as after a crash, changes nothing."""
    from datetime import UTC, datetime

    for _ in range(2):
        keep(database, datetime(2027, 1, 4, 7, tzinfo=UTC), "report", 12.5)
    assert lowest(database) == 12.5


def test_enough_is_free(blocking_engine, database):
    """Nobody is warned, and the reading has the time at which it was started."""
    with (
        blocking_engine.replace_step(measure, lambda folder: 50.0),
        blocking_engine.replace_step(warn, lambda *_: None) as warned,
    ):
        reading = blocking_engine.run(disk_watch, database=database)
    assert (reading.free_percent, reading.is_low, warned.count) == (50.0, False, 0)
    assert reading.at <= blocking_engine.now


def test_too_little_is_free(blocking_engine, database):
    """Somebody is warned, with the schedule's note."""
    blocking_engine.replace_step(measure, lambda folder: 3.0)
    with blocking_engine.replace_step(warn, lambda note, free_percent: None) as warned:
        assert blocking_engine.run(disk_watch, note="report", database=database).is_low
    assert warned.count == 1


def test_a_time_is_what_the_schedule_says(blocking_engine, database):
    """Started late, the execution of a fire still knows for when it was meant: its id says so."""
    blocking_engine.replace_step(measure, lambda folder: 50.0)
    reading = blocking_engine.run(disk_watch, database=database, id="weekday-report-2027-01-04T07:00:00Z")
    assert reading.at.isoformat() == "2027-01-04T07:00:00+00:00"


def test_a_week_of_schedules(blocking_engine, database):
    """Days pass at once: a report on each weekday, a check every quarter of an hour, and each knows its time."""
    for step in (keep, warn):
        blocking_engine.replace_step(step, lambda *_: None)
    blocking_engine.replace_step(measure, lambda folder: 50.0)
    blocking_engine.replace_step(lowest, lambda database: 50.0)
    blocking_engine.schedule_all(disk_watch)
    blocking_engine.advance(days=7)
    ids = [execution.id for execution in blocking_engine.list(workflow="disk_watch", limit=1000)]
    assert len([one for one in ids if one.startswith("weekday-report-")]) == 5
    assert len([one for one in ids if one.startswith("quarter-hourly-")]) == 7 * 24 * 4
