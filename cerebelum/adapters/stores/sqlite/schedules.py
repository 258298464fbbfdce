"""Schedules and what they did. `write` is one job of the writer, so one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from cerebelum.adapters.stores.rows import made_key
from cerebelum.adapters.stores.schedule_rows import RUN_COLUMNS, SCHEDULE_COLUMNS, run_of, run_values, schedule_of
from cerebelum.adapters.stores.schedule_rows import schedule_values as values_of
from cerebelum.adapters.stores.sqlite.bulk import json_list
from cerebelum.adapters.stores.sqlite.commit import commit
from cerebelum.engine.domain.errors import InternalError
from cerebelum.engine.domain.execution import Status
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.ports.schedule_store import MOST_RUNS, ScheduleDecision
from cerebelum.engine.ports.store import Batch

_COLUMNS = ", ".join(SCHEDULE_COLUMNS)
_RUN_COLUMNS = ", ".join(RUN_COLUMNS)
_INSERT = f"INSERT OR IGNORE INTO schedules ({_COLUMNS}) VALUES ({', '.join('?' * len(SCHEDULE_COLUMNS))})"
_UPDATE = (
    f"UPDATE schedules SET {', '.join(f'{column} = ?' for column in SCHEDULE_COLUMNS)} WHERE name = ? AND revision = ?"
)
_RUN = (
    f"INSERT INTO schedule_runs ({_RUN_COLUMNS}, inserted_at_us) VALUES ({', '.join('?' * len(RUN_COLUMNS))}, ?) "
    f"ON CONFLICT (schedule, fire_at_us) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in RUN_COLUMNS)} "
    "WHERE schedule_runs.execution_id IS NULL"
)
_MINE = "enabled = 1 AND workflow IN (SELECT value FROM json_each(?))"


def write(connection: sqlite3.Connection, decision: ScheduleDecision, now_us: int, place: str) -> bool:
    """Write the row, its runs and what they start; False: the row has moved on."""
    row = decision.row
    if row.revision == 0:
        moved = connection.execute(_INSERT, values_of(row, now_us)).rowcount
    else:
        moved = connection.execute(_UPDATE, (*values_of(row, now_us), row.name, row.revision)).rowcount
    if not moved:
        return False
    for run in decision.runs:
        if connection.execute(_RUN, run_values(run, now_us)).rowcount != 1:
            raise InternalError(f"the fire {run.fire_at_us} of schedule {row.name!r} has been run already")
    connection.executemany(
        "UPDATE schedule_runs SET is_open = 0 WHERE schedule = ? AND fire_at_us = ?",
        [(row.name, fire_us) for fire_us in decision.ended],
    )
    if decision.starts or decision.messages:
        batch = Batch(id=made_key(), starts=decision.starts, messages=decision.messages, blobs=decision.blobs)
        commit(connection, batch, now_us, place)
    return True


def get(connection: sqlite3.Connection, name: str) -> ScheduleRow | None:
    """Return a schedule."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM schedules WHERE name = ?", (name,)).fetchone()
    return None if row is None else schedule_of(row)


def list_all(connection: sqlite3.Connection) -> list[ScheduleRow]:
    """Return all schedules by name."""
    return [schedule_of(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM schedules ORDER BY name")]


def due(connection: sqlite3.Connection, workflows: Sequence[str], now_us: int) -> list[ScheduleRow]:
    """Return what is due, the longest due first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM schedules WHERE {_MINE} AND (due_at_us <= ? OR waiting > 0) ORDER BY due_at_us, name",
        (json_list(list(workflows)), now_us),
    )
    return [schedule_of(row) for row in found]


def next_us(connection: sqlite3.Connection, workflows: Sequence[str]) -> int | None:
    """Return when the first one is due."""
    found = connection.execute(f"SELECT min(due_at_us) FROM schedules WHERE {_MINE}", (json_list(list(workflows)),))
    due_us: int | None = found.fetchone()[0]
    return due_us


def delete(connection: sqlite3.Connection, name: str) -> bool:
    """Remove a schedule with its runs."""
    connection.execute("DELETE FROM schedule_runs WHERE schedule = ?", (name,))
    return connection.execute("DELETE FROM schedules WHERE name = ?", (name,)).rowcount > 0


def runs(
    connection: sqlite3.Connection, name: str, from_us: int | None, until_us: int | None, limit: int
) -> list[ScheduleRun]:
    """Return runs, the newest fire first."""
    found = connection.execute(
        f"SELECT {_RUN_COLUMNS} FROM schedule_runs WHERE schedule = ? AND fire_at_us >= coalesce(?, fire_at_us) "
        "AND (? IS NULL OR fire_at_us < ?) ORDER BY fire_at_us DESC LIMIT ?",
        (name, from_us, until_us, until_us, max(1, min(limit, MOST_RUNS))),
    )
    return [run_of(row) for row in found]


def open_runs(connection: sqlite3.Connection, name: str) -> list[tuple[ScheduleRun, Status | None]]:
    """Return the open runs, oldest first, with their executions' status."""
    columns = ", ".join(f"r.{column}" for column in RUN_COLUMNS)
    found = connection.execute(
        f"SELECT {columns}, x.status FROM schedule_runs AS r LEFT JOIN executions AS x ON x.id = r.execution_id "
        "WHERE r.schedule = ? AND r.is_open = 1 ORDER BY r.fire_at_us",
        (name,),
    )
    return [(run_of(row[:-1]), row[-1]) for row in found]
