"""The one connection that commits, beside the pool: always there, and made anew when it was lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from cerebelum.adapters.stores.postgres.connection import COMMIT_PLANNER, Driver, connect
from cerebelum.adapters.stores.postgres.errors import is_lost, translate
from cerebelum.adapters.stores.postgres.url import Address

# A plan that was made while a table was empty is a bad one when it has grown; making the few there are takes 2 ms.
_PLANS_LAST_S: Final = 5.0


class Writer:
    """One commit at a time; the journal gathers what comes meanwhile."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._turn = asyncio.Lock()
        self._connection: Driver = None
        self._planned_s = 0.0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Driver]:
        """Yield the connection, alone with it. A lost one is replaced before, never while it is used.

        Raises:
            StoreUnreachable: no connection can be made; nothing was sent.
        """
        async with self._turn:
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect(self._address, settings=COMMIT_PLANNER)
                self._planned_s = time.monotonic()
            elif self._address.caches_statements and time.monotonic() - self._planned_s > _PLANS_LAST_S:
                await self._forget_plans()
            try:
                yield self._connection
            finally:
                if self._connection is not None and self._connection.is_in_transaction():
                    self.drop()

    async def _forget_plans(self) -> None:
        self._planned_s = time.monotonic()
        try:
            await self._connection.execute("DISCARD PLANS")
        except Exception as error:  # lost, but nothing of ours was under way
            self.drop()
            if not is_lost(error):
                raise translate(error, self._address) from error
            self._connection = await connect(self._address, settings=COMMIT_PLANNER)

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
