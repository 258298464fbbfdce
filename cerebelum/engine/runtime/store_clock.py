"""The store's clock, read without asking the store each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cerebelum.engine.ports.store import Store
from cerebelum.engine.runtime.interception import real

if TYPE_CHECKING:
    from cerebelum.engine.runtime.node import Node

POLL_S = 1.0


class StoreClock:
    """Local time plus the measured offset to the store's clock; measured anew now and then by the node.

    A node asks it all about time, so one that is made for it may do with time as it likes: see `time_control`.
    """

    poll_s = POLL_S  # how often a node looks for what is due, besides being told

    def __init__(self) -> None:
        self._offset_us = 0

    def now_us(self) -> int:
        """Return the executions' time in microseconds since the Unix epoch: the store's, unless somebody moves it."""
        return real.time_ns() // 1_000 + self._offset_us

    def store_now_us(self) -> int:
        """Return the store's time: what leases run on."""
        return self.now_us()

    def due_us(self) -> int:
        """Return the instant up to which timers have come due."""
        return self.now_us()

    def seconds_until(self, due_us: int) -> float:
        """Return how many real seconds it takes until a timer of that instant comes due; 0 or less: it is due."""
        return (due_us - self.due_us()) / 1e6

    async def measure(self, store: Store) -> None:
        """Measure the offset; half the round trip is the error."""
        before_us = real.time_ns() // 1_000
        store_us = await store.now_us()
        after_us = real.time_ns() // 1_000
        offset_us = store_us - (before_us + after_us) // 2
        if abs(offset_us) <= after_us - before_us:
            offset_us = 0  # within the error of the measurement: the same clock
        # Rather fire late than early (I10): the error of the measurement is taken off.
        self._offset_us = offset_us - (after_us - before_us) // 2 if offset_us else 0

    async def overdue(self, store: Store, workflows: Sequence[str]) -> list[str]:
        """Return the ids of unowned executions that are due by this clock and, maybe, not by the store's."""
        return []

    async def attach(self, node: Node) -> None:
        """Be the clock of `node`, which is about to start."""
