"""Who runs what: claims, takeovers, nodes and their leases. All decisions use the store's clock, under the write lock."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from cerebelum.adapters.stores.rows import EXECUTION_COLUMNS, NODE_COLUMNS, clean, execution_of, node_of
from cerebelum.adapters.stores.sqlite.bulk import fetch_rows, json_list
from cerebelum.adapters.stores.sqlite.commit import OPEN
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import NodeRow

_COLUMNS = ", ".join(EXECUTION_COLUMNS)
_NODE_COLUMNS = ", ".join(NODE_COLUMNS)
_QUALIFIED = ", ".join(f"executions.{column}" for column in EXECUTION_COLUMNS)  # json_each has columns of its own
_WAITS = "owner IS NULL AND wake_at_us IS NOT NULL"  # exactly the predicate of ix_executions_due

# Seeks along ix_executions_due: the highest priority of a workflow, then the next lower one …
_PRIORITIES = f"""
WITH RECURSIVE lane(priority) AS (
  SELECT max(priority) FROM executions WHERE workflow = ?1 AND {_WAITS}
  UNION ALL
  SELECT (SELECT max(x.priority) FROM executions AS x
          WHERE x.workflow = ?1 AND x.priority < lane.priority AND {_WAITS})
  FROM lane WHERE lane.priority IS NOT NULL
) SELECT priority FROM lane WHERE priority IS NOT NULL"""
DUE = (
    "SELECT wake_at_us, n FROM executions INDEXED BY ix_executions_due "
    f"WHERE workflow = ? AND priority = ? AND {_WAITS} AND wake_at_us <= ? AND {OPEN} ORDER BY wake_at_us, n LIMIT ?"
)
_NEXT_WAKE = f"SELECT min(wake_at_us) FROM executions WHERE workflow = ? AND priority = ? AND {_WAITS}"


def claim(
    connection: sqlite3.Connection, owner: str, workflows: Sequence[str], limit: int, now_us: int
) -> list[ExecutionRow]:
    """Give `owner` up to `limit` due executions, the highest priority first, then the one due longest."""
    found: list[tuple[int, int, int]] = []  # -priority, wake_at_us, n
    for workflow in set(workflows):
        wanted = limit
        for priority in _priorities(connection, workflow):
            due = fetch_rows(connection, "wake_at_us, n", DUE, (workflow, priority, now_us, wanted))
            found.extend((-priority, wake_at_us, number) for wake_at_us, number in due)
            wanted -= len(due)
            if wanted <= 0:
                break
    chosen = [number for _, _, number in sorted(found)[:limit]]
    return _take(connection, owner, chosen)


def claim_one(connection: sqlite3.Connection, owner: str, execution_id: str, now_us: int) -> ExecutionRow | None:
    """Give `owner` this execution unless it has ended or a node with a live lease owns it."""
    row = connection.execute(
        f"SELECT n, owner FROM executions WHERE id = ? AND {OPEN}",
        (execution_id,),
    ).fetchone()
    if row is None:
        return None
    number, holder = row
    if holder not in {None, owner}:
        lives = "SELECT 1 FROM nodes WHERE nonce = ? AND lease_until_us > ?"
        if connection.execute(lives, (holder, now_us)).fetchone():
            return None
    return _take(connection, owner, [number])[0]


def _priorities(connection: sqlite3.Connection, workflow: str) -> list[int]:
    return [row[0] for row in fetch_rows(connection, "priority", _PRIORITIES, (workflow,))]


def _take(connection: sqlite3.Connection, owner: str, numbers: Sequence[int]) -> list[ExecutionRow]:
    """Set the owner of these rows and raise their epoch (R3: minted here, in the claim's transaction)."""
    if not numbers:
        return []
    chosen = json_list(numbers)
    connection.execute(
        "UPDATE executions SET owner = ?, epoch = epoch + 1, claims = claims + 1 "
        "WHERE n IN (SELECT value FROM json_each(?))",
        (owner, chosen),
    )
    query = (
        f"SELECT {_QUALIFIED} FROM json_each(?) AS chosen CROSS JOIN executions ON executions.n = chosen.value "
        "ORDER BY chosen.key"
    )
    return [execution_of(row) for row in fetch_rows(connection, _COLUMNS, query, (chosen,))]


def next_wake_us(connection: sqlite3.Connection, workflows: Sequence[str]) -> int | None:
    """Return when the first of those that wait is due."""
    earliest: list[int] = []
    for workflow in set(workflows):
        for priority in _priorities(connection, workflow):
            row: tuple[Any] = connection.execute(_NEXT_WAKE, (workflow, priority)).fetchone()
            earliest.extend(value for value in row if value is not None)
    return min(earliest, default=None)


def nodes(connection: sqlite3.Connection) -> list[NodeRow]:
    """Return all nodes, the oldest first. Read several times a second by every node: hence without SQLAlchemy."""
    query = f"SELECT {_NODE_COLUMNS} FROM nodes ORDER BY started_at_us, nonce"
    return [node_of(row) for row in fetch_rows(connection, _NODE_COLUMNS, query, ())]


def dead_nodes(connection: sqlite3.Connection, now_us: int) -> list[str]:
    """Return the nonces of nodes whose lease ran out."""
    return [row[0] for row in connection.execute("SELECT nonce FROM nodes WHERE lease_until_us <= ?", (now_us,))]


def release(connection: sqlite3.Connection, nonces: Sequence[str], now_us: int) -> int:
    """Hand back what these nodes own, due at once, and remove them; return how many executions."""
    if not nonces:
        return 0
    named = json_list(nonces)
    released = connection.execute(
        f"UPDATE executions SET owner = NULL, wake_at_us = ? WHERE {OPEN} "
        "AND owner IN (SELECT value FROM json_each(?))",
        (now_us, named),
    ).rowcount
    connection.execute(
        "UPDATE executions SET owner = NULL, wake_at_us = NULL WHERE owner IN (SELECT value FROM json_each(?))",
        (named,),
    )
    connection.execute("DELETE FROM nodes WHERE nonce IN (SELECT value FROM json_each(?))", (named,))
    return released


def announce(connection: sqlite3.Connection, nonce: str, workflows: Sequence[str], now_us: int) -> None:
    """Change the workflows of a node that is there."""
    connection.execute(
        "UPDATE nodes SET workflows = ?, updated_at_us = ? WHERE nonce = ?",
        (msgspec.json.encode(workflows).decode(), now_us, nonce),
    )


def join(connection: sqlite3.Connection, node: NodeRow, lease_until_us: int, now_us: int) -> None:
    """Insert the node, or renew it if it is there."""
    connection.execute(
        "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            node.nonce,
            clean(node.name),
            node.host,
            node.pid,
            lease_until_us,
            node.started_at_us or now_us,
            msgspec.json.encode(node.workflows).decode(),
            now_us,
            now_us,
        ),
    )


def renew(connection: sqlite3.Connection, nonce: str, lease_until_us: int, now_us: int) -> int | None:
    """Extend a node's lease; None when it was removed."""
    changed = connection.execute(
        "UPDATE nodes SET lease_until_us = ?, updated_at_us = ? WHERE nonce = ?", (lease_until_us, now_us, nonce)
    ).rowcount
    return lease_until_us if changed else None
