"""Who runs what: claims, takeovers, nodes. All decisions use the server's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from cerebelum.adapters.stores.postgres.commit_sql import NOW, NOW_ONCE, OPEN
from cerebelum.adapters.stores.postgres.pool import Pool
from cerebelum.adapters.stores.rows import EXECUTION_COLUMNS, clean, execution_of
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import NodeRow

# Rows to change are found by `= ANY(ARRAY(…))`, never by a join: planned on an empty table, a join can begin at its wrong end.
_RETURNED = ", ".join(f"e.{column}" for column in EXECUTION_COLUMNS)
_WAITS = "owner IS NULL AND wake_at_us IS NOT NULL"  # exactly the predicate of ix_executions_due
_TAKE = "owner = $1, epoch = e.epoch + 1, claims = e.claims + 1"

# Seeks along ix_executions_due: the highest priority of a workflow, then the next lower one …
_LANES = f"""lanes(workflow, priority) AS (
  SELECT w.name, (SELECT max(x.priority) FROM executions AS x WHERE x.workflow = w.name AND {_WAITS})
  FROM unnest($1::text[]) AS w(name)
  UNION ALL
  SELECT l.workflow, (SELECT max(x.priority) FROM executions AS x
                      WHERE x.workflow = l.workflow AND x.priority < l.priority AND {_WAITS})
  FROM lanes AS l WHERE l.priority IS NOT NULL
)"""
CLAIM = f"""WITH RECURSIVE {NOW_ONCE}, {_LANES.replace("$1", "$2")},
due AS MATERIALIZED (
  SELECT d.id FROM lanes AS l CROSS JOIN LATERAL (
    SELECT x.id, x.wake_at_us FROM executions AS x
    WHERE x.workflow = l.workflow AND x.priority = l.priority AND {_WAITS}
      AND x.wake_at_us <= (SELECT us FROM now) AND {OPEN}
    ORDER BY x.wake_at_us LIMIT $3 FOR UPDATE SKIP LOCKED
  ) AS d WHERE l.priority IS NOT NULL ORDER BY l.priority DESC, d.wake_at_us LIMIT $3
)
UPDATE executions AS e SET {_TAKE} WHERE e.id = ANY(ARRAY(SELECT id FROM due)) RETURNING {_RETURNED}"""
CLAIM_ONE = f"""UPDATE executions AS e SET {_TAKE}
WHERE e.id = $2 AND e.{OPEN} AND (e.owner IS NULL OR e.owner = $1
  OR NOT EXISTS (SELECT FROM nodes AS n WHERE n.nonce = e.owner AND n.lease_until_us > {NOW}))
RETURNING {_RETURNED}"""
_NEXT_WAKE = f"""WITH RECURSIVE {_LANES}
SELECT min((SELECT min(x.wake_at_us) FROM executions AS x
            WHERE x.workflow = l.workflow AND x.priority = l.priority AND {_WAITS}))
FROM lanes AS l WHERE l.priority IS NOT NULL"""
# This owner's claims that nothing was committed on, and that it was not told of.
_GIVE_BACK = f"""UPDATE executions AS e SET owner = NULL, wake_at_us = least(e.wake_at_us, {NOW})
WHERE e.owner = $1 AND e.claims > 0
  AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::int[]) AS k(id, epoch) WHERE k.id = e.id AND k.epoch = e.epoch)"""

# Owners without a node: one that was removed while it slept can still claim before it notices. Seeks along the index.
_OWNERLESS = """(
  WITH RECURSIVE held(owner) AS (
    SELECT min(owner) FROM executions WHERE owner IS NOT NULL
    UNION ALL
    SELECT (SELECT min(x.owner) FROM executions AS x WHERE x.owner > h.owner) FROM held AS h WHERE h.owner IS NOT NULL
  ) SELECT h.owner FROM held AS h
  WHERE h.owner IS NOT NULL AND NOT EXISTS (SELECT FROM nodes AS n WHERE n.nonce = h.owner)
)"""
_DEAD = f"SELECT nonce FROM nodes WHERE lease_until_us <= {NOW} UNION {_OWNERLESS}"
RELEASE = f"""WITH {NOW_ONCE},
gone AS (DELETE FROM nodes WHERE nonce = ANY($1::text[])
         OR nonce = ANY($2::text[]) AND lease_until_us <= (SELECT us FROM now) RETURNING nonce),
owners AS MATERIALIZED (
  SELECT nonce FROM gone UNION SELECT unnest($1::text[])
  UNION SELECT o FROM unnest($2::text[]) AS o WHERE NOT EXISTS (SELECT FROM nodes AS n WHERE n.nonce = o)
),
locked AS MATERIALIZED (
  SELECT id FROM executions WHERE owner = ANY(ARRAY(SELECT nonce FROM owners)) ORDER BY id FOR UPDATE
),
freed AS (
  UPDATE executions AS e SET owner = NULL, wake_at_us = CASE WHEN e.{OPEN} THEN (SELECT us FROM now) END
  WHERE e.id = ANY(ARRAY(SELECT id FROM locked)) RETURNING e.{OPEN} AS open
)
SELECT count(*) FROM freed WHERE open"""
_JOIN = f"""INSERT INTO nodes
  (nonce, name, host, pid, lease_until_us, started_at_us, workflows, inserted_at_us, updated_at_us)
