"""`Store` on one SQLite file, for one or more processes of one machine.

One thread writes and checkpoints (`writer.py`), another reads for the hot path, SQLAlchemy reads lists (`reader.py`).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from cerebelum.adapters.stores.rows import BATCHES_KEPT, code_of
from cerebelum.adapters.stores.sqlite import claims, history, inbox, listing, schedules, upkeep
from cerebelum.adapters.stores.sqlite.commit import commit
from cerebelum.adapters.stores.sqlite.connections import check_version
from cerebelum.adapters.stores.sqlite.location import check_place, locate
from cerebelum.adapters.stores.sqlite.lock import FileLock
from cerebelum.adapters.stores.sqlite.reader import Reader
from cerebelum.adapters.stores.sqlite.watch import POLL_S, Watcher
from cerebelum.adapters.stores.sqlite.writer import Writer
from cerebelum.engine.domain.errors_store import StoreError, StoreLocked
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import STATUSES, ExecutionRow, Status
from cerebelum.engine.domain.projection_inputs import OpenInput
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.ports.schedule_store import ScheduleDecision
from cerebelum.engine.ports.store import Batch, CodeVersion, Committed, ExecutionFilter, LogLine, Message, NodeRow

LEASE_TTL_US = 10_000_000
LOCK_WAIT_S = 10.0


def system_now_us() -> int:
    """Return the machine's time, in microseconds since the Unix epoch."""
    return time.time_ns() // 1000


