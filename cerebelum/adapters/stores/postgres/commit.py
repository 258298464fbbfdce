"""Commits: one statement in the usual case, an explicit transaction in pieces where one statement cannot do.

What an error means (R4):
- The server refused the statement: nothing was written. Deadlocks and serialization failures are tried again whole.
- The line broke while the statement (or COMMIT) was under way: `CommitInDoubt`.
- A value cannot be stored: `ValueRefused`, nothing was written. It is no `StoreError`, since the store is well: the
  journal takes such a batch apart and sends each execution by itself, so that only the one at fault is refused.
- A statement of a transactional step fails: its own execution is left out (`fenced`), under a savepoint.
"""

from __future__ import annotations

import structlog

from cerebelum.adapters.stores.postgres import units
from cerebelum.adapters.stores.postgres.commit_sql import GUARDS, statement
from cerebelum.adapters.stores.postgres.commit_values import shape_and_values
from cerebelum.adapters.stores.postgres.connection import Driver
from cerebelum.adapters.stores.postgres.errors import TRY_AGAIN, in_doubt, is_lost, shown, state_of, translate
from cerebelum.adapters.stores.postgres.pool import TRIES, pause_before_retry
from cerebelum.adapters.stores.postgres.url import Address
from cerebelum.adapters.stores.postgres.writer import Writer
from cerebelum.engine.domain.errors import CerebelumError, InternalError
from cerebelum.engine.domain.errors_store import StoreReadOnly
from cerebelum.engine.ports.store import Batch, Committed

_log = structlog.get_logger("cerebelum.store")


class Committer:
    """Writes batches over the writer's connection. `guards`: see there."""

    def __init__(self, address: Address, writer: Writer) -> None:
        self._address, self._writer = address, writer
        self.guards = GUARDS

    async def commit(self, batch: Batch, place: str) -> Committed:
        """Write the batch; see the rules of this file. `place`: where its id is remembered.

        Raises:
            CommitInDoubt: it may or may not be there.
            StoreError: nothing was written.
            ValueRefused: nothing was written; a value in the batch is the reason.
        """
        in_pieces = bool(batch.statements) or units.has_doubles(batch)
        write = self._in_pieces if in_pieces else self._at_once
        for attempt in range(1, TRIES + 1):
            try:
                async with self._writer.connection() as connection:
                    return await write(connection, batch, place)
            except CerebelumError:
                raise
            except Exception as error:
                if state_of(error) not in TRY_AGAIN or attempt == TRIES:
                    raise self._translated(error) from error
            await pause_before_retry(attempt)
        raise InternalError("a commit was neither made nor refused")

    def _translated(self, error: Exception) -> CerebelumError:
        translated = translate(error, self._address)
        if isinstance(translated, StoreReadOnly):
            self._writer.drop()  # after a failover the same URL may lead to the new primary
        return translated

    async def _at_once(self, connection: Driver, batch: Batch, place: str) -> Committed:
        try:
            return await self._write(connection, batch, place)
        except Exception as error:
            if is_lost(error):
                self._writer.drop()
                raise in_doubt(error, self._address) from error
            raise

    async def _write(self, connection: Driver, batch: Batch, place: str) -> Committed:
        shape, values = shape_and_values(batch, place)
        moved, started, passed, *_ = await connection.fetchrow(statement(shape, self.guards), *values)
        if moved + started == len(batch.appends) + len(batch.starts):
            return Committed()
        missing = units.ids_of(batch).difference(passed)
        fenced = missing.intersection(append.row.id for append in batch.appends)
        return Committed(fenced=fenced, existing=missing - fenced)

    # -- in pieces ----------------------------------------------------------------------------------------------
    async def _in_pieces(self, connection: Driver, batch: Batch, place: str) -> Committed:
        """Write the batch in one transaction."""
        try:
            await connection.execute("BEGIN")
            done = await self._pieces(connection, batch, place)
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

    async def _pieces(self, connection: Driver, batch: Batch, place: str) -> Committed:
        with_statements = frozenset(execution_id for execution_id, _, _ in batch.statements)
        done = Committed()
        for piece in units.rows_only(units.without(batch, with_statements)):
            left_out = done.fenced | done.existing
            late = [start.row.id for start in piece.starts if start.source in left_out]
            piece.starts = [start for start in piece.starts if start.source not in left_out]
            done = _both(done, await self._write(connection, piece, place), late)
        for execution_id in sorted(with_statements):
            done = _both(done, await self._with_statements(connection, units.only(batch, execution_id), place), ())
        rest = units.without(batch, done.fenced | done.existing)
        await self._write(
            connection, Batch(id=batch.id, messages=rest.messages, logs=rest.logs, blobs=batch.blobs), place
        )
        return done

    async def _with_statements(self, connection: Driver, unit: Batch, place: str) -> Committed:
        """Write one execution's rows, then what its transactional steps ask for; all of it or nothing."""
        await connection.execute("SAVEPOINT unit")
        try:
            done = await self._write(connection, Batch(id=unit.id, starts=unit.starts, appends=unit.appends), place)
            for _, sql, parameters in () if done.fenced else unit.statements:
                await connection.execute(sql, *parameters)
        except Exception as error:
            if is_lost(error) or state_of(error) in TRY_AGAIN or isinstance(error, CerebelumError):
                raise
            await connection.execute("ROLLBACK TO SAVEPOINT unit")
            left_out = units.ids_of(unit)
            said = shown(error, self._address)
            _log.error("a transactional step's statement failed", executions=sorted(left_out), error=said)
            done = Committed(fenced=left_out, refused=dict.fromkeys(left_out, said))
        if not connection.is_in_transaction():
            raise InternalError("a statement of a transactional step ended the transaction")
        await connection.execute("RELEASE SAVEPOINT unit")
        return done


def _both(one: Committed, other: Committed, existing: list[str] | tuple[()]) -> Committed:
    return Committed(
        fenced=one.fenced | other.fenced,
        existing=one.existing.union(other.existing, existing),
        refused={**one.refused, **other.refused},
    )
