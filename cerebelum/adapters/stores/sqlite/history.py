"""Reads on the hot path: raw SQL, one step each."""

from __future__ import annotations

import sqlite3

from cerebelum.adapters.stores.rows import EXECUTION_COLUMNS, execution_of, writer_of
from cerebelum.adapters.stores.sqlite.bulk import fetch_rows
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow

_EXECUTION = f"SELECT {', '.join(EXECUTION_COLUMNS)} FROM executions WHERE id = ?"  # noqa: S608 constants
_EVENT = "version, type, data, at_us"
HISTORY = (
    f"SELECT {_EVENT} FROM history WHERE execution = (SELECT n FROM executions WHERE id = ?) "  # noqa: S608 constants
    "AND version > ? AND version <= ? ORDER BY version LIMIT ?"
)
_LAST = (
    f"SELECT {_EVENT} FROM history WHERE execution = (SELECT n FROM executions WHERE id = ?) "  # noqa: S608 constants
    "ORDER BY version DESC LIMIT 1"
)
_NO_BOUND = (1 << 63) - 1


def read_history(
    connection: sqlite3.Connection, execution_id: str, after_version: int, to_version: int | None, limit: int | None
) -> list[RecordedEvent]:
    """Return events in version order."""
    bounds = (_NO_BOUND if to_version is None else to_version, -1 if limit is None else limit)
    rows = fetch_rows(connection, _EVENT, HISTORY, (execution_id, after_version, *bounds))
    return [RecordedEvent(version, kind, data.encode(), at_us) for version, kind, data, at_us in rows]


def last_event(connection: sqlite3.Connection, execution_id: str) -> RecordedEvent | None:
    """Return the newest event."""
    rows = fetch_rows(connection, _EVENT, _LAST, (execution_id,))
    return RecordedEvent(rows[0][0], rows[0][1], rows[0][2].encode(), rows[0][3]) if rows else None


def get_execution(connection: sqlite3.Connection, execution_id: str) -> ExecutionRow | None:
    """Return the row."""
    row = connection.execute(_EXECUTION, (execution_id,)).fetchone()
    return execution_of(row) if row else None


def has_batch(connection: sqlite3.Connection, batch_id: str) -> bool:
    """Return whether this is its writer's newest batch."""
    row = connection.execute("SELECT id FROM batches WHERE writer = ?", (writer_of(batch_id),)).fetchone()
    return row is not None and row[0] == batch_id


def read_blob(connection: sqlite3.Connection, digest: str) -> bytes | None:
    """Return the content."""
    row = connection.execute("SELECT content FROM blobs WHERE digest = ?", (digest,)).fetchone()
    return row[0] if row else None
