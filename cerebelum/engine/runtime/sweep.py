"""Puts executions that wait for long to rest: the journal hands them back, and they leave memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from cerebelum.engine.runtime.live import NEAR_US, LiveExecution
from cerebelum.engine.runtime.timers import Timers

_EVERY_S = 0.5


class Sweep:
    """A component of the node; it also has far timers come near, and captured log lines committed.

    Args:
        resident: the executions in memory, by id.
        flush_logs: has captured lines committed.
    """

    def __init__(
        self,
        resident: Mapping[str, LiveExecution],
        timers: Timers,
        *,
        now_us: Callable[[], int],
        flush_logs: Callable[[], None],
    ) -> None:
        self._resident, self._timers, self._now_us, self._flush_logs = resident, timers, now_us, flush_logs

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await asyncio.sleep(_EVERY_S)
            self._flush_logs()
            now_us = self._now_us()
            for live in list(self._resident.values()):
                self._look_at(live, now_us)

    def _look_at(self, live: LiveExecution, now_us: int) -> None:
        if live.far:
            self._timers.approach(live)
        if live.awaiting or live.running or live.dirty or live.rest:
            live.idle_since_us = 0
        elif not live.idle_since_us:
            live.idle_since_us = now_us
        elif now_us - live.idle_since_us >= NEAR_US and live.rests(now_us):
            live.mark()
