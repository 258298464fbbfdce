"""Code versions, rebuilt rows, deletions: rare writes, each one job of the writer."""

from __future__ import annotations

import sqlite3

import msgspec

from cerebelum.adapters.stores.rows import CODE_COLUMNS, code_of, new_execution_values
from cerebelum.engine.domain.errors import ExecutionNotFound, ForbiddenTransition
from cerebelum.engine.domain.execution import FINAL, ExecutionRow
from cerebelum.engine.ports.store import CodeVersion

_CODE = ", ".join(CODE_COLUMNS)
_BATCH_KEPT_US = 7 * 86_400_000_000
_FIELDS = ExecutionRow.__struct_fields__


def register(connection: sqlite3.Connection, code: CodeVersion, now_us: int) -> CodeVersion:
    """Return the newest version if its digest is the same, else store a new one."""
    row = connection.execute(
        f"SELECT {_CODE} FROM workflows WHERE workflow = ? ORDER BY version DESC LIMIT 1",
        (code.workflow,),
    ).fetchone()
    newest = code_of(row) if row else None
    if newest is not None and newest.digest == code.digest:
        return newest
    stored = msgspec.structs.replace(
        code, version=newest.version + 1 if newest else 1, inserted_at_us=code.inserted_at_us or now_us
    )
    connection.execute(
        f"INSERT INTO workflows ({_CODE}, updated_at_us) "
        "VALUES (?, ?, ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?)",
        (*(getattr(stored, column) for column in CODE_COLUMNS), now_us),
    )
    return stored


def rebuild(connection: sqlite3.Connection, row: ExecutionRow, now_us: int) -> None:
    """Replace the row; its epoch never falls (I4)."""
    found = connection.execute("SELECT status, owner, epoch FROM executions WHERE id = ?", (row.id,)).fetchone()
    if found is None:
        raise ExecutionNotFound(row.id)
    status, owner, epoch = found
    if owner is not None and status not in FINAL:
        raise ForbiddenTransition("rebuild", status, row.id)
    values = new_execution_values(msgspec.structs.replace(row, owner=None, epoch=max(row.epoch, epoch)), now_us)
    connection.execute(
        f"UPDATE executions SET {', '.join(f'{field} = ?' for field in _FIELDS)} WHERE id = ?",
        (*values, row.id),
    )
    if row.ended:
        connection.execute("DELETE FROM messages WHERE execution_id = ?", (row.id,))


def delete_execution(connection: sqlite3.Connection, execution_id: str) -> None:
    """Remove an ended execution with all that belongs to it."""
    row = connection.execute("SELECT n, status FROM executions WHERE id = ?", (execution_id,)).fetchone()
    if row is None:
        raise ExecutionNotFound(execution_id)
    number, status = row
    if status not in FINAL:
        raise ForbiddenTransition("delete", status, execution_id)
    connection.execute("DELETE FROM history WHERE execution = ?", (number,))
    for table in ("logs", "messages"):
        connection.execute(f"DELETE FROM {table} WHERE execution_id = ?", (execution_id,))
    connection.execute("DELETE FROM executions WHERE n = ?", (number,))


def delete_workflow(connection: sqlite3.Connection, workflow: str) -> None:
    """Remove a workflow's versions unless an execution needs them."""
    used = connection.execute("SELECT id, status FROM executions WHERE workflow = ? LIMIT 1", (workflow,)).fetchone()
    if used is not None:
        raise ForbiddenTransition(f"delete workflow {workflow!r} with an", used[1], used[0])
    connection.execute("DELETE FROM workflows WHERE workflow = ?", (workflow,))


def forget_old_batches(connection: sqlite3.Connection, now_us: int) -> None:
    """Remove what no writer can still ask for."""
    connection.execute("DELETE FROM batches WHERE updated_at_us < ?", (now_us - _BATCH_KEPT_US,))
