"""Hints between processes (R8): LISTEN and NOTIFY on one direct connection, beside the hot path.

A notice carries no payload, many become one, and no commit waits for its transaction. Notices may be lost: the connection
breaks, or pgbouncer stands between. So `watch` yields at a slow interval, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, Literal

from cerebelum.adapters.stores.postgres.connection import Driver, connect
from cerebelum.adapters.stores.postgres.url import Address

_CHANNEL: Final = "cerebelum"
_POLL_S: Final = 1.0
_REST_S: Final = 0.005  # between two notices: what comes meanwhile becomes one
_RECONNECT_S: Final = 0.5
_CONNECT_S: Final = 3.0


class Bus:
    """Sends and hears hints. Works without a server, too: then nothing comes but the polls."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Driver = None
        self._hears: set[asyncio.Event] = set()
        self._to_do = asyncio.Event()  # a notice to send, or a connection that was lost
        self._wants_to_listen = False  # somebody watches
        self._listens = False  # on this connection
        self._notices = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()

    def open(self) -> None:
        """Begin to send what `notify` asks for. The connection is made when it is first needed."""
        self._closed.clear()
        self._task = asyncio.create_task(self._run(), name="cerebelum-bus")

    async def close(self) -> None:
        """End every watch and close the connection. Idempotent."""
        self._closed.set()
        self._to_do.set()
        self._changed()
        task, self._task = self._task, None
        if task is not None:
            await task  # never cancelled: a connection that is being made would be left open
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=1)
            except (OSError, TimeoutError):
                connection.terminate()

    def notify(self, *, own: bool = False) -> None:
        """Tell other processes soon. `own`: this one's watches, too."""
        self._notices += 1
        self._to_do.set()
        if own:
            self._changed()

    async def watch(self) -> AsyncIterator[Literal["changed"]]:
        """Yield after notices of others, once when listening has begun (again), and at a slow interval."""
        heard = asyncio.Event()
        self._hears.add(heard)
        if self._address.caches_statements:  # else a pooler stands between, which forgets who listens
            self._wants_to_listen = True
            self._to_do.set()
        try:
            while not self._closed.is_set():
                await _either(heard, _POLL_S)
                heard.clear()
                if not self._closed.is_set():
                    yield "changed"
        finally:
            self._hears.discard(heard)

    def _changed(self, *_: Any) -> None:
        for heard in self._hears:
            heard.set()

    def _on_notice(self, connection: Driver, pid: int, _channel: str, _payload: object) -> None:
        if pid != connection.get_server_pid():  # our own come back, too
            self._changed()

    def _on_loss(self, _connection: Driver) -> None:
        self._to_do.set()

    async def _run(self) -> None:
        while self._notices or not self._closed.is_set():
            if not self._closed.is_set():
                await self._to_do.wait()
                self._to_do.clear()
            if self._closed.is_set() and not self._notices:
                return
            try:
                await self._work()
            except Exception:  # whatever it was, the polls go on; a new connection is made after a rest
                if self._connection is not None:
                    self._connection.terminate()
                if self._closed.is_set():
                    return
                self._to_do.set()
                await _either(self._closed, _RECONNECT_S)
            await _either(self._closed, _REST_S)

    async def _work(self) -> None:
        """Connect if need be, and send one notice for all that were asked for."""
        if self._connection is None or self._connection.is_closed():
            # hints need not be durable: their transactions do not wait for the disk
            settings = {"synchronous_commit": "off"}
            self._connection = await connect(
                self._address, settings=settings, connect_s=_CONNECT_S, command_s=_CONNECT_S
            )
            self._connection.add_termination_listener(self._on_loss)
            self._listens = False
        if self._wants_to_listen and not self._listens:
            await self._listen()
        sent = self._notices
        if sent:
            await self._connection.execute(f"NOTIFY {_CHANNEL}")
            self._notices -= sent

    async def _listen(self) -> None:
        """Listen first; what was written before is then found by the look that this hint causes."""
        await self._connection.add_listener(_CHANNEL, self._on_notice)
        self._listens = True
        self._changed()


async def _either(event: asyncio.Event, timeout_s: float) -> None:
    """Wait for the event, or for so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):  # `wait_for` of CPython 3.11 can swallow a cancellation
            await event.wait()
