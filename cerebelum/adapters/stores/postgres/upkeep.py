"""Code versions, rebuilt rows, deletions: rare writes, each one transaction of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from cerebelum.adapters.stores.postgres.commit_sql import NOW
from cerebelum.adapters.stores.postgres.connection import Driver
from cerebelum.adapters.stores.postgres.pool import Pool
from cerebelum.adapters.stores.postgres.tables import START_COLUMNS
from cerebelum.adapters.stores.rows import CODE_COLUMNS, code_of, new_execution_values
from cerebelum.engine.domain.errors import ExecutionNotFound, ForbiddenTransition
from cerebelum.engine.domain.execution import FINAL, ExecutionRow
from cerebelum.engine.ports.store import CodeVersion

T = TypeVar("T")

_CODE = ", ".join(CODE_COLUMNS)
# Of many nodes that start at once with the same source, one writes it..
_LOCK_WORKFLOW = "SELECT pg_advisory_xact_lock(hashtextextended($1, 7))"
_NEWEST = f"SELECT {_CODE} FROM workflows WHERE workflow = $1 ORDER BY version DESC LIMIT 1"
_ADD = (
    f"INSERT INTO workflows ({_CODE}, updated_at_us) "
    f"VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce($8::bigint, {NOW}), {NOW}) RETURNING {_CODE}"
)
_LOCK_ROW = "SELECT status, owner, epoch FROM executions WHERE id = $1 FOR UPDATE"
_TIMES = {"inserted_at_us", "updated_at_us"}
_REBUILD = "UPDATE executions SET {} WHERE id = $1".format(
    ", ".join(
        f"{name} = " + (f"coalesce(${number}::{kind}, {NOW})" if name in _TIMES else f"${number}::{kind}")
        for number, (name, kind) in enumerate(START_COLUMNS, start=1)
    )
)


class Upkeep:
    """Rare writes, over the pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def _in_transaction(self, work: Callable[[Driver], Awaitable[T]]) -> T:
        async def whole(connection: Driver) -> T:
            async with connection.transaction():
                return await work(connection)

        return await self._pool.run(whole)

    async def register(self, code: CodeVersion) -> CodeVersion:
        """Return the newest version if its digest is the same, else store a new one."""

        async def work(connection: Driver) -> CodeVersion:
            await connection.execute(_LOCK_WORKFLOW, code.workflow)
            row = await connection.fetchrow(_NEWEST, code.workflow)
            newest = code_of(row) if row else None
            if newest is not None and newest.digest == code.digest:
                return newest
            texts = (None if text is None else text.decode() for text in (code.source, code.graph))
            version = newest.version + 1 if newest else 1
            values = (code.workflow, version, code.digest, code.module, code.entrypoint, *texts)
            return code_of(await connection.fetchrow(_ADD, *values, code.inserted_at_us or None))

        return await self._in_transaction(work)

    async def rebuild(self, row: ExecutionRow) -> None:
        """Replace the row; its epoch never falls (I4)."""

        async def work(connection: Driver) -> None:
            found = await connection.fetchrow(_LOCK_ROW, row.id)
            if found is None:
                raise ExecutionNotFound(row.id, store=self._pool.address.name)
            status, owner, epoch = found
            if owner is not None and status not in FINAL:
                raise ForbiddenTransition("rebuild", status, row.id)
            kept = msgspec.structs.replace(row, owner=None, epoch=max(row.epoch, epoch))
            await connection.execute(_REBUILD, *new_execution_values(kept, None))
            if row.ended:
                await connection.execute("DELETE FROM messages WHERE execution_id = $1", row.id)

        await self._in_transaction(work)

    async def delete_execution(self, execution_id: str) -> None:
        """Remove an ended execution with all that belongs to it."""

        async def work(connection: Driver) -> None:
            found = await connection.fetchrow(_LOCK_ROW, execution_id)
            if found is None:
                raise ExecutionNotFound(execution_id, store=self._pool.address.name)
            if found[0] not in FINAL:
                raise ForbiddenTransition("delete", found[0], execution_id)
            for table in ("events", "logs", "messages"):
                await connection.execute(f"DELETE FROM {table} WHERE execution_id = $1", execution_id)
            await connection.execute("DELETE FROM executions WHERE id = $1", execution_id)

        await self._in_transaction(work)

    async def delete_workflow(self, workflow: str) -> None:
        """Remove a workflow's versions unless an execution needs them."""

        async def work(connection: Driver) -> None:
            await connection.execute(_LOCK_WORKFLOW, workflow)
            used = await connection.fetchrow("SELECT id, status FROM executions WHERE workflow = $1 LIMIT 1", workflow)
            if used is not None:
                raise ForbiddenTransition(f"delete workflow {workflow!r} with an", used[1], used[0])
            await connection.execute("DELETE FROM workflows WHERE workflow = $1", workflow)

        await self._in_transaction(work)
