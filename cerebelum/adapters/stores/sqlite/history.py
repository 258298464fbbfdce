"""Reads on the hot path: raw SQL, one step each."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from operator import attrgetter

from cerebelum.adapters.stores.rows import EXECUTION_COLUMNS, execution_of
from cerebelum.adapters.stores.sqlite.bulk import fetch_rows, json_list
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow

_EXECUTION = f"SELECT {', '.join(EXECUTION_COLUMNS)} FROM executions WHERE id = ?"
_EVENT = "version, type, data, at_us"
HISTORY = (
    f"SELECT {_EVENT} FROM history WHERE execution = (SELECT n FROM executions WHERE id = ?) "
    "AND version > ? AND version <= ? ORDER BY version LIMIT ?"
)
_LAST = (
    f"SELECT {_EVENT} FROM history WHERE execution = (SELECT n FROM executions WHERE id = ?) "
    "ORDER BY version DESC LIMIT 1"
)
_HISTORIES = (
    "SELECT x.id, h.version, h.type, h.data, h.at_us FROM json_each(?) AS wanted "
    "CROSS JOIN executions AS x ON x.id = wanted.value CROSS JOIN history AS h ON h.execution = x.n"
)
_FOR_RECOVERY = (
    f"{_HISTORIES} AND h.version >= coalesce(x.checkpoint, 1) UNION ALL {_HISTORIES} AND h.version = 1 AND x.checkpoint > 1"
).replace("?", "?1")
_by_version = attrgetter("version")
_NO_BOUND = (1 << 63) - 1


def read_history(
    connection: sqlite3.Connection, execution_id: str, after_version: int, to_version: int | None, limit: int | None
) -> list[RecordedEvent]:
    """Return events in version order."""
    bounds = (_NO_BOUND if to_version is None else to_version, -1 if limit is None else limit)
    rows = fetch_rows(connection, _EVENT, HISTORY, (execution_id, after_version, *bounds))
    return [RecordedEvent(version, kind, data.encode(), at_us) for version, kind, data, at_us in rows]


def read_histories(
    connection: sqlite3.Connection, execution_ids: Sequence[str], for_recovery: bool
) -> dict[str, list[RecordedEvent]]:
    """Return histories, whole or what recovery needs of them; [] for an unknown id."""
    found: dict[str, list[RecordedEvent]] = {execution_id: [] for execution_id in execution_ids}
    for execution_id, version, kind, data, at_us in fetch_rows(
        connection, f"id, {_EVENT}", _FOR_RECOVERY if for_recovery else _HISTORIES, (json_list(list(found)),)
    ):
        found[execution_id].append(RecordedEvent(version, kind, data.encode(), at_us))
    for events in found.values():  # nearly free, as they come in the key's order; in SQL all would be sorted at once
        events.sort(key=_by_version)
    return found


def last_event(connection: sqlite3.Connection, execution_id: str) -> RecordedEvent | None:
    """Return the newest event."""
    rows = fetch_rows(connection, _EVENT, _LAST, (execution_id,))
    return RecordedEvent(rows[0][0], rows[0][1], rows[0][2].encode(), rows[0][3]) if rows else None


def get_execution(connection: sqlite3.Connection, execution_id: str) -> ExecutionRow | None:
    """Return the row."""
    row = connection.execute(_EXECUTION, (execution_id,)).fetchone()
    return execution_of(row) if row else None


def has_batch(connection: sqlite3.Connection, batch_id: str) -> bool:
    """Return whether this is one of the newest batches of its writer. The table is small."""
    return connection.execute("SELECT 1 FROM batches WHERE id = ?", (batch_id,)).fetchone() is not None


def read_blob(connection: sqlite3.Connection, digest: str) -> bytes | None:
    """Return the content."""
    row = connection.execute("SELECT content FROM blobs WHERE digest = ?", (digest,)).fetchone()
    return row[0] if row else None
