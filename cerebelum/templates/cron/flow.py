"""Watch how full a disk is, by itself: every quarter of an hour, and for a report on weekdays. README.md has the commands."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from cerebelum import Retry, cron, every, fire_time, minutes, step, workflow

AGAIN = Retry(max_attempts=3, backoff="constant", backoff_base=0.5)


@dataclass
class Reading:
    """What one fire has found."""

    at: datetime
    note: str
    free_percent: float
    is_low: bool
    lowest_percent: float  # of all that were kept


@step(retry=AGAIN)
def measure(folder: str) -> float:
    """Return how much of the disk below a folder is free, in percent."""
    usage = shutil.disk_usage(folder)
    return round(100 * usage.free / usage.total, 1)


@step(retry=AGAIN, queue="database")
def keep(database: str, at: datetime, note: str, free_percent: float) -> None:
    """Write one reading. To write it twice, after a crash, changes nothing: its time is its key."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS readings (at TEXT, note TEXT, free REAL, PRIMARY KEY (at, note))"
        )
        connection.execute("INSERT OR REPLACE INTO readings VALUES (?, ?, ?)", (at.isoformat(), note, free_percent))


@step
def lowest(database: str) -> float:
    """Return the lowest of all readings."""
    with closing(sqlite3.connect(database)) as connection:
        found: tuple[float] = connection.execute("SELECT MIN(free) FROM readings").fetchone()
    return found[0]


@step
def warn(note: str, free_percent: float) -> None:
    """Tell somebody. Here it is a line in the log; yours might send a message."""
    print(f"{note}: only {free_percent} % are free")


# The one without a note of its own runs often: if the one before still runs, or nobody was there, it is left out. The
# report is worth having late: after a weekend without power, the newest one is made up for.
@cron("0 8 * * 1-5", timezone="Europe/Zurich", name="weekday-report", input={"note": "report"}, catch_up="one")
@every(minutes(15), name="quarter-hourly", jitter=20, overlap="skip", catch_up="none")
@workflow
async def disk_watch(
    folder: str = ".", note: str = "check", limit_percent: float = 10, database: str = "readings.db"
) -> Reading:
    """Measure, keep, and warn if too little is free."""
    at = fire_time()  # the time by the schedule, also when it starts late; by hand, when it was started
    free_percent = await measure(folder)
    await keep(database, at, note, free_percent)
    is_low = free_percent < limit_percent
    if is_low:
        await warn(note, free_percent)
    return Reading(at, note, free_percent, is_low, await lowest(database))
