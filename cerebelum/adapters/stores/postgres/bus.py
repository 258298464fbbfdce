"""Hints between processes (R8): LISTEN and NOTIFY on one direct connection, beside the hot path.

A notice carries one word, many become one, and their transaction is not waited for by any commit. They may be lost: the
connection breaks, or pgbouncer stands between. So `watch` yields at a slow interval, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, Literal

from cerebelum.adapters.stores.postgres.connection import Driver, connect
from cerebelum.adapters.stores.postgres.errors import is_lost
from cerebelum.adapters.stores.postgres.url import Address
from cerebelum.engine.domain.errors_store import StoreError

_CHANNEL: Final = "cerebelum"
_POLL_S: Final = 1.0
_REST_S: Final = 0.005  # between two notices: what comes meanwhile becomes one
_RECONNECT_S: Final = 0.5


class Bus:
    """Sends and hears hints. Works without a server, too: then nothing comes but the polls."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Driver = None
        self._turn = asyncio.Lock()
        self._hears: set[asyncio.Event] = set()
        self._to_send = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    def open(self) -> None:
        """Begin to send what `notify` asks for."""
        self._tasks.append(asyncio.create_task(self._send(), name="cerebelum-notify"))

    async def close(self) -> None:
        """End every watch and close the connection. Idempotent."""
        self._closed = True
        self._changed()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with suppress(OSError, TimeoutError):
                await connection.close(timeout=1)
            connection.terminate()

    def notify(self, *, own: bool = False) -> None:
        """Tell other processes soon. `own`: this one's watches, too."""
        self._to_send.set()
        if own:
            self._changed()

    async def watch(self) -> AsyncIterator[Literal["changed"]]:
        """Yield after notices of others, at once when listening has begun (again), and at a slow interval."""
        heard = asyncio.Event()
        self._hears.add(heard)
        if self._address.caches_statements and len(self._tasks) == 1:  # else a pooler that forgets LISTEN
            self._tasks.append(asyncio.create_task(self._listen(), name="cerebelum-listen"))
        try:
            while not self._closed:
                with suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), _POLL_S)
                heard.clear()
                if not self._closed:
                    yield "changed"
        finally:
            self._hears.discard(heard)

    def _changed(self, *_: Any) -> None:
        for heard in self._hears:
            heard.set()

    def _on_notice(self, connection: Driver, pid: int, _channel: str, _payload: object) -> None:
        if pid != connection.get_server_pid():  # our own come back, too
            self._changed()

    async def _connected(self) -> Driver:
        """Return the connection; a new one listens before anything else, and what was missed meanwhile is assumed."""
        async with self._turn:
            if self._connection is None or self._connection.is_closed():
                # hints need not be durable: their transactions do not wait for the disk
                connection = await connect(self._address, settings={"synchronous_commit": "off"})
                if self._address.caches_statements:
                    await connection.add_listener(_CHANNEL, self._on_notice)
                self._connection = connection
                self._changed()
            return self._connection

    async def _listen(self) -> None:
        while True:
            lost = asyncio.Event()
            try:
                connection = await self._connected()
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                if not connection.is_closed():
                    await lost.wait()
            except (StoreError, OSError):
                pass
            await asyncio.sleep(_RECONNECT_S)

    async def _send(self) -> None:
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            try:
                connection = await self._connected()
                async with self._turn:
                    await connection.execute(f"NOTIFY {_CHANNEL}")
            except Exception as error:
                if self._connection is not None and is_lost(error):
                    self._connection.terminate()
                self._to_send.set()  # later: others may wait for it
                await asyncio.sleep(_RECONNECT_S)
            await asyncio.sleep(_REST_S)
