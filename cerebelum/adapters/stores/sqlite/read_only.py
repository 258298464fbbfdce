"""A store that is only looked at: it takes no lock, makes no file, and works where this process may not write.

SQLite reads a database in WAL mode only where it can also share `<database>-shm` with the writers, or make one. Where
it can do neither, nobody writes there from this side, and the file itself (`immutable`) is all there is, as long as no
WAL with commits of its own lies beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cerebelum.adapters.stores.migrations import HEAD
from cerebelum.adapters.stores.sqlite.connections import READER_WAIT_MS, check_version, set_up_reader
from cerebelum.adapters.stores.sqlite.creation import revision_of
from cerebelum.adapters.stores.sqlite.errors import file_of, read_only, translate
from cerebelum.adapters.stores.sqlite.location import Location, check_place
from cerebelum.adapters.stores.sqlite.reader import Reader
from cerebelum.adapters.stores.sqlite.store import SqliteStore
from cerebelum.adapters.stores.sqlite.watch import POLL_S
from cerebelum.adapters.stores.sqlite.writer import Writer
from cerebelum.engine.domain.errors_store import SchemaTooOld, StoreReadOnly, StoreUnreachable

if TYPE_CHECKING:
    from sqlalchemy import Select

    from cerebelum.adapters.stores.queries import Queries


class ReadOnlySqliteStore(SqliteStore):
    """`SqliteStore` for looking: every call that writes raises `StoreReadOnly`."""

    async def open(self) -> None:
        """Open the file as it is; nothing is created or upgraded.

        Raises:
            StoreUnreachable: there is no store, or it cannot be read.
            SchemaTooOld, SchemaTooNew, StoreCorrupt: it is not of this release.
        """
        check_version()
        with contextlib.suppress(StoreReadOnly):  # that is what this class is for
            check_place(self._location)
        reader = _OneConnectionReader(self._location)
        try:
            await reader.call(_check_schema, self.name)
        except BaseException:
            await reader.close()
            raise
        self._file = _file_number(self._location.path)
        self._reader_or_none = reader

    @property
    def _writer(self) -> Writer:
        raise read_only(self.name, "it was opened to be looked at")

    async def watch(self) -> AsyncIterator[Literal["changed"]]:
        """Yield when a process may have written; at most once in 25 ms.

        Raises:
            StoreUnreachable: the file is gone, or another one lies in its place. What was opened is still read from.
            SchemaTooNew, SchemaTooOld: its schema was changed meanwhile.
        """
        seen = await self._reader.call(_data_version)
        while self._reader_or_none is not None:
            await asyncio.sleep(POLL_S)
            self._check_file()
            before, seen = seen, await self._reader.call(_data_version)
            if before != seen:
                await self._reader.call(_check_schema, self.name)
                yield "changed"

    def _check_file(self) -> None:
        now = _file_number(self._location.path)
        if now is None:
            raise StoreUnreachable(f"{self.name} is gone: it was moved or deleted\n  help: put it back, or --store URL")
        if now != self._file:
            raise StoreUnreachable(f"{self.name} was replaced by another file\n  help: the same command opens that one")


class _OneConnectionReader(Reader):
    """Reads everything, lists included, through the one connection that knows how to be opened."""

    def _work(self, work: Callable[..., Any], arguments: tuple[object, ...]) -> Any:
        if self._connection is None:
            try:
                self._connection = connect_read_only(self._location)
            except sqlite3.Error as error:
                raise translate(error, self._location.name) from error
        return super()._work(work, arguments)

    async def select(self, build: Callable[[Queries], Select[Any]]) -> Sequence[Sequence[Any]]:
        """Return the rows of the query that `build` chooses."""
        return await self.call(_select, build)


def connect_read_only(location: Location) -> sqlite3.Connection:
    """Return a connection that writes to no file that is not there for writers anyway.

    Raises:
        StoreUnreachable: the newest commits are in a WAL that cannot be read from here.
        sqlite3.Error: it cannot be opened.
    """
    try:
        return _connect(location.path, "mode=ro")
    except sqlite3.OperationalError as error:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise
        if _wal_bytes(location.path):
            raise StoreUnreachable(
                f"{location.name} cannot be read without writing beside it: its newest commits are still in its -wal file\n"
                f"  help: copy both, and look at the copy: cp {file_of(location.name)}* FOLDER"
            ) from error
        return _connect(location.path, "immutable=1")


def _connect(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?{how}", uri=True, timeout=READER_WAIT_MS / 1000, isolation_level=None, check_same_thread=False
    )
    try:
        set_up_reader(connection)
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # only a read shows whether it can be read
    except BaseException:
        connection.close()
        raise
    return connection


def _file_number(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of the same name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _wal_bytes(path: Path) -> int:
    try:
        return os.stat(f"{path}-wal").st_size  # noqa: PTH116 - a suffix, not a child
    except OSError:
        return 0


def _check_schema(connection: sqlite3.Connection, name: str) -> None:
    revision = revision_of(connection, name)
    if revision is None:
        raise StoreUnreachable(
            f"{name} is empty: nothing was ever stored in it\n  help: cerebelum run FLOW.py fills it"
        )
    if revision != HEAD:
        raise SchemaTooOld(
            f"{name} has schema {revision}; this release works on {HEAD}\n"
            f"  help: cerebelum db upgrade --store {file_of(name)}"
        )


def _data_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _select(connection: sqlite3.Connection, build: Callable[[Queries], Select[Any]]) -> Sequence[Sequence[Any]]:
    from sqlalchemy import StaticPool, create_engine
    from sqlalchemy.exc import DBAPIError

    from cerebelum.adapters.stores.queries import Queries
    from cerebelum.adapters.stores.schema import tables

    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    try:
        with engine.connect() as connected:
            rows: Sequence[Sequence[Any]] = connected.execute(build(Queries(tables("sqlite")))).all()
            return rows
    except DBAPIError as error:
        raise error.orig or error from error
