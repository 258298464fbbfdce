"""Upgrade and downgrade a store's schema with Alembic, from Python: no alembic.ini, no working directory.

Each call is one transaction; on SQLite it runs under the store's file lock besides, so that no other process writes
meanwhile. PostgreSQL's DDL is transactional, too: a migration that fails leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from cerebelum.adapters.stores.migrations import HEAD, LOCATION
from cerebelum.adapters.stores.postgres.pool import make_engine
from cerebelum.adapters.stores.postgres.url import parse
from cerebelum.adapters.stores.sqlite.location import Location, check_place, create_file, locate
from cerebelum.adapters.stores.sqlite.lock import FileLock

T = TypeVar("T")

_LOCK_WAIT_S = 10.0
_STATEMENT_S = 3600.0  # an index over a large table takes its time


class Run(Protocol):
    """Runs a function on the connection, in the driver's greenlet."""

    async def __call__(self, work: Callable[[Connection], T], /) -> T: ...


def head() -> str:
    """Return the newest revision of this release."""
    return HEAD


async def current(url: str) -> str | None:
    """Return the database's revision, None for an empty one."""
    async with _connected(url) as run:
        return await run(lambda connection: MigrationContext.configure(connection).get_current_revision())


async def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`; does nothing when it is there already."""
    async with _connected(url) as run:
        await run(lambda connection: command.upgrade(_config(connection), revision))


async def downgrade(url: str, revision: str = "base") -> None:
    """Bring the schema back to `revision`; "base" removes it with all it holds."""
    async with _connected(url) as run:
        await run(lambda connection: command.downgrade(_config(connection), revision))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(LOCATION).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Run]:
    """Yield what runs a function on a connection, in one transaction."""
    with ExitStack() as stack:
        if "://" not in url or url.startswith("sqlite"):
            location = locate(url)
            check_place(location)
            await asyncio.to_thread(stack.enter_context, _locked(location))
            create_file(location)
            engine = create_async_engine(
                URL.create("sqlite+aiosqlite", database=str(location.path)), poolclass=NullPool
            )
            _begin_explicitly(engine)
        else:
            engine = make_engine(parse(url), command_s=_STATEMENT_S, poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                yield connection.run_sync
        finally:
            await engine.dispose()


@contextmanager
def _locked(location: Location) -> Iterator[None]:
    lock = FileLock(Path(f"{location.path}-lock"), name=location.name, wait_s=_LOCK_WAIT_S)
    try:
        with lock.held():
            yield
    finally:
        lock.close()


def _begin_explicitly(engine: AsyncEngine) -> None:
    """Let the transaction hold DDL, too: the driver by itself begins one only before INSERT, UPDATE and DELETE."""

    def connected(connection: Any, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA wal_autocheckpoint = 0")

    event.listen(engine.sync_engine, "connect", connected)
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
