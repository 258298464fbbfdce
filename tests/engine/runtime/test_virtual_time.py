from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from cerebelum.engine.domain.errors import ExecutionNotFound
from cerebelum.engine.ports.clock import Clock, TimeProvider
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.virtual_time import ExecutionClocks, SystemClock
from tests.engine.runtime.workflow_code import NOW_US, inside

install()

HOUR_MS = 3_600_000


class SetClock:
    """A clock that a test sets; sleeping moves it."""

    def __init__(self, now_us: int) -> None:
        self.at_us = now_us

    def now_us(self) -> int:
        return self.at_us

    async def sleep_until_us(self, due_us: int) -> None:
        self.at_us = max(self.at_us, due_us)


@pytest.fixture
def clocks() -> ExecutionClocks:
    clocks = ExecutionClocks()
    clocks.start("a", NOW_US)
    clocks.start("b", 0)
    return clocks


def test_each_execution_has_its_own_time(clocks: ExecutionClocks) -> None:
    """E1, E3: real time without an id; with one, the instant from its history, which stands still."""
    provider: TimeProvider = clocks
    before = datetime.now(UTC)
    assert before <= provider.now() <= datetime.now(UTC)
    assert provider.now("a") == provider.now("a") == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
    assert provider.now("b") == datetime(1970, 1, 1, tzinfo=UTC)
    assert clocks.now_us("a") == NOW_US


async def test_sleep_with_an_id_only_moves_that_clock(clocks: ExecutionClocks) -> None:
    """E2: an hour passes for one execution at once, and for nobody else."""
    provider: TimeProvider = clocks
    before = clocks.now("a")
    sleeping = provider.sleep("a", HOUR_MS)
    with pytest.raises(StopIteration):
        sleeping.send(None)  # never yields to the loop
    assert clocks.now("a") - before == timedelta(hours=1)
    assert clocks.now_us("b") == 0


async def test_sleep_without_an_id_really_sleeps() -> None:
    """E2: the plain form waits for the real clock."""
    clock = SetClock(NOW_US)
    await ExecutionClocks(clock).sleep(HOUR_MS)
    assert clock.at_us == NOW_US + HOUR_MS * 1000
    before_ns = time.monotonic_ns()
    await ExecutionClocks().sleep(2)
    assert time.monotonic_ns() - before_ns >= 1_000_000


async def test_the_system_clock_waits_until_the_instant() -> None:
    """E2: never early; at once for the past; and real inside an activation."""
    clock: Clock = SystemClock()
    due_us = clock.now_us() + 2_000
    await clock.sleep_until_us(due_us)
    assert clock.now_us() >= due_us
    await asyncio.wait_for(clock.sleep_until_us(0), timeout=None)
    with inside():
        assert clock.now_us() > NOW_US


async def test_a_callback_comes_when_the_delay_has_passed(clocks: ExecutionClocks) -> None:
    """E4: not at 999 of 1000 ms, once at 1000, never again."""
    calls: list[int] = []
    clocks.schedule("a", 1000, lambda: calls.append(clocks.now_us("a")))
    await clocks.sleep("a", 999)
    assert calls == []
    await clocks.sleep("a", 1)
    await clocks.sleep("a", 5000)
    assert calls == [NOW_US + 1_000_000]


async def test_callbacks_come_in_order_each_at_its_own_instant(clocks: ExecutionClocks) -> None:
    """E4: one leap passes through every instant on the way, those scheduled meanwhile too; ties keep their order."""
    calls: list[tuple[str, int]] = []

    def call(name: str) -> None:
        calls.append((name, clocks.now_us("b") // 1000))

    def again() -> None:
        call("first")
        clocks.schedule("b", 10, lambda: call("nested"))

    clocks.schedule("b", 30, lambda: call("last"))
    clocks.schedule("b", 10, again)
    clocks.schedule("b", 10, lambda: call("second"))
    clocks.schedule("b", 0, lambda: call("now"))
    clocks.advance_to_us("b", 30_000)
    assert calls == [("now", 0), ("first", 10), ("second", 10), ("nested", 20), ("last", 30)]


def test_a_clock_never_goes_back(clocks: ExecutionClocks) -> None:
    """E3: an event of an earlier instant leaves the clock where it is."""
    clocks.advance_to_us("a", NOW_US + 5)
    clocks.advance_to_us("a", NOW_US)
    assert clocks.now_us("a") == NOW_US + 5


async def test_an_unknown_execution_has_no_time(clocks: ExecutionClocks) -> None:
    """E3: never the present in place of a time that nobody recorded."""
    clocks.forget("a")
    with pytest.raises(ExecutionNotFound):
        clocks.now("a")
    with pytest.raises(ExecutionNotFound):
        await clocks.sleep("nobody", 1)
    with pytest.raises(ExecutionNotFound):
        clocks.schedule("nobody", 1, lambda: None)


async def test_negative_durations_are_refused(clocks: ExecutionClocks) -> None:
    """E2, E4: time does not run backwards."""
    with pytest.raises(ValueError, match="-1 ms"):
        await clocks.sleep("a", -1)
    with pytest.raises(ValueError, match="-1 ms"):
        clocks.schedule("a", -1, lambda: None)
