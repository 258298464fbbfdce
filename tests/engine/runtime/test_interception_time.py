# Naive times, and the calls that make them, are what is tested here.
# ruff: noqa: DTZ002, DTZ003, DTZ005, DTZ006, DTZ011
from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import time
import warnings
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cerebelum.engine.runtime.interception import install, outside, real
from tests.engine.runtime.workflow_code import NOW_US, inside

install()

INSTANT = datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize("name", ["time", "monotonic", "perf_counter", "process_time", "thread_time"])
def test_every_clock_reads_the_instant_of_the_event(name: str) -> None:
    """E9, E3: inside an activation every clock stands at the event's instant; outside, it runs."""
    seconds, nanoseconds = getattr(time, name), getattr(time, f"{name}_ns")
    before = seconds()
    with inside():
        assert (seconds(), nanoseconds()) == (NOW_US / 1e6, NOW_US * 1000)
        assert seconds() == seconds()
    assert before <= seconds() != NOW_US / 1e6


@pytest.mark.skipif(not hasattr(time, "clock_gettime"), reason="a function of Unix")
def test_clock_gettime_reads_the_instant_whichever_clock_is_asked() -> None:
    """E9: `clock_gettime` is no way around virtual time."""
    with inside():
        assert time.clock_gettime(time.CLOCK_MONOTONIC) == NOW_US / 1e6
        assert time.clock_gettime_ns(time.CLOCK_REALTIME) == NOW_US * 1000
    assert time.clock_gettime(time.CLOCK_REALTIME) > NOW_US / 1e6


def test_calendar_functions_take_the_instant_when_none_is_given() -> None:
    """E9: without an argument they show workflow time, with one they are what they always were."""
    moment = real.gmtime(NOW_US / 1e6)
    with inside():
        assert time.gmtime() == INSTANT.utctimetuple()
        assert time.localtime() == moment
        assert time.ctime() == time.asctime() == time.asctime(moment)
        assert time.strftime("%Y-%m-%d") == time.strftime("%Y-%m-%d", moment)
        assert time.gmtime(0).tm_year == 1970
        assert time.strftime("%Y", time.gmtime(0)) == "1970"
        assert time.ctime(0) == "Thu Jan  1 00:00:00 1970"
        assert time.mktime(time.localtime(86_400)) == 86_400
    assert time.gmtime() >= INSTANT.utctimetuple()
    assert time.localtime() > moment
    assert time.strftime("%Y") != ""
    assert time.asctime() != time.asctime(moment)


def test_datetime_now_gives_the_instant_in_the_zone_that_was_asked_for() -> None:
    """E9: aware, in any zone, by position or by name; naive, the instant in UTC."""
    tokyo, offset = ZoneInfo("Asia/Tokyo"), timezone(timedelta(hours=-3))
    with inside():
        assert datetime.now(UTC) == INSTANT
        assert datetime.now(tz=tokyo).isoformat() == INSTANT.astimezone(tokyo).isoformat()
        assert datetime.now(offset).utcoffset() == timedelta(hours=-3)
        assert datetime.now() == INSTANT.replace(tzinfo=None)
        assert datetime.now().timestamp() == INSTANT.timestamp()
        assert datetime.now().astimezone() == INSTANT
        assert datetime.now().astimezone(tokyo).isoformat() == INSTANT.astimezone(tokyo).isoformat()
        assert datetime.fromtimestamp(NOW_US / 1e6) == datetime.now()
        assert datetime.today() == datetime.now()
        assert date.today() == datetime.now().date()
        with pytest.raises(TypeError):
            datetime.now("UTC")  # type: ignore[arg-type]
    assert datetime.now(UTC) - INSTANT > DAY
    assert date.today() > INSTANT.date()


def test_utcnow_gives_the_instant_and_warns_where_python_does() -> None:
    """E9: the deprecated form is intercepted too, and its warning names the caller's line."""
    with warnings.catch_warnings(record=True) as caught, inside():
        warnings.simplefilter("always")
        moment = datetime.utcnow()
    assert moment == INSTANT.replace(tzinfo=None)
    assert all(warning.filename == __file__ for warning in caught)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert datetime.utcnow() - moment > DAY


def test_the_types_stay_what_they_are() -> None:
    """E9: the same class object, exact results, equality and pickles as before."""
    with inside():
        now, today = datetime.now(), date.today()
    assert type(now) is datetime
    assert type(datetime.today()) is datetime
    assert type(today) is date
    assert isinstance(now, date)
    assert pickle.loads(pickle.dumps(now)) == now
    assert type(datetime.now()) is datetime


def test_a_subclass_gets_its_own_instances() -> None:
    """E9: `cls` is honoured inside and outside."""

    class Moment(datetime):
        pass

    class Day(date):
        pass

    with inside():
        assert (type(Moment.now()), type(Moment.now(UTC)), type(Moment.today())) == (Moment, Moment, Moment)
        assert type(Day.today()) is Day
        assert Moment.now(UTC) == INSTANT
    assert (type(Moment.now()), type(Moment.today()), type(Day.today())) == (Moment, Moment, Day)


@pytest.mark.parametrize("now_us", [1, 999_999, 7_258_118_399_999_999, 1_999_999_999_999_999, 0])
def test_no_microsecond_is_lost(now_us: int) -> None:
    """E3: `datetime.now` gives the event's very microsecond, from the epoch to the year 2200."""
    with inside() as activation:
        activation._now_us = now_us
        assert datetime.now(UTC) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now_us)


def test_other_threads_keep_real_time() -> None:
    """E9: while an activation runs on one thread, another thread's clock is untouched."""
    seen: list[Any] = []
    reader = threading.Thread(target=lambda: seen.extend([time.time(), datetime.now(UTC), date.today()]))
    begin, ended = threading.Event(), threading.Event()

    def read_when_told() -> None:
        begin.wait()
        reader.run()
        ended.set()

    thread = threading.Thread(target=read_when_told)
    thread.start()
    with inside():
        begin.set()
        ended.wait()
        assert time.time() == NOW_US / 1e6
    thread.join()
    assert seen[0] - NOW_US / 1e6 > 86_400
    assert seen[1] - INSTANT > DAY
    assert seen[2] > INSTANT.date()


def test_engine_code_can_step_out_of_an_activation() -> None:
    """E9: `outside()` gives real time in its body and workflow time again after it, also when the body fails."""
    with inside():
        with outside():
            assert time.time() > NOW_US / 1e6
        with pytest.raises(KeyError), outside():
            raise KeyError
        assert time.time() == NOW_US / 1e6
        assert real.now_us() > NOW_US


async def test_a_loop_of_asyncio_keeps_real_time_during_an_activation() -> None:
    """E9: a timer that the engine arms on the node's loop in the midst of an activation comes due in real seconds."""
    loop = asyncio.get_running_loop()
    before = loop.time()
    with inside():
        assert before <= loop.time() < before + 3600


def test_a_clock_kept_as_a_class_attribute_is_not_bound() -> None:
    """E9: like the builtins they stand for, the replacements get no `self`."""

    class Stopwatch:
        clock: Any = time.monotonic
        sleep: Any = time.sleep

    Stopwatch().sleep(0)
    with inside():
        assert Stopwatch().clock() == NOW_US / 1e6


@pytest.mark.parametrize(
    "function", [time.time, time.sleep, time.localtime], ids=lambda function: str(function.__name__)
)
def test_a_replacement_pickles_and_copies_as_itself(function: Any) -> None:
    """E9: a function that is handed to a worker process arrives there."""
    assert pickle.loads(pickle.dumps(function)) == function
    assert copy.deepcopy(function) == function
    assert function.__doc__
