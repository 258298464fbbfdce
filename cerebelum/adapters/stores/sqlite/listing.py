"""Lists and single looks for people, in raw SQL: `cerebelum list` takes 0.2 s, and importing SQLAlchemy alone as much.

The text is put together from constants only; every value is a bound parameter.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from cerebelum.adapters.stores.people import inputs_of, statement
from cerebelum.adapters.stores.rows import (
    CODE_COLUMNS,
    EXECUTION_COLUMNS,
    LOG_COLUMNS,
    by_owner,
    code_of,
    execution_of,
    log_of,
)
from cerebelum.engine.domain.execution import OPEN, ExecutionRow
from cerebelum.engine.domain.projection_inputs import OpenInput
from cerebelum.engine.ports.store import SHORT_DIGEST_DIGITS, CodeVersion, ExecutionFilter, LogLine

LIMIT_MOST = 10_000
_PEOPLE = statement("sqlite")
_HIGHEST = "\U0010ffff"  # sorts after every character of an id
_EQUAL = ("workflow", "code", "current_step", "queue", "parent", "owner")


def list_statement(query: ExecutionFilter) -> tuple[str, list[Any]]:
    """Return the select of EXECUTION_COLUMNS that `query` asks for, newest first, and its parameters."""
    conditions = [f"{name} = ?" for name in _EQUAL if getattr(query, name) is not None]
    values: list[Any] = [value for name in _EQUAL if (value := getattr(query, name)) is not None]
    if statuses := query.statuses or (OPEN if query.current_step is not None else ()):
        conditions.append(f"status IN ({', '.join('?' * len(statuses))})")  # what has ended is at no step: see `schema`
        values += statuses
    if query.id_prefix is not None:
        conditions.append("id >= ? AND id < ?")
        values += [query.id_prefix, query.id_prefix + _HIGHEST]
    if query.started_from_us is not None:
        conditions.append("started_at_us >= ?")
        values.append(query.started_from_us)
    if query.started_to_us is not None:
        conditions.append("started_at_us <= ?")
        values.append(query.started_to_us)
    if query.before is not None:
        at_us, execution_id = query.before
        # the first condition alone already bounds the walk along the index
        conditions.append("inserted_at_us <= ? AND (inserted_at_us < ? OR id < ?)")
        values += [at_us, at_us, execution_id]
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    sql = f"SELECT {', '.join(EXECUTION_COLUMNS)} FROM executions {where}ORDER BY inserted_at_us DESC, id DESC LIMIT ?"
    return sql, [*values, max(1, min(query.limit, LIMIT_MOST))]


def list_executions(connection: sqlite3.Connection, query: ExecutionFilter) -> list[ExecutionRow]:
    """Return matching rows, newest first."""
    return [execution_of(row) for row in connection.execute(*list_statement(query))]


def count_executions(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number in each status that any has."""
    return dict(connection.execute("SELECT status, count(*) FROM executions GROUP BY status").fetchall())


def count_owned(connection: sqlite3.Connection) -> dict[str, dict[str, int]]:
    """Return the number that each owner holds, by queue."""
    sql = "SELECT owner, queue, count(*) FROM executions WHERE owner IS NOT NULL GROUP BY owner, queue"
    return by_owner(connection.execute(sql))


def pending_inputs(connection: sqlite3.Connection) -> list[OpenInput]:
    """Return what waits for people."""
    return inputs_of(connection.execute(_PEOPLE))


def read_logs(
    connection: sqlite3.Connection, execution_id: str, after_id: int, limit: int
) -> list[tuple[int, LogLine]]:
    """Return (id, line) in order of writing."""
    sql = f"SELECT id, {', '.join(LOG_COLUMNS)} FROM logs WHERE execution_id = ? AND id > ? ORDER BY id LIMIT ?"
    rows = connection.execute(sql, (execution_id, after_id, max(1, min(limit, LIMIT_MOST))))
    return [(row[0], log_of(row[1:])) for row in rows]


def get_code(
    connection: sqlite3.Connection, workflow: str, version: int | None, digest: str | None
) -> CodeVersion | None:
    """Return the newest version that fits."""
    sql = (
        f"SELECT {', '.join(CODE_COLUMNS)} FROM workflows WHERE workflow = ?1 AND (?2 IS NULL OR version = ?2) "
        f"AND (?3 IS NULL OR substr(digest, 1, {SHORT_DIGEST_DIGITS}) = ?3) ORDER BY version DESC LIMIT 1"
    )
    row = connection.execute(sql, (workflow, version, digest and digest[:SHORT_DIGEST_DIGITS])).fetchone()
    return None if row is None else code_of(row)