class SqliteStore:
    """Implements `engine.ports.store.Store`.

    Args:
        url: `sqlite:///path`, relative or absolute, with `?synchronous=NORMAL` for commits that survive a crash of the
            process but not of the machine.
        now_us: the store's clock.
        lock_wait_s: how long a write waits for other processes, in seconds, > 0.

    Raises:
        StoreUnsupported: the URL names no file, or an unknown option.
    """

    def __init__(
        self, url: str, *, now_us: Callable[[], int] = system_now_us, lock_wait_s: float = LOCK_WAIT_S
    ) -> None:
        self._location = locate(url)
        self.name = self._location.name
        self.lease_ttl_us = LEASE_TTL_US
        self._clock, self._lock_wait_s = now_us, lock_wait_s
        self._nonce, self._commits = os.urandom(9).hex(), 0
        self._writer_or_none: Writer | None = None
        self._reader_or_none: Reader | None = None

    @property
    def _writer(self) -> Writer:
        if self._writer_or_none is None:
            raise StoreError(f"{self.name} is not open")
        return self._writer_or_none

    @property
    def _reader(self) -> Reader:
        if self._reader_or_none is None:
            raise StoreError(f"{self.name} is not open")
        return self._reader_or_none

    # -- life -------------------------------------------------------------------------------------------------
    async def open(self) -> None:
        """Open or create the file, and bring its schema up to date."""
        check_version()
        check_place(self._location)
        lock = FileLock(Path(f"{self._location.path}-lock"), name=self.name, wait_s=self._lock_wait_s)
        writer = Writer(self._location, lock)
        await writer.open()
        self._writer_or_none, self._reader_or_none = writer, Reader(self._location)

    async def close(self) -> None:
        """Release every connection."""
        reader, self._reader_or_none = self._reader_or_none, None
        writer, self._writer_or_none = self._writer_or_none, None
        if reader is not None:
            await reader.close()
        if writer is not None:
            await writer.close()

    async def now_us(self) -> int:
        """Return the store's clock: the machine's, since all its processes share it."""
        return self._clock()

    # -- writing ----------------------------------------------------------------------------------------------
    async def commit(self, batch: Batch) -> Committed:
        """Write the batch in one transaction."""
        place = f"{self._nonce}/{self._commits % BATCHES_KEPT}"
        self._commits += 1
        return await self._writer.call(lambda connection: commit(connection, batch, self._clock(), place))

    async def claim(self, owner: str, *, workflows: Sequence[str], limit: int) -> list[ExecutionRow]:
        """Take over due executions."""
        return await self._writer.call(
            lambda connection: claims.claim(connection, owner, workflows, limit, self._clock())
        )

    async def claim_one(self, owner: str, execution_id: str) -> ExecutionRow | None:
        """Take over one execution."""
        return await self._writer.call(
            lambda connection: claims.claim_one(connection, owner, execution_id, self._clock())
        )

    async def release_dead(self, *, dead: Sequence[str] = ()) -> int:
        """Hand back what dead nodes hold. Takes the write lock only when there is one."""
        if not dead and not await self._reader.call(claims.dead_nodes, self._clock()):
            return 0

        def work(connection: Any) -> int:
            now_us = self._clock()
            return claims.release(connection, [*dead, *claims.dead_nodes(connection, now_us)], now_us)

        return await self._writer.call(work)

    async def join(self, node: NodeRow) -> None:
        """Insert the node with a fresh lease."""

        def work(connection: Any) -> None:
            now_us = self._clock()
            upkeep.forget_old_batches(connection, now_us)
            claims.join(connection, node, now_us + self.lease_ttl_us, now_us)

        await self._writer.call(work)

    async def announce(self, nonce: str, workflows: Sequence[str]) -> None:
        """Say what the node knows by now."""
        await self._writer.call(lambda connection: claims.announce(connection, nonce, workflows, self._clock()))

    async def leave(self, nonce: str) -> None:
        """Remove the node; its executions become due."""
        await self._writer.call(lambda connection: claims.release(connection, [nonce], self._clock()))

    def renew_lease(self, nonce: str) -> int | None:
        """Extend the lease; blocks, for the keeper's thread. There is one writing connection, so it takes its turn."""

        def work(connection: Any) -> int | None:
            now_us = self._clock()
            return claims.renew(connection, nonce, now_us + self.lease_ttl_us, now_us)

        try:
            return self._writer.call_blocking(work, timeout_s=self.lease_ttl_us / 1_000_000)
        except TimeoutError as error:
            raise StoreLocked(f"{self.name}: the lease of {nonce} could not be renewed before it ran out") from error

    async def post(self, message: Message) -> Message | None:
        """Add to an inbox."""
        return await self._writer.call(lambda connection: inbox.post(connection, message, self._clock(), self.name))

    async def register(self, code: CodeVersion) -> CodeVersion:
        """Store a version of a workflow's code."""
        return await self._writer.call(lambda connection: upkeep.register(connection, code, self._clock()))

    async def rebuild(self, row: ExecutionRow) -> None:
        """Replace a row by one projected anew."""
        await self._writer.call(lambda connection: upkeep.rebuild(connection, row, self._clock()))

    async def delete_execution(self, execution_id: str) -> None:
        """Remove an ended execution."""
        await self._writer.call(lambda connection: upkeep.delete_execution(connection, execution_id))

    async def delete_workflow(self, workflow: str) -> None:
        """Remove a workflow that no execution needs."""
        await self._writer.call(lambda connection: upkeep.delete_workflow(connection, workflow))

    # -- schedules --------------------------------------------------------------------------------------------
    async def write_schedule(self, decision: ScheduleDecision) -> bool:
        """Write a schedule, its runs and what they start."""
        place = f"{self._nonce}/schedules"
        return await self._writer.call(lambda connection: schedules.write(connection, decision, self._clock(), place))

    async def delete_schedule(self, name: str) -> bool:
        """Remove a schedule with its runs."""
        return await self._writer.call(lambda connection: schedules.delete(connection, name))

    async def get_schedule(self, name: str) -> ScheduleRow | None:
        """Return a schedule."""
        return await self._reader.call(schedules.get, name)

    async def list_schedules(self) -> list[ScheduleRow]:
        """Return all schedules by name."""
        return await self._reader.call(schedules.list_all)

    async def due_schedules(self, *, workflows: Sequence[str], now_us: int) -> list[ScheduleRow]:
        """Return what is due."""
        return await self._reader.call(schedules.due, workflows, now_us)

    async def next_schedule_us(self, *, workflows: Sequence[str]) -> int | None:
        """Return when the first one is due."""
        return await self._reader.call(schedules.next_us, workflows)

    async def schedule_runs(
        self, name: str, *, from_us: int | None = None, until_us: int | None = None, limit: int = 50
    ) -> list[ScheduleRun]:
        """Return runs, the newest fire first."""
        return await self._reader.call(schedules.runs, name, from_us, until_us, limit)

    async def open_runs(self, name: str) -> list[tuple[ScheduleRun, Status | None]]:
        """Return the open runs with their executions' status."""
        return await self._reader.call(schedules.open_runs, name)

    # -- reading ----------------------------------------------------------------------------------------------
    async def has_batch(self, batch_id: str) -> bool:
        """Return whether the batch was committed."""
        return await self._reader.call(history.has_batch, batch_id)

    async def next_wake_us(self, *, workflows: Sequence[str]) -> int | None:
        """Return when the first waiting execution is due."""
        return await self._reader.call(claims.next_wake_us, workflows)

    async def inbox(self, owner: str, *, after_id: int = 0) -> list[Message]:
        """Return the messages for what `owner` holds."""
        return await self._reader.call(inbox.inbox, owner, after_id)

    async def inbox_of(self, execution_id: str) -> list[Message]:
        """Return one execution's messages."""
        return await self._reader.call(inbox.inbox_of, execution_id)

    async def read_reply(self, execution_id: str, key: str) -> bytes | None:
        """Return the reply to a consumed message."""
        return await self._reader.call(inbox.read_reply, execution_id, key)

    async def read_history(
        self, execution_id: str, *, after_version: int = 0, to_version: int | None = None, limit: int | None = None
    ) -> list[RecordedEvent]:
        """Return events in version order."""
        return await self._reader.call(history.read_history, execution_id, after_version, to_version, limit)

    async def read_histories(
        self, execution_ids: Sequence[str], *, for_recovery: bool = False
    ) -> dict[str, list[RecordedEvent]]:
        """Return whole histories by id."""
        return await self._reader.call(history.read_histories, execution_ids, for_recovery)

    async def last_event(self, execution_id: str) -> RecordedEvent | None:
        """Return the newest event."""
        return await self._reader.call(history.last_event, execution_id)

    async def get_execution(self, execution_id: str) -> ExecutionRow | None:
        """Return the row."""
        return await self._reader.call(history.get_execution, execution_id)

    async def read_blob(self, digest: str) -> bytes | None:
        """Return the content."""
        return await self._reader.call(history.read_blob, digest)

    async def list_executions(self, query: ExecutionFilter) -> list[ExecutionRow]:
        """Return matching rows, newest first."""
        return await self._reader.call(listing.list_executions, query)

    async def pending_inputs(self) -> list[OpenInput]:
        """Return what waits for people."""
        return await self._reader.call(listing.pending_inputs)

    async def count_executions(self) -> dict[Status, int]:
        """Return the number in each status, zeros included."""
        counts = await self._reader.call(listing.count_executions)
        return {status: counts.get(status, 0) for status in STATUSES}

    async def count_owned(self) -> dict[str, dict[str, int]]:
        """Return the number that each owner holds, by queue."""
        return await self._reader.call(listing.count_owned)

    async def nodes(self) -> list[NodeRow]:
        """Return all nodes, the oldest first."""
        return await self._reader.call(claims.nodes)

    async def read_logs(self, execution_id: str, *, after_id: int = 0, limit: int = 1000) -> list[tuple[int, LogLine]]:
        """Return (id, line) in order of writing."""
        return await self._reader.call(listing.read_logs, execution_id, after_id, limit)

    async def get_code(
        self, workflow: str, *, version: int | None = None, digest: str | None = None
    ) -> CodeVersion | None:
        """Return one version."""
        return await self._reader.call(listing.get_code, workflow, version, digest)

    async def list_workflows(self) -> list[CodeVersion]:
        """Return the newest version of each workflow."""
        return [code_of(row) for row in await self._reader.select(lambda queries: queries.list_workflows())]

    async def watch(self) -> AsyncIterator[Literal["changed"]]:
        """Yield when another process may have written; at most once in 25 ms."""
        watcher = Watcher(self._location.path, self.name, self._writer)
        try:
            while self._writer_or_none is not None:
                await asyncio.sleep(POLL_S)
                if watcher.changed():
                    yield "changed"
        finally:
            watcher.close()
