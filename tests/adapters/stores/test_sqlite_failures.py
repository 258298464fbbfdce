from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cerebelum.adapters.stores.sqlite.location import check_place, file_system, locate
from cerebelum.adapters.stores.sqlite.store import SqliteStore
from cerebelum.engine.domain.errors_store import (
    CommitInDoubt,
    SchemaTooNew,
    StoreCorrupt,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
    StoreUnreachable,
    StoreUnsupported,
)
from cerebelum.engine.ports.store import Committed
from cerebelum.engine.testing import store_samples as a

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cerebelum.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(f"sqlite:///{path}", lock_wait_s=0.05)
    await store.open()
    yield store
    await store.close()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _content(path: Path) -> bytes:
    return path.read_bytes()


def _set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)


async def _open(path: Path | str) -> None:
    store = SqliteStore(str(path))
    try:
        await store.open()
    finally:
        await store.close()


async def _open_and_start(path: Path) -> None:
    store = SqliteStore(str(path))
    try:
        await store.open()
        await a.started(store, a.row())
    finally:
        await store.close()


HOLD_LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(store: SqliteStore, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the store's lock until it is told to end."""
    command = [sys.executable, "-c", HOLD_LOCK, f"{path}-lock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


async def test_a_lock_held_by_another_process_is_named(store: SqliteStore, holder: subprocess.Popen[str]) -> None:
    """R7: after the wait the error says which file, and how to find who holds it; once it is free, writes go on."""
    with pytest.raises(StoreLocked, match=r"fuser -v .*cerebelum\.db-lock"):
        await a.started(store, a.row())
    assert await store.read_history("exec-1") == []  # readers do not wait
    holder.communicate()
    await a.started(store, a.row())


async def test_a_lock_of_a_program_without_our_lock_file_is_named(store: SqliteStore, path: Path) -> None:
    """R7: a transaction left open in a sqlite3 shell is waited for, then reported."""
    shell = sqlite3.connect(path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked, match="another program"):
        await a.started(store, a.row())
    shell.execute("ROLLBACK")
    shell.close()
    await a.started(store, a.row())


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Root may write to everything, so a test of permissions gives its rights up for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter, its parents too, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


@pytest.mark.parametrize("folder_mode", [0o777, 0o555], ids=["file", "folder"])
async def test_a_store_without_permission_to_write_is_named(open_folder: Path, folder_mode: int) -> None:
    """The file or its folder takes no writes: the error says so before anything is begun, with a command."""
    path = open_folder / "cerebelum.db"
    await _open(path)
    _set_mode(path, 0o444 if folder_mode == 0o777 else 0o666)
    _set_mode(open_folder, folder_mode)
    with _as_nobody(), pytest.raises(StoreReadOnly, match=r"chmod u\+w"):
        await _open(path)


async def test_a_folder_that_takes_no_new_file_is_named(open_folder: Path) -> None:
    """A new store in a folder without permission cannot be made; the error says where."""
    _set_mode(open_folder, 0o555)
    with _as_nobody(), pytest.raises(StoreUnreachable, match="cannot be made"):
        await _open(open_folder / "cerebelum.db")


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The error has the command that makes it."""
    with pytest.raises(StoreUnreachable, match=r"mkdir -p .*/none"):
        await _open(tmp_path / "none" / "cerebelum.db")


async def test_a_folder_is_no_store(tmp_path: Path) -> None:
    """A path that is a folder is refused with a path in it that would do."""
    with pytest.raises(StoreUnreachable, match="is a folder"):
        await _open(tmp_path)


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:///x.db?mode=ro", "sqlite:///x.db?synchronous=OFF"]
)
def test_a_url_that_names_no_durable_file_is_refused(url: str) -> None:
    """A store in memory or with an unknown option is not opened in silence."""
    with pytest.raises(StoreUnsupported):
        SqliteStore(url)


async def test_synchronous_is_full_unless_the_url_says_normal(path: Path) -> None:
    """R7: the default survives a power cut; the weaker setting is a choice."""
    settings = []
    for option in ("", "?synchronous=NORMAL", "?synchronous=full"):
        store = SqliteStore(f"sqlite:///{path}{option}")
        await store.open()
        settings.append(
            await store._writer.call(lambda connection: connection.execute("PRAGMA synchronous").fetchone()[0])
        )
        await store.close()
    assert settings == [2, 1, 2]


async def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    """A wrong path must not cost the user a file."""
    letter = b"not a database, but someone's letter\n" * 50
    _write(path, letter)
    with pytest.raises(StoreCorrupt, match="no SQLite database"):
        await _open(path)
    assert _content(path) == letter


async def test_a_database_of_something_else_gets_no_tables(path: Path) -> None:
    """Another program's database is recognised by its tables, and stays as it is."""
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE people (name TEXT)")
    with pytest.raises(StoreCorrupt, match="people"):
        await _open(path)
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("people",)]
    other.close()


async def test_a_damaged_file_is_named(path: Path) -> None:
    """F4: damage inside a database is reported as damage, with what to do first."""
    await _open(path)
    content = _content(path)
    _write(path, content[: 4096 * 2] + os.urandom(len(content) - 4096 * 2))
    with pytest.raises(StoreCorrupt, match="damaged"):
        await _open_and_start(path)


async def test_a_newer_schema_is_refused(path: Path) -> None:
    """F24: a store that a newer release made is not touched by this one."""
    await _open(path)
    newer = sqlite3.connect(path)
    with newer:
        newer.execute("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(SchemaTooNew, match="0999"):
        await _open(path)
    assert newer.execute("SELECT version_num FROM alembic_version").fetchall() == [("0999",)]
    newer.close()


async def test_a_full_disk_keeps_what_was_acknowledged(store: SqliteStore) -> None:
    """I1: the commit that does not fit fails whole and says so; when there is room again, the store goes on."""
    (before,) = await a.started(store, a.row())

    def limit(pages: int) -> None:
        assert store._writer._connection is not None
        store._writer._connection.execute(f"PRAGMA max_page_count = {pages}")

    pages = await store._writer.call(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    limit(pages + 2)
    change = a.append(before)
    with pytest.raises(StoreFull, match="df -h"):
        await store.commit(a.batch(appends=[change], blobs=[("d", bytes(1 << 20))]))
    assert await a.versions(store, before.id) == [1]
    assert await store.read_blob("d") is None
    limit(1 << 20)
    assert await store.commit(a.batch(appends=[change])) == Committed()


async def test_an_error_at_commit_is_in_doubt(store: SqliteStore) -> None:
    """R4: when COMMIT itself fails, nobody knows; the store says so, connects anew, and can be asked."""
    (before,) = await a.started(store, a.row())
    mine = a.batch(appends=[a.append(before)], blobs=[("d", bytes(256 << 10))])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (180 << 10, hard))  # the WAL cannot grow: an I/O error, not a full disk
    try:
        with pytest.raises(CommitInDoubt):
            await store.commit(mine)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert await store.has_batch(mine.id) is False
    assert await store.commit(mine) == Committed()
    assert await a.versions(store, before.id) == [1, 2]
    assert await store.has_batch(mine.id)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_refused(tmp_path: Path, kind: str) -> None:
    """R7: WAL and its locks do not work across machines, so such a store is not even begun."""
    mounts = tmp_path / "mounts"
    shared = tmp_path / "my share"
    shared.mkdir()
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {str(shared).replace(' ', chr(92) + '040')} {kind} rw 0 0\n")
    assert file_system(tmp_path, mounts) == "ext4"
    with pytest.raises(StoreUnsupported, match=kind):
        check_place(locate(str(shared / "cerebelum.db")), mounts=mounts)
    assert list(shared.iterdir()) == []


def test_a_system_that_does_not_list_its_mounts_is_trusted(tmp_path: Path) -> None:
    """R7: where /proc/mounts is missing, the type is unknown and the store opens."""
    assert file_system(tmp_path, tmp_path / "none") is None
