"""The lease's own line (R6): a thread with its own event loop and connection.

Neither a step that blocks the node's loop nor a busy pool costs the lease.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Final

from cerebelum.adapters.stores.postgres.commit_sql import NOW
from cerebelum.adapters.stores.postgres.connection import Driver, connect
from cerebelum.adapters.stores.postgres.errors import is_lost, translate
from cerebelum.adapters.stores.postgres.url import Address
from cerebelum.engine.domain.errors_store import StoreUnreachable

_RENEW: Final = (
    f"UPDATE nodes SET lease_until_us = {NOW} + $2::bigint, updated_at_us = {NOW} "
    "WHERE nonce = $1 RETURNING lease_until_us"
)
_LONGEST_S: Final = 1.0  # a node trusts its lease for 1.2 s


class LeaseLine:
    """Renews leases, blocking the caller's thread only. Connects at the first renewal, and again after a loss."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connection: Driver = None

    def renew(self, nonce: str, ttl_us: int) -> int | None:
        """Return the lease's new end, None when the node is not there any more.

        Raises:
            StoreUnreachable: no answer in time; the lease may or may not have been extended.
        """
        with self._lock:
            loop = self._running_loop()
        future = asyncio.run_coroutine_threadsafe(self._renew(nonce, ttl_us), loop)
        try:
            return future.result(_LONGEST_S)
        except TimeoutError as error:
            future.cancel()
            raise StoreUnreachable(f"{self._address.name} did not answer in time to renew a lease") from error

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=loop.run_forever, name="cerebelum-lease-line", daemon=True)
            self._thread.start()
            self._loop = loop
        return self._loop

    async def _renew(self, nonce: str, ttl_us: int) -> int | None:
        try:
            return await self._once(nonce, ttl_us)
        except BaseException as error:
            self._drop()
            if not isinstance(error, Exception):
                raise
            if isinstance(error, TimeoutError) or not is_lost(error):
                raise translate(error, self._address) from error
        try:  # once more: the server may have been restarted between two renewals
            return await self._once(nonce, ttl_us)
        except BaseException as error:
            self._drop()
            if not isinstance(error, Exception):
                raise
            raise translate(error, self._address) from error

    async def _once(self, nonce: str, ttl_us: int) -> int | None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._address, connect_s=_LONGEST_S, command_s=_LONGEST_S)
        until_us: int | None = await self._connection.fetchval(_RENEW, nonce, ttl_us)
        return until_us

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def close(self) -> None:
        """Close the connection and end the thread; blocks shortly. Idempotent."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    async def _end(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.close(timeout=_LONGEST_S)
        except (OSError, TimeoutError):
            connection.terminate()
