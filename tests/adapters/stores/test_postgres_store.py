from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cerebelum.adapters.stores import migrate
from cerebelum.adapters.stores.postgres.store import PostgresStore
from cerebelum.engine.testing.store_contract import StoreContract


@pytest.fixture
async def url(postgres_url: str) -> str:
    await migrate.upgrade(postgres_url)
    return postgres_url


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url)
    await store.open()
    yield store
    await store.close()


class TestPostgresStore(StoreContract):
    @pytest.fixture
    async def store(self, url: str) -> AsyncIterator[PostgresStore]:
        store = PostgresStore(url)
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def second_store(self, url: str, store: PostgresStore) -> AsyncIterator[PostgresStore]:
        second = PostgresStore(url)
        await second.open()
        yield second
        await second.close()
