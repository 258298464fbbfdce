from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cerebelum.adapters.stores.sqlite import commit
from cerebelum.adapters.stores.sqlite.store import SqliteStore
from cerebelum.adapters.stores.sqlite.watch import Watcher
from cerebelum.engine.domain.errors import ExecutionNotFound, InternalError
from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.ports.store import Committed, ExecutionFilter
from cerebelum.engine.testing import store_samples as a
from cerebelum.engine.testing.store_contract import StoreContract

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(f"sqlite:///{tmp_path}/cerebelum.db")
    await store.open()
    yield store
    await store.close()


def _modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def _database(store: SqliteStore) -> sqlite3.Connection:
    return sqlite3.connect(store.name.removeprefix("sqlite:///"))


class TestSqliteStore(StoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SqliteStore]:
        store = SqliteStore(f"sqlite:///{tmp_path}/cerebelum.db")
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def second_store(self, store: SqliteStore) -> AsyncIterator[SqliteStore]:
        second = SqliteStore(store.name)
        await second.open()
        yield second
        await second.close()


def _without_r1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "MOVE", commit.move_statement("1", commit._PROGRESS))
    monkeypatch.setattr(commit, "MOVE_ALL", commit.move_statement("1", (*commit._PROGRESS, *commit._REST)))


