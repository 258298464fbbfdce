"""Clocks: the system's, and one for each execution that moves only when it is told to."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cerebelum.engine.domain.errors import ExecutionNotFound
from cerebelum.engine.ports.clock import Clock
from cerebelum.engine.runtime.interception import real

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_SLEEP_US = 60_000_000  # so that a system clock that is set meanwhile is noticed


class SystemClock:
    """`Clock`: real time, inside an activation too."""

    def now_us(self) -> int:
        """Return the system's time."""
        return real.now_us()

    async def sleep_until_us(self, due_us: int) -> None:
        """Sleep until the system's time has reached `due_us`."""
        while (left_us := due_us - real.now_us()) > 0:  # noqa: ASYNC110 - no event tells of time
            await asyncio.sleep(min(left_us, _LONGEST_SLEEP_US) / 1_000_000)


class _ExecutionClock:
    """One execution's time and what waits for it."""

    __slots__ = ("now_us", "scheduled", "sequence")

    def __init__(self, start_us: int) -> None:
        self.now_us = start_us
        self.scheduled: list[tuple[int, int, Callable[[], None]]] = []  # a heap: (due, order of scheduling, callback)
        self.sequence = 0

    def advance_to_us(self, target_us: int) -> None:
        """Move on to `target_us`, calling back on the way, each callback at its own instant."""
        while self.scheduled and self.scheduled[0][0] <= target_us:
            due_us, _, callback = heapq.heappop(self.scheduled)
            self.now_us = max(self.now_us, due_us)
            callback()
        self.now_us = max(self.now_us, target_us)


class ExecutionClocks:
    """`TimeProvider`: real time from `clock`; each execution's virtual time from what its history says.

    Args:
        clock: real time; the system's unless a test brings its own.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = SystemClock() if clock is None else clock
        self._clocks: dict[str, _ExecutionClock] = {}

    def start(self, execution_id: str, start_us: int) -> None:
        """Give the execution a clock that stands at `start_us`, the instant of its first event."""
        self._clocks[execution_id] = _ExecutionClock(start_us)

    def advance_to_us(self, execution_id: str, at_us: int) -> None:
        """Move the execution's clock to the instant of an event; an earlier one leaves it where it is."""
        self._of(execution_id).advance_to_us(at_us)

    def forget(self, execution_id: str) -> None:
        """Drop the execution's clock and what waits for it."""
        self._clocks.pop(execution_id, None)

    def now_us(self, execution_id: str | None = None) -> int:
        """Return what `now` returns, in microseconds since the Unix epoch."""
        return self._clock.now_us() if execution_id is None else self._of(execution_id).now_us

    def now(self, execution_id: str | None = None) -> datetime:
        """Return the present in UTC: the real one, or the execution's.

        Raises:
            ExecutionNotFound: this execution has no clock here.
        """
        return _EPOCH + timedelta(microseconds=self.now_us(execution_id))

    async def sleep(self, first: str | int, second: int | None = None, /) -> None:
        """`sleep(ms)` really sleeps; `sleep(execution_id, ms)` only moves that execution's clock.

        Raises:
            ValueError: a negative duration.
            ExecutionNotFound: this execution has no clock here.
        """
        if isinstance(first, str):
            if second is None:
                raise TypeError("sleep(execution_id, duration_ms) needs a duration")
            clock = self._of(first)
            clock.advance_to_us(clock.now_us + _us(second))
        else:
            await self._clock.sleep_until_us(self._clock.now_us() + _us(first))

    def schedule(self, execution_id: str, delay_ms: int, callback: Callable[[], None]) -> None:
        """Call back once the execution's clock has moved on by `delay_ms`; within this call if that is 0.

        Raises:
            ValueError: a negative delay.
            ExecutionNotFound: this execution has no clock here.
        """
        clock = self._of(execution_id)
        clock.sequence += 1  # equal instants keep their order, and callbacks are never compared
        heapq.heappush(clock.scheduled, (clock.now_us + _us(delay_ms), clock.sequence, callback))
        clock.advance_to_us(clock.now_us)

    def _of(self, execution_id: str) -> _ExecutionClock:
        clock = self._clocks.get(execution_id)
        if clock is None:
            raise ExecutionNotFound(execution_id, store="the clocks of this node")
        return clock


def _us(duration_ms: int) -> int:
    if duration_ms < 0:
        raise ValueError(f"a duration of {duration_ms} ms lies in the past")
    return duration_ms * 1000