SELECT $1, $2, $3, $4, {NOW} + $5::bigint, coalesce($6::bigint, {NOW}), $7, {NOW}, {NOW}
ON CONFLICT (nonce) DO UPDATE SET name = excluded.name, host = excluded.host, pid = excluded.pid,
  lease_until_us = excluded.lease_until_us, started_at_us = excluded.started_at_us, workflows = excluded.workflows,
  updated_at_us = excluded.updated_at_us"""
_ANNOUNCE = f"UPDATE nodes SET workflows = $2, updated_at_us = {NOW} WHERE nonce = $1"
_BATCH_KEPT_US = 7 * 86_400_000_000
_FORGET_BATCHES = f"DELETE FROM batches WHERE updated_at_us < {NOW} - {_BATCH_KEPT_US}"


class _Call:
    """A claim under way. Its caller may be cancelled; the claim goes on."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.abandoned = False
        self.rows: list[ExecutionRow] = []


class Claims:
    """Claims and nodes, over the pool.

    A claim that was made without our knowing (its answer was lost, or its caller cancelled) would stay with a node that
    does not run it. So the next claim first gives back what its owner was not told of.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._turn = asyncio.Lock()  # one claim at a time: giving back must not meet one that is being made
        self._told: dict[str, int] = {}  # id -> epoch of claims that nothing was committed on yet
        self._unsure: set[str] = set()

    async def claim(self, owner: str, workflows: Sequence[str], limit: int) -> list[ExecutionRow]:
        """Give `owner` up to `limit` due executions, the highest priority first, then the one due longest."""
        if not workflows or limit <= 0:
            return []
        rows = await self._take(owner, CLAIM, list(set(workflows)), limit)
        return sorted(rows, key=lambda row: (-row.priority, row.wake_at_us or 0, row.id))

    async def claim_one(self, owner: str, execution_id: str) -> ExecutionRow | None:
        """Give `owner` this execution unless it has ended or a node with a live lease owns it."""
        rows = await self._take(owner, CLAIM_ONE, execution_id)
        return rows[0] if rows else None

    async def _take(self, owner: str, sql: str, *values: object) -> list[ExecutionRow]:
        call = _Call(owner)
        try:
            return await self._pool.shielded(self._taken(call, sql, *values))
        except asyncio.CancelledError:
            call.abandoned = True
            self._disown(call)
            raise

    async def _taken(self, call: _Call, sql: str, *values: object) -> list[ExecutionRow]:
        async with self._turn:
            if call.owner in self._unsure:
                known = (list(self._told), list(self._told.values()))
                await self._pool.fetch(_GIVE_BACK, call.owner, *known)
            self._unsure.add(call.owner)  # until the answer is there
            call.rows = [
                execution_of(row) for row in await self._pool.fetch(sql, call.owner, *values, repeatable=False)
            ]
            self._unsure.discard(call.owner)
            self._told.update((row.id, row.epoch) for row in call.rows)
            if call.abandoned:
                self._disown(call)
            return call.rows

    def _disown(self, call: _Call) -> None:
        self.committed(row.id for row in call.rows)
        self._unsure.add(call.owner)

    def committed(self, execution_ids: Iterable[str]) -> None:
        """Forget claims that a commit has followed."""
        if self._told:
            for execution_id in execution_ids:
                self._told.pop(execution_id, None)

    async def next_wake_us(self, workflows: Sequence[str]) -> int | None:
        """Return when the first of those that wait is due."""
        rows = await self._pool.fetch(_NEXT_WAKE, list(set(workflows)))
        earliest: int | None = rows[0][0]
        return earliest

    async def release_dead(self, dead: Sequence[str]) -> int:
        """Hand back what nodes own whose lease ran out, or that are gone, and what `dead` own."""
        seen = [row[0] for row in await self._pool.fetch(_DEAD)]
        return await self._release(dead, seen) if seen or dead else 0

    async def leave(self, nonce: str) -> None:
        """Remove the node; its executions become due."""
        await self._release([nonce], [])

    async def _release(self, dead: Sequence[str], seen: Sequence[str]) -> int:
        rows = await self._pool.fetch(RELEASE, list(dead), list(seen))
        return int(rows[0][0])

    async def join(self, node: NodeRow, lease_ttl_us: int) -> None:
        """Insert the node, or renew it if it is there."""
        await self._pool.fetch(
            _JOIN,
            node.nonce,
            clean(node.name),
            node.host,
            node.pid,
            lease_ttl_us,
            node.started_at_us or None,
            msgspec.json.encode(list(node.workflows)).decode(),
        )
        await self._pool.fetch(_FORGET_BATCHES)

    async def announce(self, nonce: str, workflows: Sequence[str]) -> None:
        """Change the workflows of a node that is there."""
        await self._pool.fetch(_ANNOUNCE, nonce, msgspec.json.encode(list(workflows)).decode())
