"""Messages to executions: post and read. The commit that records one takes it out (`commit_sql.py`)."""

from __future__ import annotations

import msgspec

from cerebelum.adapters.stores.postgres.commit_sql import NOW, NOW_ONCE, OPEN, WOKEN, turn
from cerebelum.adapters.stores.postgres.pool import Pool
from cerebelum.adapters.stores.rows import MESSAGE_COLUMNS, made_key, message_of
from cerebelum.engine.domain.errors import ExecutionNotFound, ForbiddenTransition
from cerebelum.engine.domain.execution import FINAL
from cerebelum.engine.ports.store import Message

_SELECTED = ", ".join(f"m.{column}" for column in MESSAGE_COLUMNS)

# Locks the execution's row before the message is there, always by an update: see the rules of `commit_sql`.
POST = f"""WITH {NOW_ONCE},
poked AS (
  UPDATE executions AS e SET wake_at_us = {WOKEN.format(now="(SELECT us FROM now)")}
  WHERE e.id = $1 AND e.{OPEN} AND NOT EXISTS (SELECT FROM messages AS m WHERE m.execution_id = $1 AND m.key = $6)
  RETURNING e.id, e.owner
),
{turn("poked")},
added AS (
  INSERT INTO messages (execution_id, kind, name, payload, sender, key, at_us, inserted_at_us, updated_at_us)
  SELECT p.id, $2, $3, $4, $5, $6, {NOW}, {NOW}, {NOW} FROM turn AS t CROSS JOIN poked AS p WHERE t.n >= 0
  ON CONFLICT (execution_id, key) DO NOTHING RETURNING id, at_us
)
SELECT id, at_us FROM added"""
_KNOWN = "SELECT id, at_us FROM messages WHERE execution_id = $1 AND key = $2"
_STATUS = "SELECT status FROM executions WHERE id = $1"
# From the messages, which are few, to their executions.
_INBOX = (
    f"SELECT {_SELECTED} FROM messages AS m WHERE m.consumed_at_us IS NULL AND m.id > $2 "
    "AND (SELECT x.owner FROM executions AS x WHERE x.id = m.execution_id) = $1 ORDER BY m.id"
)
_REPLY = "SELECT payload FROM messages WHERE execution_id = $1 AND key = $2 AND consumed_at_us IS NOT NULL"
_INBOX_OF = (
    f"SELECT {_SELECTED} FROM messages AS m WHERE m.execution_id = $1 AND m.consumed_at_us IS NULL ORDER BY m.id"
)


class Inbox:
    """The messages, over the pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def post(self, message: Message) -> Message | None:
        """Add the message and wake its execution; None for a known key.

        The key is made before the first attempt, so that one whose answer was lost can be made again.
        """
        kept = msgspec.structs.replace(message, key=message.key or made_key())
        values = (kept.execution_id, kept.kind, kept.name, kept.payload.decode(), kept.sender, kept.key)
        rows = await self._pool.fetch(POST, *values)
        if not rows and not message.key:
            rows = await self._pool.fetch(_KNOWN, kept.execution_id, kept.key)  # ours, and its answer was lost
        if rows:
            number, at_us = rows[0]
            return msgspec.structs.replace(kept, id=number, at_us=at_us)
        found = await self._pool.fetch(_STATUS, kept.execution_id)
        if not found:
            raise ExecutionNotFound(kept.execution_id, store=self._pool.address.name)
        if found[0][0] in FINAL:
            raise ForbiddenTransition(kept.kind, found[0][0], kept.execution_id)
        return None

    async def of_owner(self, owner: str, after_id: int) -> list[Message]:
        """Return the messages for what `owner` holds."""
        return [message_of(row) for row in await self._pool.fetch(_INBOX, owner, after_id)]

    async def of_execution(self, execution_id: str) -> list[Message]:
        """Return the messages of one execution."""
        return [message_of(row) for row in await self._pool.fetch(_INBOX_OF, execution_id)]

    async def reply(self, execution_id: str, key: str) -> bytes | None:
        """Return the reply to a consumed message."""
        rows = await self._pool.fetch(_REPLY, execution_id, key)
        return None if not rows or rows[0][0] == "null" else rows[0][0].encode()
