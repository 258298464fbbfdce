"""The store's clock, read without asking the store each time."""

from __future__ import annotations

from cerebelum.engine.ports.store import Store
from cerebelum.engine.runtime.interception import real


class StoreClock:
    """Local time plus the measured offset to the store's clock; measured anew now and then by the node."""

    def __init__(self) -> None:
        self._offset_us = 0

    def now_us(self) -> int:
        """Return the store's time in microseconds since the Unix epoch."""
        return real.time_ns() // 1_000 + self._offset_us

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
