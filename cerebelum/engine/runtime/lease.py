"""The node's lease: renewed from a thread of its own, so that a step which blocks the loop does not cost it (R6).

The owner trusts its lease until `sent + TTL - 20 %` by its own CLOCK_BOOTTIME, which counts suspend too. A keeper that
was itself stopped for longer drops the lease before the next write.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

from cerebelum.engine.ports.store import Store
from cerebelum.engine.runtime.own_log import OwnLog

_log = OwnLog("cerebelum.lease")
_MARGIN = 0.2


def boot_clock_s() -> float:
    """Return seconds since boot, suspend included where the system can tell."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(clock) if clock is not None else time.monotonic()


class LeaseKeeper:
    """Keeps `nonce`'s lease alive until stopped; calls `on_lost` (on the loop) at most once when it is gone."""

    def __init__(self, store: Store, nonce: str, on_lost: Callable[[str], None]) -> None:
        self._store, self._nonce, self._on_lost = store, nonce, on_lost
        self._ttl_s = store.lease_ttl_us / 1e6
        self._trusted_until_s = boot_clock_s() + self._ttl_s * (1 - _MARGIN)
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._keep, name="cerebelum-lease", daemon=True)

    @property
    def trusted(self) -> bool:
        """Whether this node may still act as the owner."""
        return not self._lost and boot_clock_s() < self._trusted_until_s

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        """Stop renewing; the lease itself is given back by `Store.leave`."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join, 5)

    def _keep(self) -> None:
        while not self._stop.wait(self._ttl_s / 5):
            if boot_clock_s() >= self._trusted_until_s:
                self._lose("the lease keeper itself was stopped for longer than the lease")
                return
            sent_s = boot_clock_s()
            try:
                until_us = self._store.renew_lease(self._nonce)
            except Exception as error:
                _log.warning("lease not renewed", error=str(error))
                continue
            if until_us is None:
                self._lose("another node ended it: the lease had run out")
                return
            self._trusted_until_s = sent_s + self._ttl_s * (1 - _MARGIN)

    def _lose(self, reason: str) -> None:
        if self._lost or self._stop.is_set():
            return
        self._lost = True
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody is left to tell
            self._loop.call_soon_threadsafe(self._on_lost, reason)
