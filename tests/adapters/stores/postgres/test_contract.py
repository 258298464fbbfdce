from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cerebelum.adapters.stores.postgres.store import PostgresStore
from cerebelum.engine.testing.store_contract import StoreContract


class TestPostgresStore(StoreContract):
    """The fixtures `store` and `second_store` are this folder's."""


class TestPostgresStoreBehindPgbouncer(StoreContract):
    """The same with what transaction pooling leaves us: no prepared statements, no settings of the session, no LISTEN."""

    @pytest.fixture
    async def store(self, url: str) -> AsyncIterator[PostgresStore]:
        store = PostgresStore(f"{url}?statement_cache=0")
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def second_store(self, url: str, store: PostgresStore) -> AsyncIterator[PostgresStore]:
        second = PostgresStore(f"{url}?statement_cache=0")
        await second.open()
        yield second
        await second.close()
