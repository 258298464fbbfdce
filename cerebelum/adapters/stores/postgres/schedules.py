"""Schedules and what they did, over the pool. Two nodes that decide at once meet at the row: the second sees it moved on."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.adapters.stores.postgres.commit_sql import GUARDS, NOW, statement
from cerebelum.adapters.stores.postgres.commit_values import shape_and_values
from cerebelum.adapters.stores.postgres.connection import Driver
from cerebelum.adapters.stores.postgres.pool import Pool
from cerebelum.adapters.stores.rows import made_key
from cerebelum.adapters.stores.schedule_rows import RUN_COLUMNS, SCHEDULE_COLUMNS, run_of, run_values, schedule_of
from cerebelum.adapters.stores.schedule_rows import schedule_values as values_of
from cerebelum.engine.domain.errors import InternalError
from cerebelum.engine.domain.execution import Status
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.ports.schedule_store import MOST_RUNS, ScheduleDecision
from cerebelum.engine.ports.store import Batch

_COLUMNS = ", ".join(SCHEDULE_COLUMNS)
_RUN_COLUMNS = ", ".join(RUN_COLUMNS)
_PLACES = ", ".join(f"${number}" for number in range(1, len(SCHEDULE_COLUMNS) + 1))
_INSERT = f"INSERT INTO schedules ({_COLUMNS}) VALUES ({_PLACES}) ON CONFLICT (name) DO NOTHING RETURNING 1"
_UPDATE = (
    f"UPDATE schedules SET ({_COLUMNS}) = ROW ({_PLACES}) "
    f"WHERE name = $1 AND revision = ${len(SCHEDULE_COLUMNS) + 1} RETURNING 1"
)
_RUN_TYPES = ("text", "bigint", "text", "text", "text", "bigint", "integer", "bigint")
_RUNS = (
    f"INSERT INTO schedule_runs ({_RUN_COLUMNS}, inserted_at_us) "
    f"SELECT * FROM unnest({', '.join(f'${n}::{kind}[]' for n, kind in enumerate(_RUN_TYPES, start=1))}) "
    f"ON CONFLICT (schedule, fire_at_us) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in RUN_COLUMNS)} "
    "WHERE schedule_runs.execution_id IS NULL RETURNING 1"
)
_ENDED = "UPDATE schedule_runs SET is_open = 0 WHERE schedule = $1 AND fire_at_us = ANY($2::bigint[])"
_MINE = "enabled = 1 AND workflow = ANY($1::text[])"


class Schedules:
    """`engine.ports.schedule_store.ScheduleStore`. `writer`: names this store object among the batches."""

    def __init__(self, pool: Pool, writer: str) -> None:
        self._pool, self._place = pool, f"{writer}/schedules"

    async def write(self, decision: ScheduleDecision) -> bool:
        """Write the row, its runs and what they start. Done once more where the line broke: then the row has moved on."""

        async def whole(connection: Driver) -> bool:
            async with connection.transaction():
                return await self._write(connection, decision)

        return await self._pool.run(whole)

    async def _write(self, connection: Driver, decision: ScheduleDecision) -> bool:
        row = decision.row
        now_us = await connection.fetchval(f"SELECT {NOW}")
        values = values_of(row, now_us)
        if row.revision == 0:
            moved = await connection.fetchval(_INSERT, *values)
        else:
            moved = await connection.fetchval(_UPDATE, *values, row.revision)
        if moved is None:
            return False
        if decision.runs:
            columns = zip(*(run_values(run, now_us) for run in decision.runs), strict=True)
            if len(await connection.fetch(_RUNS, *columns)) != len(decision.runs):
                fires = ", ".join(str(run.fire_at_us) for run in decision.runs)
                raise InternalError(f"of the fires {fires} of schedule {row.name!r} one has been run already")
        if decision.ended:
            await connection.execute(_ENDED, row.name, list(decision.ended))
        if decision.starts or decision.messages:
            batch = Batch(id=made_key(), starts=decision.starts, messages=decision.messages, blobs=decision.blobs)
            shape, parameters = shape_and_values(batch, self._place)
            await connection.fetchrow(statement(shape, GUARDS), *parameters)
        return True

    async def get(self, name: str) -> ScheduleRow | None:
        """Return a schedule."""
        rows = await self._pool.fetch(f"SELECT {_COLUMNS} FROM schedules WHERE name = $1", name)
        return schedule_of(rows[0]) if rows else None

    async def all(self) -> list[ScheduleRow]:
        """Return all schedules by name."""
        return [schedule_of(row) for row in await self._pool.fetch(f"SELECT {_COLUMNS} FROM schedules ORDER BY name")]

    async def due(self, workflows: Sequence[str], now_us: int) -> list[ScheduleRow]:
        """Return what is due, the longest due first."""
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM schedules WHERE {_MINE} AND (due_at_us <= $2 OR waiting > 0) ORDER BY due_at_us NULLS FIRST, name",
            list(workflows),
            now_us,
        )
        return [schedule_of(row) for row in rows]

    async def next_us(self, workflows: Sequence[str]) -> int | None:
        """Return when the first one is due."""
        rows = await self._pool.fetch(f"SELECT min(due_at_us) FROM schedules WHERE {_MINE}", list(workflows))
        due_us: int | None = rows[0][0]
        return due_us

    async def delete(self, name: str) -> bool:
        """Remove a schedule with its runs."""

        async def whole(connection: Driver) -> bool:
            async with connection.transaction():
                found = await connection.fetchval("DELETE FROM schedules WHERE name = $1 RETURNING 1", name)
                await connection.execute("DELETE FROM schedule_runs WHERE schedule = $1", name)
                return found is not None

        return await self._pool.run(whole)

    async def runs(self, name: str, from_us: int | None, until_us: int | None, limit: int) -> list[ScheduleRun]:
        """Return runs, the newest fire first."""
        rows = await self._pool.fetch(
            f"SELECT {_RUN_COLUMNS} FROM schedule_runs WHERE schedule = $1 "
            "AND ($2::bigint IS NULL OR fire_at_us >= $2) AND ($3::bigint IS NULL OR fire_at_us < $3) "
            "ORDER BY fire_at_us DESC LIMIT $4",
            name,
            from_us,
            until_us,
            max(1, min(limit, MOST_RUNS)),
        )
        return [run_of(row) for row in rows]

    async def open_runs(self, name: str) -> list[tuple[ScheduleRun, Status | None]]:
        """Return the open runs, oldest first, with their executions' status."""
        columns = ", ".join(f"r.{column}" for column in RUN_COLUMNS)
        rows = await self._pool.fetch(
            f"SELECT {columns}, x.status FROM schedule_runs AS r LEFT JOIN executions AS x ON x.id = r.execution_id "
            "WHERE r.schedule = $1 AND r.is_open = 1 ORDER BY r.fire_at_us",
            name,
        )
        return [(run_of(row[:-1]), row[-1]) for row in rows]
