"""Messages to executions: post and read. The commit that records one takes it out (`commit.py`)."""

from __future__ import annotations

import sqlite3

import msgspec

from cerebelum.adapters.stores.rows import MESSAGE_COLUMNS, made_key, message_of
from cerebelum.adapters.stores.sqlite.bulk import fetch_rows
from cerebelum.adapters.stores.sqlite.commit import add_messages, wake
from cerebelum.engine.domain.errors import ExecutionNotFound, ForbiddenTransition
from cerebelum.engine.domain.execution import FINAL
from cerebelum.engine.ports.store import Message

_COLUMNS = ", ".join(MESSAGE_COLUMNS)
_SELECTED = ", ".join(f"m.{column}" for column in MESSAGE_COLUMNS)
# Along the messages that are new: an owner may hold a hundred thousand executions, and look often.
INBOX = (
    f"SELECT {_SELECTED} FROM messages AS m INDEXED BY ix_messages_inbox CROSS JOIN executions AS x ON x.id = m.execution_id "
    "WHERE m.consumed_at_us IS NULL AND m.id > ? AND x.owner = ? ORDER BY m.id"
)
INBOX_OF = f"SELECT {_SELECTED} FROM messages AS m WHERE m.execution_id = ? AND m.consumed_at_us IS NULL ORDER BY m.id"


def post(connection: sqlite3.Connection, message: Message, now_us: int, name: str) -> Message | None:
    """Add the message and wake its execution; None for a known key."""
    row = connection.execute("SELECT status FROM executions WHERE id = ?", (message.execution_id,)).fetchone()
    if row is None:
        raise ExecutionNotFound(message.execution_id, store=name)
    if row[0] in FINAL:
        raise ForbiddenTransition(message.kind, row[0], message.execution_id)
    kept = msgspec.structs.replace(message, key=message.key or made_key(), at_us=now_us)
    if add_messages(connection, [kept], now_us) == 0:
        return None
    wake(connection, [message.execution_id], now_us)
    number = connection.execute(
        "SELECT id FROM messages WHERE execution_id = ? AND key = ?", (kept.execution_id, kept.key)
    ).fetchone()[0]
    return msgspec.structs.replace(kept, id=number)


def inbox(connection: sqlite3.Connection, owner: str, after_id: int) -> list[Message]:
    """Return the messages for what `owner` holds."""
    return [message_of(row) for row in fetch_rows(connection, _COLUMNS, INBOX, (after_id, owner))]


def inbox_of(connection: sqlite3.Connection, execution_id: str) -> list[Message]:
    """Return the messages of one execution."""
    return [message_of(row) for row in fetch_rows(connection, _COLUMNS, INBOX_OF, (execution_id,))]


def read_reply(connection: sqlite3.Connection, execution_id: str, key: str) -> bytes | None:
    """Return the reply to a consumed message."""
    row = connection.execute(
        "SELECT payload FROM messages WHERE execution_id = ? AND key = ? AND consumed_at_us IS NOT NULL",
        (execution_id, key),
    ).fetchone()
    return None if row is None or row[0] == "null" else str(row[0]).encode()
