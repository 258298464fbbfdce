"""Commits: one statement in the usual case, an explicit transaction in pieces where one statement cannot do.

What an error means (R4):
- The server refused the statement: nothing was written. Deadlocks and serialization failures are tried again whole.
- The line broke while the statement (or COMMIT) was under way: `CommitInDoubt`.
- A value cannot be stored: the batch is written again in pieces, each execution under a savepoint. One that is refused is
  left out with all that belongs to it, and its neighbours go through. A refused append is reported as `fenced`: its
  execution is read again and, as it never gets on, parked after some claims; the log has the reason. A refused start was
  never told to anyone, so `RowRefused` is raised for it, and nothing of the batch is written: not yet the time to keep
  its neighbours, since there is no answer that would tell them apart.
"""

from __future__ import annotations

from collections.abc import Set

import structlog

from cerebelum.adapters.stores.postgres import units
from cerebelum.adapters.stores.postgres.commit_sql import R1_GUARD, statement
from cerebelum.adapters.stores.postgres.commit_values import shape_and_values
from cerebelum.adapters.stores.postgres.connection import Driver
from cerebelum.adapters.stores.postgres.errors import TRY_AGAIN, in_doubt, is_bad_value, is_lost, shown, state_of, translate
from cerebelum.adapters.stores.postgres.pool import TRIES, pause_before_retry
from cerebelum.adapters.stores.postgres.url import Address
from cerebelum.adapters.stores.postgres.writer import Writer
from cerebelum.engine.domain.errors import CerebelumError, InternalError
from cerebelum.engine.domain.errors_store import StoreError, StoreReadOnly
from cerebelum.engine.ports.store import Batch, Committed

_log = structlog.get_logger("cerebelum.store")


class RowRefused(StoreError):
    """A start holds a value that PostgreSQL cannot store. Nothing of its batch was written.

    `execution_id` names it: without it, the batch can be sent again.
    """

    def __init__(self, execution_id: str, name: str, said: str) -> None:
        super().__init__(f"{name} cannot store execution {execution_id!r}: {said}\n  help: change the value and start again")
        self.execution_id = execution_id


class Committer:
    """Writes batches over the writer's connection. `guard` is R1's condition: a seam for the tests that remove it."""

    def __init__(self, address: Address, writer: Writer) -> None:
        self._address, self._writer = address, writer
        self.guard = R1_GUARD

    async def commit(self, batch: Batch) -> Committed:
        """Write the batch; see the rules of this file."""
        in_pieces = bool(batch.statements) or units.has_doubles(batch)
        careful: Set[str] = frozenset(execution_id for execution_id, _, _ in batch.statements)
        for attempt in range(1, TRIES + 1):
            try:
                async with self._writer.connection() as connection:
                    if in_pieces:
                        return await self._in_pieces(connection, batch, careful)
                    return await self._at_once(connection, batch)
            except CerebelumError:
                raise
            except Exception as error:
                if is_bad_value(error) and not careful >= units.ids_of(batch):
                    in_pieces, careful = True, careful | units.ids_of(batch)
                    continue
                if state_of(error) not in TRY_AGAIN or attempt == TRIES:
                    raise self._translated(error) from error
            await pause_before_retry(attempt)
        raise InternalError("a commit was neither made nor refused")

    def _translated(self, error: Exception) -> CerebelumError:
        translated = translate(error, self._address)
        if isinstance(translated, StoreReadOnly):
            self._writer.drop()  # after a failover the same URL may lead to the new primary
        return translated

    async def _at_once(self, connection: Driver, batch: Batch) -> Committed:
        try:
            return await self._write(connection, batch)
        except Exception as error:
            if is_lost(error):
                self._writer.drop()
                raise in_doubt(error, self._address) from error
            raise

    async def _write(self, connection: Driver, batch: Batch) -> Committed:
        shape, values = shape_and_values(batch)
        moved, started, passed = await connection.fetchrow(statement(shape, self.guard), *values)
        if moved + started == len(batch.appends) + len(batch.starts):
            return Committed()
        missing = units.ids_of(batch).difference(passed)
        fenced = missing.intersection(append.row.id for append in batch.appends)
        zombie_children = {start.row.id for start in batch.starts if start.row.parent in fenced}
        fenced |= missing & zombie_children
        return Committed(fenced=fenced, existing=missing - fenced)

    # -- in pieces ----------------------------------------------------------------------------------------------
    async def _in_pieces(self, connection: Driver, batch: Batch, careful: Set[str]) -> Committed:
        """Write the batch in one transaction; each execution in `careful` under a savepoint of its own."""
        try:
            await connection.execute("BEGIN")
            done = await self._pieces(connection, batch, careful)
        except Exception as error:
            if is_lost(error):  # COMMIT was never sent: the server rolls back
                self._writer.drop()
            elif not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise
        try:
            await connection.execute("COMMIT")
        except Exception as error:
            if is_lost(error):
                self._writer.drop()
                raise in_doubt(error, self._address) from error
            raise
        return done

    async def _pieces(self, connection: Driver, batch: Batch, careful: Set[str]) -> Committed:
        done = await self._rows(connection, units.without(batch, careful), Committed())
        for execution_id, unit in units.by_execution(batch, careful):
            await connection.execute("SAVEPOINT unit")
            try:
                done = await self._unit(connection, unit, done)
            except Exception as error:
                if is_lost(error) or state_of(error) in TRY_AGAIN or isinstance(error, CerebelumError):
                    raise
                await connection.execute("ROLLBACK TO SAVEPOINT unit")
                done = self._refused(unit, execution_id, error, done)
            await connection.execute("RELEASE SAVEPOINT unit")
        left_out = done.fenced | done.existing
        rest = units.without(batch, left_out | careful)
        await self._write(
            connection, Batch(id=batch.id, messages=rest.messages, logs=rest.logs, blobs=batch.blobs)
        )
        return done

    async def _unit(self, connection: Driver, unit: Batch, done: Committed) -> Committed:
        """Write one execution with all that belongs to it."""
        done = await self._rows(connection, unit, done)
        if units.ids_of(unit) & (done.fenced | done.existing):
            return done
        for _, sql, parameters in unit.statements:
            await connection.execute(sql, *parameters)
            if not connection.is_in_transaction():
                raise InternalError("a statement of a transactional step ended the transaction")
        if unit.messages or unit.logs:
            await self._write(connection, Batch(id=unit.id, messages=unit.messages, logs=unit.logs))
        return done

    async def _rows(self, connection: Driver, batch: Batch, done: Committed) -> Committed:
        for piece in units.rows_only(batch):
            fenced = [start.row.id for start in piece.starts if start.row.parent in done.fenced]
            piece.starts = [start for start in piece.starts if start.row.parent not in done.fenced]
            written = await self._write(connection, piece)
            done = Committed(fenced=done.fenced.union(written.fenced, fenced), existing=done.existing | written.existing)
        return done

    def _refused(self, unit: Batch, execution_id: str, error: Exception, done: Committed) -> Committed:
        said = shown(error, self._address)
        if unit.starts:
            raise RowRefused(execution_id, self._address.name, said) from error
        _log.error("the store refused an execution's rows; it is read again", execution=execution_id, error=said)
        return Committed(fenced=done.fenced | {execution_id}, existing=done.existing)