async def test_without_the_check_of_r1_the_contract_fails(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """R1: with its WHERE removed a fenced append is written, and the contract's test says so."""
    _without_r1(monkeypatch)
    with pytest.raises((AssertionError, StoreError)):
        await StoreContract().test_a_fenced_append_writes_nothing(store, {"owner": a.OTHER})


async def test_without_r1_the_unique_key_still_prevents_a_fork(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R2: two appends at one version: the second fails on the key, and nothing of its batch is written."""
    (before,) = await a.started(store, a.row())
    _without_r1(monkeypatch)
    assert await store.commit(a.batch(appends=[a.append(before)])) == Committed()
    with pytest.raises(StoreError, match="UNIQUE"):
        await store.commit(a.batch(appends=[a.append(before)], starts=[a.start(a.row("exec-new"))]))
    assert await a.versions(store, before.id) == [1, 2]
    assert await store.get_execution("exec-new") is None


async def test_without_either_fence_the_contract_fails(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """F6, R2: with the key removed as well, concurrent appends fork the history, and the contract's test says so."""
    _without_r1(monkeypatch)
    with _database(store) as connection:
        connection.execute("DROP TABLE history")
        connection.execute("CREATE TABLE history (execution, version, type, data, at_us)")
    connection.close()
    with pytest.raises(AssertionError):
        await StoreContract().test_of_two_connections_that_append_one_wins(store, store)


async def test_concurrent_calls_share_a_commit(store: SqliteStore) -> None:
    """F4: what waits while a commit is under way goes into one transaction, and each caller gets its own answer."""
    (before,) = await a.started(store, a.row())
    commits = store._writer.commits
    posts = [store.post(a.message(before.id, key=f"k{number % 150}")) for number in range(200)]
    unknown = store.post(a.message("exec-unknown"))
    *results, refused = await asyncio.gather(*posts, unknown, return_exceptions=True)
    assert sum(result is not None for result in results) == 150
    assert isinstance(refused, ExecutionNotFound)
    assert store._writer.commits - commits < 20


async def test_a_cancelled_caller_does_not_stop_the_commit(store: SqliteStore) -> None:
    """R12: the work of a task that was cancelled is done; only nobody waits for it."""
    call = asyncio.ensure_future(store.commit(a.batch(starts=[a.start(a.row("exec-1"))])))
    await asyncio.sleep(0)
    call.cancel()
    await a.started(store, a.row("exec-2"))
    assert await store.get_execution("exec-1") is not None


async def test_a_bug_in_a_batch_writes_nothing(store: SqliteStore) -> None:
    """F4, I2: an event out of order is refused together with its whole batch; the store goes on."""
    (before,) = await a.started(store, a.row())
    bad = a.append(before)
    bad.events = [a.event(7)]
    with pytest.raises(InternalError):
        await store.commit(a.batch(starts=[a.start(a.row("exec-good"))], appends=[bad]))
    assert await store.get_execution("exec-good") is None
    assert await store.commit(a.batch(appends=[a.append(before)])) == Committed()


async def test_statements_commit_with_their_event(store: SqliteStore) -> None:
    """A transactional step's writes are in the same transaction; one that fails leaves out its own execution only."""
    rows = await a.started(store, *(a.row() for _ in range(4)))
    with _database(store) as connection:
        connection.execute("CREATE TABLE ledger (id TEXT PRIMARY KEY)")
    connection.close()
    fenced = a.append(rows[3])
    fenced.epoch = 9
    insert = "INSERT INTO ledger VALUES (?)"
    statements = [(each.id, insert, (each.id,)) for each in (rows[0], rows[3])]
    statements += [(rows[1].id, insert, ("twice",)), (rows[1].id, insert, ("twice",))]
    appends = [*(a.append(each) for each in rows[:3]), fenced]
    committed = await store.commit(a.batch(appends=appends, statements=statements))
    assert committed.fenced == {rows[1].id, rows[3].id}
    assert [len(await a.versions(store, each.id)) for each in rows] == [2, 1, 2, 1]
    connection = _database(store)
    assert connection.execute("SELECT id FROM ledger").fetchall() == [(rows[0].id,)]
    connection.close()


async def test_all_its_files_belong_to_their_owner_alone(store: SqliteStore, tmp_path: Path) -> None:
    """Payloads are private: the database, its WAL, index and lock file have mode 0600."""
    await a.started(store, a.row())
    assert _modes(tmp_path) == {f"cerebelum.db{suffix}": 0o600 for suffix in ("", "-wal", "-shm", "-lock")}


async def test_closing_leaves_one_whole_file(tmp_path: Path) -> None:
    """R7: the WAL is copied at the end, so that the file alone can be moved; a closed store opens again."""
    path = tmp_path / "cerebelum.db"
    store = SqliteStore(str(path))
    await store.open()
    (before,) = await a.started(store, a.row())
    await store.close()
    await store.close()
    assert set(_modes(tmp_path)) == {"cerebelum.db", "cerebelum.db-lock"}
    await store.open()
    assert await a.versions(store, before.id) == [1]
    await store.close()
    with pytest.raises(StoreError, match="not open"):
        await store.get_execution(before.id)


async def test_a_long_wal_is_copied_while_the_store_works(store: SqliteStore, tmp_path: Path) -> None:
    """R7: with auto-checkpoints off, our own keep the WAL near 8 MiB."""
    blob = bytes(1 << 20)
    for number in range(40):
        await store.commit(a.batch(blobs=[(f"d{number}", blob)]))
    assert (tmp_path / "cerebelum.db").stat().st_size > 20 << 20
    assert (tmp_path / "cerebelum.db-wal").stat().st_size < 16 << 20


async def test_readers_cannot_write(store: SqliteStore) -> None:
    """R7: only the writer's connection takes writes; the others refuse them."""

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM executions")

    with pytest.raises(StoreError):
        await store._reader.call(write)


async def test_our_own_writes_are_no_news(store: SqliteStore) -> None:
    """R8: a watch stays silent about this store's own commits, and hears another's and a foreign program's."""
    watcher = Watcher(Path(store.name.removeprefix("sqlite:///")), store.name, store._writer)
    second = SqliteStore(store.name)
    await second.open()
    assert not watcher.changed()  # opening writes nothing
    await a.started(store, a.row())
    assert not watcher.changed()
    await a.started(store, a.row())
    await a.started(second, a.row())
    assert watcher.changed()
    assert not watcher.changed()
    with _database(store) as connection:
        connection.execute("UPDATE executions SET priority = 1")
    connection.close()
    assert watcher.changed()
    watcher.close()
    await second.close()


FIRST_USE = """
import asyncio, sys
from cerebelum.adapters.stores.sqlite.store import SqliteStore

async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    await store.claim("nonce", workflows=["flow"], limit=1)
    await store.read_history("exec-1")
    await store.close()

asyncio.run(main())
print(*(name for name in ("sqlalchemy", "alembic", "aiosqlite") if name in sys.modules))
"""


def test_a_run_needs_neither_sqlalchemy_nor_alembic(tmp_path: Path) -> None:
    """Start-up counts on a command line: a new store is created and worked on without the heavy imports."""
    command = [sys.executable, "-c", FIRST_USE, str(tmp_path / "cerebelum.db")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


WRITE_MANY = """
import asyncio, sys
from cerebelum.adapters.stores.sqlite.store import SqliteStore
from cerebelum.engine.testing import store_samples as a

async def main(url, count):
    store = SqliteStore(url)
    await store.open()
    for _ in range(count):
        rows = await a.started(store, *(a.row() for _ in range(5)))
        await store.commit(a.batch(appends=[a.append(row, count=3) for row in rows]))
    await store.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_two_processes_that_write_at_once_keep_the_file_whole(store: SqliteStore) -> None:
    """R7: every commit of three writers is there, versions are contiguous, and SQLite finds no damage."""
    command = [sys.executable, "-c", WRITE_MANY, store.name, "60"]
    processes = [await asyncio.create_subprocess_exec(*command, cwd=ROOT) for _ in range(2)]
    done = asyncio.gather(*(process.wait() for process in processes))
    own = 0
    while not done.done():
        rows = await a.started(store, a.row())
        own += len(rows)
        await store.commit(a.batch(appends=[a.append(row) for row in rows]))
    assert await done == [0, 0]
    connection = _database(store)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    gaps = "SELECT count(*) FROM (SELECT execution FROM history GROUP BY 1 HAVING max(version) <> count(*))"
    assert connection.execute(gaps).fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM executions").fetchone() == (600 + own,)
    assert connection.execute("SELECT count(*) FROM history").fetchone() == (2400 + 2 * own,)
    connection.close()


async def test_a_bare_path_is_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path with odd characters names a file in the working directory, and so does the store's own name."""
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("my flows #1 50%25?.db")
    await store.open()
    again = SqliteStore(store.name)
    await again.open()
    await a.started(store, a.row())
    assert len(await again.list_executions(ExecutionFilter())) == 1
    await again.close()
    await store.close()
    assert set(_modes(tmp_path)) == {"my flows #1 50%25?.db", "my flows #1 50%25?.db-lock"}
