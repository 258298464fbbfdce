from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from cerebelum.adapters.stores import migrate
from cerebelum.adapters.stores.postgres.store import PostgresStore
from tests.servers.postgres import PostgresServer

TABLES = (
    "executions",
    "events",
    "messages",
    "logs",
    "blobs",
    "nodes",
    "batches",
    "workflows",
    "schedules",
    "schedule_runs",
)


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[str]:
    """A database with the schema, for all tests of a file: making one takes longer than a test."""
    url = postgres.create_database()
    asyncio.run(migrate.upgrade(url))
    yield url
    postgres.drop_database(url)


@pytest.fixture
async def url(database: str) -> AsyncIterator[str]:
    """The database, emptied afterwards."""
    yield database
    connection = await asyncpg.connect(database)
    await connection.execute("; ".join(f"DELETE FROM {table}" for table in TABLES))
    await connection.close()


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def second_store(url: str, store: PostgresStore) -> AsyncIterator[PostgresStore]:
    second = PostgresStore(url)
    await second.open()
    yield second
    await second.close()


@pytest.fixture
async def session(url: str) -> AsyncIterator[Any]:
    """A session of somebody else, to hold locks with."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()
