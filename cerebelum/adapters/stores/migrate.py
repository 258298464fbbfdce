"""Upgrade and downgrade a store's schema with Alembic, from Python: no alembic.ini, no working directory.

Each call is one transaction; on SQLite it runs under the store's file lock besides, so that no other process writes
meanwhile. PostgreSQL's DDL is transactional, too: a migration that fails leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from cerebelum.adapters.stores.migrations import HEAD, LOCATION
from cerebelum.adapters.stores.sqlite.lock import FileLock

_OWN_OPTIONS = ("synchronous",)  # of our URLs; the driver does not know them


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


type_run = Callable[[Callable[[Connection], object]], object]


def _engine(url: str) -> tuple[AsyncEngine, Path | None]:
    """Return an engine on the driver for asyncio, and the file if the URL names one."""
    parsed = make_url(url.replace("postgres://", "postgresql://", 1)).difference_update_query(_OWN_OPTIONS)
    sqlite = parsed.get_backend_name() == "sqlite"
    parsed = parsed.set(drivername="sqlite+aiosqlite" if sqlite else "postgresql+asyncpg")
    engine = create_async_engine(parsed, poolclass=NullPool)
    if sqlite:
        _begin_explicitly(engine)
    return engine, Path(parsed.database) if sqlite and parsed.database else None
