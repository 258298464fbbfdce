from __future__ import annotations

import pytest

from cerebelum.adapters.stores.memory import MemoryStore
from cerebelum.adapters.stores.memory_database import MemoryDatabase
from cerebelum.engine.domain.errors import InternalError
from cerebelum.engine.domain.errors_store import StoreUnsupported
from cerebelum.engine.testing import store_samples as a
from cerebelum.engine.testing.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def database(self) -> MemoryDatabase:
        return MemoryDatabase()

    @pytest.fixture
    def store(self, database: MemoryDatabase) -> MemoryStore:
        return MemoryStore(database)

    @pytest.fixture
    def second_store(self, database: MemoryDatabase) -> MemoryStore:
        return MemoryStore(database)


async def test_without_the_check_of_r1_the_contract_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """R1: with the check removed, a fenced append is written, and the contract's test says so."""
    monkeypatch.setattr(MemoryStore, "may_move", lambda self, row, append: True)
    with pytest.raises((AssertionError, InternalError)):
        await StoreContract().test_a_fenced_append_writes_nothing(MemoryStore(), {"owner": a.OTHER})


async def test_a_batch_that_shows_a_bug_writes_nothing() -> None:
    """F4: an event out of order is refused together with its whole batch."""
    store = MemoryStore()
    (before,) = await a.started(store, a.row())
    good, bad = a.start(a.row("exec-good")), a.append(before)
    bad.events = [a.event(7)]
    with pytest.raises(InternalError):
        await store.commit(a.batch(starts=[good], appends=[bad]))
    assert await store.get_execution("exec-good") is None
    assert await a.versions(store, before.id) == [1]


async def test_statements_are_refused() -> None:
    """R9: memory runs no SQL, and says so instead of losing a step's writes."""
    with pytest.raises(StoreUnsupported, match="no SQL"):
        await MemoryStore().commit(a.batch(statements=[("exec-1", "SELECT 1", ())]))
