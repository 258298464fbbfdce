"""`Store` on PostgreSQL, for any number of processes on any number of machines.

One connection commits (`writer.py`), one renews the lease (`lease.py`), one carries hints (`bus.py`), and a pool of
SQLAlchemy's does the rest (`pool.py`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal

from cerebelum.adapters.stores.migrations import HEAD, is_newer
from cerebelum.adapters.stores.postgres.bus import Bus
from cerebelum.adapters.stores.postgres.claims import Claims
from cerebelum.adapters.stores.postgres.commit import Committer
from cerebelum.adapters.stores.postgres.errors import too_old
from cerebelum.adapters.stores.postgres.inbox import Inbox
from cerebelum.adapters.stores.postgres.lease import LeaseLine
from cerebelum.adapters.stores.postgres.pool import Pool
from cerebelum.adapters.stores.postgres.reading import Reading
from cerebelum.adapters.stores.postgres.schedules import Schedules
from cerebelum.adapters.stores.postgres.upkeep import Upkeep
from cerebelum.adapters.stores.postgres.url import parse
from cerebelum.adapters.stores.postgres.writer import Writer
from cerebelum.adapters.stores.queries import Queries
from cerebelum.adapters.stores.rows import BATCHES_KEPT, by_owner, code_of, execution_of, log_of, node_of
from cerebelum.adapters.stores.schema import tables
from cerebelum.engine.domain.errors_store import SchemaTooNew
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import STATUSES, ExecutionRow, Status
from cerebelum.engine.domain.projection_inputs import OpenInput
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.ports.schedule_store import ScheduleDecision
from cerebelum.engine.ports.store import Batch, CodeVersion, Committed, ExecutionFilter, LogLine, Message, NodeRow

LEASE_TTL_US: Final = 1_500_000
_REVISION: Final = "SELECT version_num FROM alembic_version"


class PostgresStore:
    """Implements `engine.ports.store.Store`.

    Args:
        url: `postgresql://user:password@host:port/database`, with the driver's options (`?sslmode=require`,
            `target_session_attrs=read-write` with several hosts) and `statement_cache=0` behind pgbouncer in
            transaction mode.

    Raises:
        StoreUnsupported: another scheme, or a value that an option does not take.
    """

    def __init__(self, url: str) -> None:
        self._address = parse(url)
        self.name = self._address.name
        self.lease_ttl_us = LEASE_TTL_US
        self._pool = Pool(self._address)
        self._writer = Writer(self._address)
        self._committer = Committer(self._address, self._writer)
        self._lease = LeaseLine(self._address)
        self._bus = Bus(self._address)
        self._claims, self._inbox = Claims(self._pool), Inbox(self._pool)
        self._reading, self._upkeep = Reading(self._pool), Upkeep(self._pool)
        self._queries = Queries(tables("postgresql"))
        self._nonce, self._commits = os.urandom(9).hex(), 0
        self._schedules = Schedules(self._pool, self._nonce)

    # -- life -------------------------------------------------------------------------------------------------
    async def open(self) -> None:
        """Connect and check the schema, which `cerebelum db upgrade` makes.

        Raises:
            StoreUnreachable: no server, no such database, or the login was refused.
            SchemaTooOld: the schema is missing, or an older release's.
            SchemaTooNew: a newer release's.
        """
        self._pool.open()
        try:
            await self._check_schema()
        except BaseException:
            await self._pool.close()
            raise
        self._bus.open()

    async def _check_schema(self) -> None:
        rows = await self._pool.fetch(_REVISION)
        revision = rows[0][0] if rows else None
        if revision == HEAD:
            return
        if revision is not None and is_newer(revision):
            raise SchemaTooNew(
                f"{self.name} was made by a newer Cerebelum (schema {revision}; this release knows up to {HEAD})\n"
                "  help: upgrade: pip install --upgrade cerebelum"
            )
        raise too_old(self._address, f"its schema is {revision or 'empty'}, this release needs {HEAD}")

    async def close(self) -> None:
        """Let what is under way end, then release every connection."""
        await self._bus.close()
        await self._pool.close()
        await self._writer.close()
        await asyncio.to_thread(self._lease.close)

    async def now_us(self) -> int:
        """Return the server's clock."""
        return await self._reading.now_us()

    # -- writing ----------------------------------------------------------------------------------------------
    async def commit(self, batch: Batch) -> Committed:
        """Write the batch in one transaction."""
        place = f"{self._nonce}/{self._commits % BATCHES_KEPT}"
        self._commits += 1
        committed = await self._pool.shielded(self._committer.commit(batch, place))
        self._claims.committed(append.row.id for append in batch.appends)
        if _concerns_others(batch):
            self._bus.notify()
        return committed

    async def claim(self, owner: str, *, workflows: Sequence[str], limit: int) -> list[ExecutionRow]:
        """Take over due executions."""
        return await self._claims.claim(owner, workflows, limit)

    async def claim_one(self, owner: str, execution_id: str) -> ExecutionRow | None:
        """Take over one execution."""
        return await self._claims.claim_one(owner, execution_id)

    async def release_dead(self, *, dead: Sequence[str] = ()) -> int:
        """Hand back what dead nodes hold."""
        released = await self._claims.release_dead(dead)
        if released:
            self._bus.notify()
        return released

    async def join(self, node: NodeRow) -> None:
        """Insert the node with a fresh lease."""
        await self._claims.join(node, self.lease_ttl_us)

    async def announce(self, nonce: str, workflows: Sequence[str]) -> None:
        """Say what the node knows by now."""
        await self._claims.announce(nonce, workflows)

    async def leave(self, nonce: str) -> None:
        """Remove the node; its executions become due."""
        await self._claims.leave(nonce)
        self._bus.notify()

    def renew_lease(self, nonce: str) -> int | None:
        """Extend the lease; blocks, over a connection and a loop of its own."""
        return self._lease.renew(nonce, self.lease_ttl_us)

    async def post(self, message: Message) -> Message | None:
        """Add to an inbox."""
        posted = await self._inbox.post(message)
        if posted is not None:
            self._bus.notify(own=True)
        return posted

    async def register(self, code: CodeVersion) -> CodeVersion:
        """Store a version of a workflow's code."""
        return await self._upkeep.register(code)

    async def rebuild(self, row: ExecutionRow) -> None:
        """Replace a row by one projected anew."""
        await self._upkeep.rebuild(row)

    async def delete_execution(self, execution_id: str) -> None:
        """Remove an ended execution."""
        await self._upkeep.delete_execution(execution_id)

    async def delete_workflow(self, workflow: str) -> None:
        """Remove a workflow that no execution needs."""
        await self._upkeep.delete_workflow(workflow)

    # -- schedules --------------------------------------------------------------------------------------------
    async def write_schedule(self, decision: ScheduleDecision) -> bool:
        """Write a schedule, its runs and what they start."""
        written = await self._schedules.write(decision)
        if written:
            self._bus.notify()
        return written

    async def delete_schedule(self, name: str) -> bool:
        """Remove a schedule with its runs."""
        return await self._schedules.delete(name)

    async def get_schedule(self, name: str) -> ScheduleRow | None:
        """Return a schedule."""
        return await self._schedules.get(name)

    async def list_schedules(self) -> list[ScheduleRow]:
        """Return all schedules by name."""
        return await self._schedules.all()

    async def due_schedules(self, *, workflows: Sequence[str], now_us: int) -> list[ScheduleRow]:
        """Return what is due."""
        return await self._schedules.due(workflows, now_us)

    async def next_schedule_us(self, *, workflows: Sequence[str]) -> int | None:
        """Return when the first one is due."""
        return await self._schedules.next_us(workflows)

    async def schedule_runs(
        self, name: str, *, from_us: int | None = None, until_us: int | None = None, limit: int = 50
    ) -> list[ScheduleRun]:
        """Return runs, the newest fire first."""
        return await self._schedules.runs(name, from_us, until_us, limit)

    async def open_runs(self, name: str) -> list[tuple[ScheduleRun, Status | None]]:
        """Return the open runs with their executions' status."""
        return await self._schedules.open_runs(name)

    # -- reading ----------------------------------------------------------------------------------------------
    async def has_batch(self, batch_id: str) -> bool:
        """Return whether the batch was committed."""
        return await self._reading.has_batch(batch_id)

    async def next_wake_us(self, *, workflows: Sequence[str]) -> int | None:
        """Return when the first waiting execution is due."""
        return await self._claims.next_wake_us(workflows)

    async def inbox(self, owner: str, *, after_id: int = 0) -> list[Message]:
        """Return the messages for what `owner` holds."""
        return await self._inbox.of_owner(owner, after_id)

    async def inbox_of(self, execution_id: str) -> list[Message]:
        """Return one execution's messages."""
        return await self._inbox.of_execution(execution_id)

    async def read_reply(self, execution_id: str, key: str) -> bytes | None:
        """Return the reply to a consumed message."""
        return await self._inbox.reply(execution_id, key)

    async def read_history(
        self, execution_id: str, *, after_version: int = 0, to_version: int | None = None, limit: int | None = None
    ) -> list[RecordedEvent]:
        """Return events in version order."""
        return await self._reading.history(execution_id, after_version, to_version, limit)

    async def read_histories(
        self, execution_ids: Sequence[str], *, for_recovery: bool = False
    ) -> dict[str, list[RecordedEvent]]:
        """Return whole histories by id."""
        return await self._reading.histories(execution_ids, for_recovery=for_recovery)

    async def last_event(self, execution_id: str) -> RecordedEvent | None:
        """Return the newest event."""
        return await self._reading.last_event(execution_id)

    async def get_execution(self, execution_id: str) -> ExecutionRow | None:
        """Return the row."""
        return await self._reading.execution(execution_id)

    async def read_blob(self, digest: str) -> bytes | None:
        """Return the content."""
        return await self._reading.blob(digest)

    async def list_executions(self, query: ExecutionFilter) -> list[ExecutionRow]:
        """Return matching rows, newest first."""
        return [execution_of(row) for row in await self._pool.select(self._queries.list_executions(query))]

    async def pending_inputs(self) -> list[OpenInput]:
        """Return what waits for people."""
        return await self._reading.pending_inputs()

    async def count_executions(self) -> dict[Status, int]:
        """Return the number in each status, zeros included."""
        counts = {row[0]: row[1] for row in await self._pool.select(self._queries.count_executions())}
        return {status: counts.get(status, 0) for status in STATUSES}

    async def count_owned(self) -> dict[str, dict[str, int]]:
        """Return the number that each owner holds, by queue."""
        return by_owner(await self._pool.select(self._queries.count_owned()))

    async def nodes(self) -> list[NodeRow]:
        """Return all nodes, the oldest first."""
        return [node_of(row) for row in await self._pool.select(self._queries.nodes())]

    async def read_logs(self, execution_id: str, *, after_id: int = 0, limit: int = 1000) -> list[tuple[int, LogLine]]:
        """Return (id, line) in order of writing."""
        rows = await self._pool.select(self._queries.read_logs(execution_id, after_id, limit))
        return [(row[0], log_of(row[1:])) for row in rows]

    async def get_code(
        self, workflow: str, *, version: int | None = None, digest: str | None = None
    ) -> CodeVersion | None:
        """Return one version."""
        rows = await self._pool.select(self._queries.get_code(workflow, version, digest))
        return code_of(rows[0]) if rows else None

    async def list_workflows(self) -> list[CodeVersion]:
        """Return the newest version of each workflow."""
        return [code_of(row) for row in await self._pool.select(self._queries.list_workflows())]

    def watch(self) -> AsyncIterator[Literal["changed"]]:
        """Yield when another process may have written."""
        return self._bus.watch()


def _concerns_others(batch: Batch) -> bool:
    """Return whether another node may have something to do after this commit: a start or a release, or a message."""
    return (
        bool(batch.messages)
        or any(start.row.owner is None and not start.row.ended for start in batch.starts)
        or any(append.row.owner is None and not append.row.ended for append in batch.appends)
    )
