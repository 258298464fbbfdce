"""Timers of the executions in memory: a heap of the near ones, fired never before they are due by the store's clock."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from math import isfinite

from cerebelum.engine.runtime.live import LiveExecution
from cerebelum.engine.runtime.store_clock import StoreClock
from cerebelum.engine.runtime.waiting import is_set_within

HORIZON_S = 10.0  # farther timers are looked at again by the node's sweep
_TICK = 1_000  # timers fired before other work gets its turn


class Timers:
    """Calls `on_due(execution, number)`. A cancelled timer is left in the heap and skipped when it comes up."""

    def __init__(self, clock: StoreClock, on_due: Callable[[LiveExecution, int], None]) -> None:
        self._clock, self._on_due = clock, on_due
        self._heap: list[tuple[int, int, LiveExecution, int]] = []
        self._order = itertools.count()  # equal dues fire in the order they were set
        self._wake = asyncio.Event()

    def add(self, live: LiveExecution, number: int, due_us: int) -> None:
        """Have `number` of `live` come due."""
        live.dues[number] = due_us
        if self._clock.seconds_until(due_us) > HORIZON_S:
            live.far.add(number)  # most such executions rest soon: the heap must not keep them alive until then
            return
        self._push(live, number, due_us)

    def approach(self, live: LiveExecution) -> None:
        """Take those far timers of `live` into the heap that are near by now."""
        until_s = self._clock.seconds_until
        for number in [far for far in live.far if until_s(live.dues.get(far, 0)) <= HORIZON_S]:
            live.far.discard(number)
            if number in live.dues:
                self._push(live, number, live.dues[number])

    def is_due(self, due_us: int) -> bool:
        """Return whether a timer of that instant would fire now."""
        return due_us <= self._clock.due_us()

    def _push(self, live: LiveExecution, number: int, due_us: int) -> None:
        heapq.heappush(self._heap, (due_us, next(self._order), live, number))
        if self._heap[0][3] == number and self._heap[0][2] is live:
            self._wake.set()

    async def run(self) -> None:
        """Fire timers for ever; a component of the node."""
        while True:
            self._wake.clear()
            wait_s = self._fire_due()
            await is_set_within(self._wake, wait_s)

    def _fire_due(self) -> float | None:
        """Fire what is due; return the seconds to the next timer, None without one."""
        heap, now_us = self._heap, self._clock.due_us()
        for _ in range(_TICK):
            while heap and (heap[0][2].dropped or heap[0][2].dues.get(heap[0][3]) != heap[0][0]):
                heapq.heappop(heap)
            if not heap:
                return None
            if heap[0][0] > now_us:
                wait_s = self._clock.seconds_until(heap[0][0]) + 0.0002  # never a hair too early: it would spin
                return wait_s if isfinite(wait_s) else None
            _, _, live, number = heapq.heappop(heap)
            del live.dues[number]
            self._on_due(live, number)
        return 0
