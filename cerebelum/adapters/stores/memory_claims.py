"""Who runs what in the store in memory: claims, and the nodes that make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from cerebelum.adapters.stores.memory_database import MemoryDatabase
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import NodeRow


class MemoryClaims:
    """A part of `MemoryStore`."""

    lease_ttl_us: int
    _db: MemoryDatabase
    _clock: Callable[[], int]

    # -- claims -----------------------------------------------------------------------------------------------
    async def claim(self, owner: str, *, workflows: Sequence[str], limit: int) -> list[ExecutionRow]:
        """Take over due executions, the highest priority first, then the one due longest."""
        with self._db.lock:
            now_us = self._clock()
            due = [row for row in self._db.waiting(workflows) if (row.wake_at_us or 0) <= now_us]
            due.sort(key=lambda row: (-row.priority, row.wake_at_us))
            return [self._take(owner, row) for row in due[:limit]]

    async def claim_one(self, owner: str, execution_id: str) -> ExecutionRow | None:
        """Take over one execution."""
        with self._db.lock:
            row = self._db.executions.get(execution_id)
            if row is None or row.ended:
                return None
            holder = self._db.nodes.get(row.owner or "")
            if row.owner != owner and holder is not None and holder.lease_until_us > self._clock():
                return None
            return self._take(owner, row)

    def _take(self, owner: str, row: ExecutionRow) -> ExecutionRow:
        row.owner, row.epoch, row.claims = owner, row.epoch + 1, row.claims + 1
        self._db.changed(self)
        return replace(row)

    async def next_wake_us(self, *, workflows: Sequence[str]) -> int | None:
        """Return when the first waiting execution is due."""
        return min((row.wake_at_us for row in self._db.waiting(workflows) if row.wake_at_us is not None), default=None)

    async def release_dead(self, *, dead: Sequence[str] = ()) -> int:
        """Hand back what dead nodes hold."""
        with self._db.lock:
            now_us = self._clock()
            expired = [node.nonce for node in self._db.nodes.values() if node.lease_until_us <= now_us]
            return self._release({*dead, *expired}, now_us)

    def _release(self, nonces: set[str], now_us: int) -> int:
        held = [row for row in self._db.executions.values() if row.owner in nonces]
        for row in held:
            row.owner, row.wake_at_us = None, None if row.ended else now_us
        for nonce in nonces:
            self._db.nodes.pop(nonce, None)
        if held:
            self._db.changed(self)
        return sum(not row.ended for row in held)

    # -- nodes ------------------------------------------------------------------------------------------------
    async def join(self, node: NodeRow) -> None:
        """Insert the node with a fresh lease."""
        with self._db.lock:
            now_us = self._clock()
            self._db.nodes[node.nonce] = replace(
                node,
                lease_until_us=now_us + self.lease_ttl_us,
                started_at_us=node.started_at_us or now_us,
                workflows=tuple(node.workflows),
            )

    async def leave(self, nonce: str) -> None:
        """Remove the node; its executions become due."""
        with self._db.lock:
            self._release({nonce}, self._clock())

    async def announce(self, nonce: str, workflows: Sequence[str]) -> None:
        """Say what the node knows by now."""
        with self._db.lock:
            if nonce in self._db.nodes:
                self._db.nodes[nonce] = replace(self._db.nodes[nonce], workflows=tuple(workflows))

    def renew_lease(self, nonce: str) -> int | None:
        """Extend the lease."""
        with self._db.lock:
            node = self._db.nodes.get(nonce)
            if node is None:
                return None
            node.lease_until_us = self._clock() + self.lease_ttl_us
            return node.lease_until_us

    async def nodes(self) -> list[NodeRow]:
        """Return all nodes, the oldest first."""
        return [
            replace(node) for node in sorted(self._db.nodes.values(), key=lambda node: (node.started_at_us, node.nonce))
        ]
