"""Read-only connections: one for the hot path in a thread of its own, and SQLAlchemy's for lists and filters.

SQLAlchemy is imported when the first list is asked for: a run from the command line may never need it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from cerebelum.adapters.stores.sqlite.connections import connect_reader, set_up_reader
from cerebelum.adapters.stores.sqlite.errors import translate
from cerebelum.adapters.stores.sqlite.location import Location

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncEngine

    from cerebelum.adapters.stores.queries import Queries

T = TypeVar("T")

_LIST_CONNECTIONS = 2


class Reader:
    """Runs reads. A caller that is cancelled does not stop a read under way (R12)."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cerebelum-sqlite-reader")
        self._connection: sqlite3.Connection | None = None
        self._engine: AsyncEngine | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def call(self, work: Callable[..., T], *arguments: object) -> T:
        """Return `work(connection, *arguments)` from the reading thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work, arguments)

    def _work(self, work: Callable[..., T], arguments: tuple[object, ...]) -> T:
        try:
            if self._connection is None:
                self._connection = connect_reader(self._location.path)
            return work(self._connection, *arguments)
        except sqlite3.Error as error:
            raise translate(error, self._location.name) from error

    async def select(self, build: Callable[[Queries], Select[Any]]) -> Sequence[Sequence[Any]]:
        """Return the rows of the query that `build` chooses."""
        task = asyncio.create_task(self._select(build))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def _select(self, build: Callable[[Queries], Select[Any]]) -> Sequence[Sequence[Any]]:
        from sqlalchemy.exc import DBAPIError

        from cerebelum.adapters.stores.queries import Queries
        from cerebelum.adapters.stores.schema import tables

        if self._engine is None:
            self._engine = _engine(self._location)
        try:
            async with self._engine.connect() as connection:
                found = await connection.execute(build(Queries(tables("sqlite"))))
                rows: Sequence[Sequence[Any]] = found.all()
                return rows
        except DBAPIError as error:
            if isinstance(error.orig, sqlite3.Error):
                raise translate(error.orig, self._location.name) from error
            raise

    async def close(self) -> None:
        """Let the reads under way end, then close every connection. Idempotent."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None
        await asyncio.to_thread(self._thread.shutdown)
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _engine(location: Location) -> AsyncEngine:
    from sqlalchemy import URL, event
    from sqlalchemy.ext.asyncio import create_async_engine

    url = URL.create("sqlite+aiosqlite", database=str(location.path))
    engine = create_async_engine(url, pool_size=_LIST_CONNECTIONS, max_overflow=0)
    event.listen(engine.sync_engine, "connect", lambda connection, _: set_up_reader(connection))
    return engine
