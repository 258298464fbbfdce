"""The store in memory: for tests, simulation and `memory://`. The same rules, and nothing outlives the process.

Several `MemoryStore`s over one `MemoryDatabase` behave like several connections to one database.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal

from msgspec.structs import replace

from cerebelum.adapters.stores.memory_claims import MemoryClaims
from cerebelum.adapters.stores.memory_database import MemoryDatabase, matches
from cerebelum.adapters.stores.memory_schedules import MemorySchedules
from cerebelum.adapters.stores.people import inputs_in_memory
from cerebelum.adapters.stores.rows import by_owner, clean
from cerebelum.engine.domain.errors import ExecutionNotFound, ForbiddenTransition, InternalError
from cerebelum.engine.domain.errors_store import StoreUnsupported
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import STATUSES, ExecutionRow, Status
from cerebelum.engine.domain.projection_inputs import OpenInput
from cerebelum.engine.ports.store import (
    Append,
    Batch,
    CodeVersion,
    Committed,
    ExecutionFilter,
    LogLine,
    Message,
    Start,
)

LEASE_TTL_US = 10_000_000


class MemoryStore(MemoryClaims, MemorySchedules):
    """Implements `engine.ports.store.Store`.

    Args:
        database: what it works on; its own when None.
        now_us: the store's clock.
    """

    name = "memory://"

    def __init__(self, database: MemoryDatabase | None = None, *, now_us: Callable[[], int] | None = None) -> None:
        self._db = MemoryDatabase() if database is None else database
        self._clock = now_us or (lambda: time.time_ns() // 1000)
        self.lease_ttl_us = LEASE_TTL_US

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Nothing to release; another store over the same database goes on."""

    async def now_us(self) -> int:
        """Return the store's clock."""
        return self._clock()

    # -- the hot path -----------------------------------------------------------------------------------------
    async def commit(self, batch: Batch) -> Committed:
        """Write the batch; a bug of the engine that it shows is raised before anything is written."""
        if batch.statements:
            raise StoreUnsupported(f"{self.name} runs no SQL\n  help: use a database for steps that are transactional")
        with self._db.lock:
            saved = self._db.snapshot(batch)
            try:
                return self._commit(batch, self._clock())
            except BaseException:
                self._db.restore(saved)
                raise

    def _commit(self, batch: Batch, now_us: int) -> Committed:
        db = self._db
        started = {start.row.id for start in batch.starts}
        fenced: set[str] = set()
        existing: set[str] = set()
        passed = [append for append in batch.appends if append.row.id not in started and self._append(append, now_us)]
        fenced |= {append.row.id for append in batch.appends if append.row.id not in started}
        fenced -= {append.row.id for append in passed}
        for start in batch.starts:
            if start.source in fenced or not self._start(start, now_us):
                existing.add(start.row.id)
        for append in (append for append in batch.appends if append.row.id in started):
            if self._append(append, now_us):
                passed.append(append)
            else:
                fenced.add(append.row.id)
        left_out = fenced | existing
        for append in passed:
            db.consume(append.consumed, append.replies)
            if append.row.ended:
                db.forget_messages(append.row.id)
        sent = [message for message in batch.messages if message.source not in left_out]
        for message in sent:
            db.add_message(message, now_us)
        waiting = [append.row.id for append in passed if append.row.owner is None]
        db.wake([*waiting, *(message.execution_id for message in sent)], now_us)
        written = [line for line in batch.logs if line.execution_id not in left_out]
        first = len(db.logs) + 1  # taken before the list grows: ids ascend from batch to batch
        db.logs.extend(
            (number, replace(line, message=clean(line.message))) for number, line in enumerate(written, start=first)
        )
        for digest, content in batch.blobs:
            db.blobs.setdefault(digest, content)
        db.note_batch(batch.id)
        db.changed(self)
        return Committed(fenced=frozenset(fenced), existing=frozenset(existing))

    def may_move(self, row: ExecutionRow, append: Append) -> bool:
        """R1 and R3: only its owner, in its epoch, at the expected version."""
        return (row.owner, row.epoch, row.last_version) == (append.owner, append.epoch, append.expected_version)

    def _append(self, append: Append, now_us: int) -> bool:
        row = self._db.executions.get(append.row.id)
        if row is None or not self.may_move(row, append):
            return False
        self._record(append.row, append.events, append.expected_version, now_us)
        self._db.executions[row.id] = replace(
            self._kept(append.row, now_us), epoch=row.epoch, claims=0, inserted_at_us=row.inserted_at_us
        )
        return True

    def _start(self, start: Start, now_us: int) -> bool:
        row = start.row
        if row.id in self._db.executions:
            return False
        self._record(row, start.events, 0, now_us)
        self._db.executions[row.id] = replace(self._kept(row, now_us), inserted_at_us=row.inserted_at_us or now_us)
        return True

    def _record(self, row: ExecutionRow, events: Sequence[RecordedEvent], before: int, now_us: int) -> None:
        versions = [event.version for event in events]
        if versions != list(range(before + 1, before + 1 + len(events))) or row.last_version != before + len(events):
            raise InternalError(
                f"events {versions} of {row.id} do not follow {before}; its row says {row.last_version}"
            )
        history = self._db.events.setdefault(row.id, {})
        for event in events:
            if event.version in history:
                raise InternalError(f"{row.id} has an event {event.version} already")  # R2
            kept = event if event.at_us else RecordedEvent(event.version, event.type, event.data, now_us)
            history[event.version] = kept

    def _kept(self, row: ExecutionRow, now_us: int) -> ExecutionRow:
        return replace(
            row,
            error=None if row.error is None else clean(row.error),
            wake_at_us=None if row.ended else row.wake_at_us,
            updated_at_us=row.updated_at_us or now_us,
        )

    async def has_batch(self, batch_id: str) -> bool:
        """Return whether the batch was committed."""
        return self._db.has_batch(batch_id)

    # -- inbox ------------------------------------------------------------------------------------------------
    async def post(self, message: Message) -> Message | None:
        """Add to an inbox."""
        with self._db.lock:
            row = self._db.executions.get(message.execution_id)
            if row is None:
                raise ExecutionNotFound(message.execution_id, store=self.name)
            if row.ended:
                raise ForbiddenTransition(message.kind, row.status, row.id)
            now_us = self._clock()
            kept = self._db.add_message(message, now_us)
            if kept is not None:
                self._db.wake([row.id], now_us)
                self._db.changed(self)
            return kept

    async def inbox(self, owner: str, *, after_id: int = 0) -> list[Message]:
        """Return the messages for what `owner` holds."""
        rows = self._db.executions
        return [
            replace(message)
            for message in self._db.inbox()
            if message.id > after_id and rows[message.execution_id].owner == owner
        ]

    async def inbox_of(self, execution_id: str) -> list[Message]:
        """Return one execution's messages."""
        return [replace(message) for message in self._db.inbox() if message.execution_id == execution_id]

    async def read_reply(self, execution_id: str, key: str) -> bytes | None:
        """Return the reply to a consumed message."""
        return self._db.replies.get(self._db.keys.get(execution_id, {}).get(key, 0))

    # -- reading ----------------------------------------------------------------------------------------------
    async def read_history(
        self, execution_id: str, *, after_version: int = 0, to_version: int | None = None, limit: int | None = None
    ) -> list[RecordedEvent]:
        """Return events in version order."""
        history = self._db.events.get(execution_id, {})
        found = [
            event
            for version, event in sorted(history.items())
            if version > after_version and (to_version is None or version <= to_version)
        ]
        return found[:limit]

    async def read_histories(
        self, execution_ids: Sequence[str], *, for_recovery: bool = False
    ) -> dict[str, list[RecordedEvent]]:
        """Return histories by id, whole or what recovery needs of them."""
        found = {}
        for execution_id in execution_ids:
            row = self._db.executions.get(execution_id)
            since = (row.checkpoint or 1) if row is not None and for_recovery else 1
            whole = await self.read_history(execution_id)
            found[execution_id] = [event for event in whole if event.version == 1 or event.version >= since]
        return found

    async def last_event(self, execution_id: str) -> RecordedEvent | None:
        """Return the newest event."""
        history = self._db.events.get(execution_id)
        return history[max(history)] if history else None

    async def get_execution(self, execution_id: str) -> ExecutionRow | None:
        """Return the row."""
        row = self._db.executions.get(execution_id)
        return None if row is None else replace(row)

    async def list_executions(self, query: ExecutionFilter) -> list[ExecutionRow]:
        """Return matching rows, newest first."""
        rows = sorted(self._db.executions.values(), key=lambda row: (row.inserted_at_us, row.id), reverse=True)
        return [replace(row) for row in rows if matches(row, query)][: max(1, min(query.limit, 10_000))]

    async def pending_inputs(self) -> list[OpenInput]:
        """Return what waits for people."""
        return inputs_in_memory(self._db.executions.values(), self._db.events)

    async def count_executions(self) -> dict[Status, int]:
        """Return the number in each status, zeros included."""
        counts = Counter(row.status for row in self._db.executions.values())
        return {status: counts[status] for status in STATUSES}

    async def count_owned(self) -> dict[str, dict[str, int]]:
        """Return the number that each owner holds, by queue."""
        counts = Counter((row.owner, row.queue) for row in self._db.executions.values() if row.owner is not None)
        return by_owner((owner, queue, count) for (owner, queue), count in counts.items())

    async def read_blob(self, digest: str) -> bytes | None:
        """Return the content."""
        return self._db.blobs.get(digest)

    async def read_logs(self, execution_id: str, *, after_id: int = 0, limit: int = 1000) -> list[tuple[int, LogLine]]:
        """Return (id, line) in order of writing."""
        found = [(id_, line) for id_, line in self._db.logs if line.execution_id == execution_id and id_ > after_id]
        return found[: max(1, min(limit, 10_000))]

    # -- code -------------------------------------------------------------------------------------------------
    async def register(self, code: CodeVersion) -> CodeVersion:
        """Store a version of a workflow's code."""
        with self._db.lock:
            versions = self._db.code.setdefault(code.workflow, [])
            if versions and versions[-1].digest == code.digest:
                return versions[-1]
            stored = replace(code, version=len(versions) + 1, inserted_at_us=code.inserted_at_us or self._clock())
            versions.append(stored)
            return stored

    async def get_code(
        self, workflow: str, *, version: int | None = None, digest: str | None = None
    ) -> CodeVersion | None:
        """Return one version, the newest that fits."""
        fitting = (
            code
            for code in reversed(self._db.code.get(workflow, []))
            if version in {None, code.version} and digest in {None, code.short_digest, code.digest}
        )
        return next(fitting, None)

    async def list_workflows(self) -> list[CodeVersion]:
        """Return the newest version of each workflow."""
        return [versions[-1] for _, versions in sorted(self._db.code.items()) if versions]

    # -- wake-ups and upkeep ----------------------------------------------------------------------------------
    async def watch(self) -> AsyncIterator[Literal["changed"]]:
        """Yield when another store over the same database has written."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        watcher = (self, loop, changed)
        self._db.watchers.add(watcher)
        try:
            while True:
                await changed.wait()
                changed.clear()
                yield "changed"
        finally:
            self._db.watchers.discard(watcher)

    async def rebuild(self, row: ExecutionRow) -> None:
        """Replace a row by one projected anew; its epoch never falls (I4)."""
        with self._db.lock:
            found = self._db.executions.get(row.id)
            if found is None:
                raise ExecutionNotFound(row.id, store=self.name)
            if found.owner is not None and not found.ended:
                raise ForbiddenTransition("rebuild", found.status, row.id)
            kept = self._kept(row, self._clock())
            self._db.executions[row.id] = replace(kept, owner=None, epoch=max(row.epoch, found.epoch))
            if row.ended:
                self._db.forget_messages(row.id)

    async def delete_execution(self, execution_id: str) -> None:
        """Remove an ended execution."""
        with self._db.lock:
            row = self._db.executions.get(execution_id)
            if row is None:
                raise ExecutionNotFound(execution_id, store=self.name)
            if not row.ended:
                raise ForbiddenTransition("delete", row.status, execution_id)
            self._db.remove(execution_id)

    async def delete_workflow(self, workflow: str) -> None:
        """Remove a workflow that no execution needs."""
        with self._db.lock:
            for row in self._db.executions.values():
                if row.workflow == workflow:
                    raise ForbiddenTransition(f"delete workflow {workflow!r} with an", row.status, row.id)
            self._db.code.pop(workflow, None)
