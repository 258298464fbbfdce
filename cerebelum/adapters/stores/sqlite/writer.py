"""The one thread and connection that write, and checkpoint, for this process (R7).

What is asked for while a commit is under way goes into one transaction with whatever else waits: each job in a
savepoint of its own, one COMMIT, one fsync. A job is answered only after that COMMIT (R5).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from cerebelum.adapters.stores.sqlite.connections import connect_writer
from cerebelum.adapters.stores.sqlite.creation import ensure_schema
from cerebelum.adapters.stores.sqlite.errors import in_doubt, translate
from cerebelum.adapters.stores.sqlite.location import Location, create_file
from cerebelum.adapters.stores.sqlite.lock import FileLock
from cerebelum.adapters.stores.sqlite.wal import WalProgress
from cerebelum.engine.domain.errors_store import CommitInDoubt, StoreError

T = TypeVar("T")

WAL_MOST_BYTES = 8 << 20  # with more, the WAL is copied into the database and cut before the next transaction
IDLE_S = 1.0  # after so long without work the WAL is copied and cut
_JOBS_MOST = 64  # in one transaction


class Job(Generic[T]):
    """A piece of work inside a write transaction, and who waits for it."""

    __slots__ = ("answer", "error", "loop", "result", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], T], loop: asyncio.AbstractEventLoop | None) -> None:
        self.work, self.loop = work, loop
        self.answer: asyncio.Future[T] | Future[T] = Future() if loop is None else loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Answer, in the thread of whoever waits; a cancelled waiter no longer minds."""
        if not self.answer.done():
            if self.error is None:
                self.answer.set_result(self.result)
            else:
                self.answer.set_exception(self.error)


class Writer:
    """Runs jobs in write transactions, in the order in which they were asked for.

    Args:
        lock: held around every transaction and checkpoint; the writer closes it at its end.
    """

    def __init__(self, location: Location, lock: FileLock) -> None:
        self._location, self._lock = location, lock
        self._progress = WalProgress(location.path)
        self._jobs: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="cerebelum-sqlite-writer", daemon=True)
        self._opened: Future[None] = Future()
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self.commits = 0  # of this writer; compared with the lock file's count

    async def open(self) -> None:
        """Start the thread, connect, create or upgrade the schema. Raises what went wrong."""
        self._thread.start()
        await asyncio.wrap_future(self._opened)

    async def call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` returns, once it is committed. Being cancelled does not stop the work."""
        job = Job(work, asyncio.get_running_loop())
        self._put(job)
        assert isinstance(job.answer, asyncio.Future)
        return await job.answer

    def call_blocking(self, work: Callable[[sqlite3.Connection], T], *, timeout_s: float) -> T:
        """`call` for another thread. Raises TimeoutError after `timeout_s`; the work may still be done."""
        job = Job(work, None)
        self._put(job)
        assert isinstance(job.answer, Future)
        return job.answer.result(timeout_s)

    async def close(self) -> None:
        """Finish the jobs that wait, copy the WAL, close."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _put(self, job: Job[Any]) -> None:
        if self._closed:
            raise StoreError(f"{self._location.name} has been closed")
        self._jobs.put(job)

    # -- in the thread ------------------------------------------------------------------------------------------
    def _serve(self) -> None:
        try:
            with self._lock.held():
                self._connection = self._connect()
        except BaseException as error:
            self._lock.close()
            self._opened.set_exception(_said(error, self._location.name))
            return
        self._opened.set_result(None)
        unsaved = True
        going = True
        while going:
            try:
                first = self._jobs.get(timeout=IDLE_S if unsaved else None)
            except queue.Empty:
                self._checkpoint()
                unsaved = False
                continue
            jobs = [] if first is None else [first]
            going = first is not None
            while going and len(jobs) < _JOBS_MOST and not self._jobs.empty():
                if (job := self._jobs.get()) is None:
                    going = False
                else:
                    jobs.append(job)
            if jobs:
                self._transact(jobs)
                unsaved = True
                _answer(jobs)
                if self._progress.is_long(WAL_MOST_BYTES):
                    self._checkpoint()
        self._disconnect()

    def _connect(self) -> sqlite3.Connection:
        create_file(self._location)
        connection = connect_writer(self._location.path, self._location.synchronous, wait_s=self._lock.wait_s)
        try:
            ensure_schema(connection, self._location.name)
        except BaseException:
            connection.close()
            raise
        return connection

    def _transact(self, jobs: list[Job[Any]]) -> None:
        try:
            with self._lock.held():
                if self._connection is None:  # closed after a commit in doubt
                    self._connection = self._connect()
                self._run(self._connection, jobs)
        except BaseException as error:
            said = _said(error, self._location.name)
            for job in jobs:
                job.error = job.error or said
            self._recover(said)

    def _run(self, connection: sqlite3.Connection, jobs: list[Job[Any]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        before = connection.total_changes
        if len(jobs) == 1:  # the usual case of a busy node: its error ends the transaction
            jobs[0].result = jobs[0].work(connection)
        else:
            for job in jobs:
                self._run_apart(connection, job)
        if all(job.error for job in jobs):
            connection.execute("ROLLBACK")
            return
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if (
                getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
            ):  # the commit's own record did not get in: it is not there
                raise
            raise in_doubt(self._location.name, error) from error
        if connection.total_changes != before:
            self.commits += 1
            self._lock.raise_count()

    def _run_apart(self, connection: sqlite3.Connection, job: Job[Any]) -> None:
        connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(connection)
        except BaseException as error:
            if not connection.in_transaction:  # a full disk and the like end the whole transaction
                raise
            connection.execute("ROLLBACK TO job")
            job.error = _said(error, self._location.name)
        connection.execute("RELEASE job")

    def _recover(self, error: BaseException) -> None:
        """Leave no transaction open; after a doubtful commit, leave the connection, too (R4)."""
        connection = self._connection
        if connection is None:
            return
        with contextlib.suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if isinstance(error, CommitInDoubt):
            self._connection = None
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _checkpoint(self) -> None:
        """Copy the WAL into the database and cut it. Waits for no reader: what one still needs stays for the next time."""
        connection = self._connection
        if connection is None:
            return
        with contextlib.suppress(sqlite3.Error, StoreError), self._lock.held():
            connection.execute("PRAGMA busy_timeout = 0")
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                connection.execute(f"PRAGMA busy_timeout = {round(self._lock.wait_s * 1000)}")
                self._progress.note()

    def _disconnect(self) -> None:
        self._checkpoint()
        connection, self._connection = self._connection, None
        with contextlib.suppress(sqlite3.Error, StoreError):
            if connection is not None:
                with self._lock.held():  # the last one to close also checkpoints
                    connection.close()
        self._lock.close()


def _said(error: BaseException, name: str) -> BaseException:
    return translate(error, name) if isinstance(error, sqlite3.Error) else error


def _answer(jobs: list[Job[Any]]) -> None:
    """Settle the jobs: one wake-up for each event loop, whatever their number."""
    loops = {job.loop for job in jobs}
    for loop in loops:
        asked = [job for job in jobs if job.loop is loop]
        if loop is None:
            for job in asked:
                job.settle()
        else:
            with contextlib.suppress(RuntimeError):  # closed: nobody waits any more
                loop.call_soon_threadsafe(_settle_all, asked)


def _settle_all(jobs: list[Job[Any]]) -> None:
    for job in jobs:
        job.settle()
