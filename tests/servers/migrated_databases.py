"""PostgreSQL databases with the newest schema, for one test after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg

from cerebelum.adapters.stores import migrate
from tests.servers.postgres import PostgresServer

_KEPT = "alembic_version"
_END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_TABLES = "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'"


class MigratedDatabases:
    """Makes databases as they are needed, and empties those that are given back."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._free: list[str] = []
        self._own_tables: set[str] = set()

    def take(self) -> str:
        """Return the URL of an empty one."""
        if self._free:
            return self._free.pop()
        url = self._server.create_database()
        _run(migrate.upgrade(url))
        self._own_tables = set(_run(_tables(url)))
        return url

    def give_back(self, url: str) -> None:
        """Empty it for the next test: connections that are still open are ended, tables of the test's own dropped."""
        _run(_empty(url, self._own_tables))
        self._free.append(url)


async def _tables(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row["name"] for row in await connection.fetch(_TABLES)]
    finally:
        await connection.close()


async def _empty(url: str, own: set[str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_END_OTHERS)
        tables = {row["name"] for row in await connection.fetch(_TABLES)}
        for foreign in tables - own:
            await connection.execute(f"DROP TABLE {foreign}")
        await connection.execute(f"TRUNCATE {', '.join(sorted(own - {_KEPT}))} RESTART IDENTITY")
    finally:
        await connection.close()


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it on a loop of its own: a test's loop may be running in this thread."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()
