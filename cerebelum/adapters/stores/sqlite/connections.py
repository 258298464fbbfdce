"""Connections of the standard library's driver, set up as R7 demands."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cerebelum.adapters.stores.sqlite.location import Synchronous
from cerebelum.engine.domain.errors_store import StoreUnsupported

OLDEST_SQLITE = (3, 33, 0)  # UPDATE … FROM
_WRITER_CACHE_KIB = 6_144
_READER_CACHE_KIB = 4_096
_WAL_KEPT_BYTES = 64 << 20  # a WAL that a long reader let grow is cut to this when it starts anew
READER_WAIT_MS = 10_000


def check_version() -> None:
    """Refuse a SQLite library that is too old.

    Raises:
        StoreUnsupported: older than 3.33 (August 2020).
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreUnsupported(
            f"SQLite {sqlite3.sqlite_version} is too old; 3.33 or newer is needed\n"
            f"  help: use a newer Python, see what it has: python -c 'import sqlite3; print(sqlite3.sqlite_version)'"
        )


def connect_writer(path: Path, synchronous: Synchronous, *, wait_s: float) -> sqlite3.Connection:
    """Return the process's one writing connection. Call with the file lock held: it may turn WAL on."""
    connection = sqlite3.connect(
        path, timeout=wait_s, isolation_level=None, cached_statements=256, check_same_thread=False
    )
    try:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        for pragma in (
            f"synchronous = {synchronous}",
            "wal_autocheckpoint = 0",
            f"cache_size = -{_WRITER_CACHE_KIB}",
            f"journal_size_limit = {_WAL_KEPT_BYTES}",
            "secure_delete = OFF",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot write."""
    connection = sqlite3.connect(
        path, timeout=READER_WAIT_MS / 1000, isolation_level=None, cached_statements=64, check_same_thread=False
    )
    set_up_reader(connection)
    return connection


def set_up_reader(connection: sqlite3.Connection) -> None:
    """Make any connection one that cannot write and never checkpoints."""
    for pragma in (
        "query_only = 1",
        "wal_autocheckpoint = 0",
        f"busy_timeout = {READER_WAIT_MS}",
        f"cache_size = -{_READER_CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {pragma}")
