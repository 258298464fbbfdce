"""The one connection that commits, beside the pool: always there, and made anew when it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cerebelum.adapters.stores.postgres.connection import COMMIT_PLANNER, Driver, connect
from cerebelum.adapters.stores.postgres.url import Address


class Writer:
    """One commit at a time; the journal gathers what comes meanwhile."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._turn = asyncio.Lock()
        self._connection: Driver = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Driver]:
        """Yield the connection, alone with it. A lost one is replaced before, never while it is used.

        Raises:
            StoreUnreachable: no connection can be made; nothing was sent.
        """
        async with self._turn:
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect(self._address, settings=COMMIT_PLANNER)
            try:
                yield self._connection
            finally:
                if self._connection is not None and self._connection.is_in_transaction():
                    self.drop()

    def drop(self) -> None:
        """Give the connection up at once, with whatever it was doing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        """Close after the commit under way. Idempotent."""
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None and not connection.is_closed():
                try:
                    await connection.close(timeout=2)
                except (OSError, TimeoutError):
                    connection.terminate()
