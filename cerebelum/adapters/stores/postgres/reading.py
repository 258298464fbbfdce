"""Reads on the hot path: our own statements, one round trip each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cerebelum.adapters.stores.people import inputs_of, statement
from cerebelum.adapters.stores.postgres.commit_sql import NOW
from cerebelum.adapters.stores.postgres.pool import Pool
from cerebelum.adapters.stores.rows import EXECUTION_COLUMNS, execution_of
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.projection_inputs import OpenInput

_EVENT: Final = "version, type, data, at_us"
_EXECUTION: Final = f"SELECT {', '.join(EXECUTION_COLUMNS)} FROM executions WHERE id = $1"
_HISTORY: Final = (
    f"SELECT {_EVENT} FROM events WHERE execution_id = $1 AND version > $2 AND version <= $3 ORDER BY version LIMIT $4"
)
_HISTORIES: Final = (
    f"SELECT execution_id, {_EVENT} FROM unnest($1::text[]) AS wanted(id) CROSS JOIN LATERAL "
    "(SELECT * FROM events WHERE execution_id = wanted.id ORDER BY version) AS e"
)
_FOR_RECOVERY: Final = (
    f"SELECT execution_id, {_EVENT} FROM executions AS x CROSS JOIN LATERAL "
    "(SELECT * FROM events WHERE execution_id = x.id AND version >= coalesce(x.checkpoint, 1) UNION ALL "
    "SELECT * FROM events WHERE execution_id = x.id AND version = 1 AND x.checkpoint > 1 ORDER BY version) AS e "
    "WHERE x.id = ANY($1::text[])"
)
_LAST: Final = f"SELECT {_EVENT} FROM events WHERE execution_id = $1 ORDER BY version DESC LIMIT 1"
_PEOPLE: Final = statement("postgresql")
_NO_BOUND: Final = (1 << 31) - 1


class Reading:
    """Reads, over the pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def now_us(self) -> int:
        """Return the server's clock."""
        return int((await self._pool.fetch(f"SELECT {NOW}"))[0][0])

    async def has_batch(self, batch_id: str) -> bool:
        """Return whether this is one of the newest batches of its writer. The table is small."""
        return bool(await self._pool.fetch("SELECT 1 FROM batches WHERE id = $1", batch_id))

    async def history(
        self, execution_id: str, after_version: int, to_version: int | None, limit: int | None
    ) -> list[RecordedEvent]:
        """Return events in version order."""
        last = _NO_BOUND if to_version is None else to_version
        rows = await self._pool.fetch(_HISTORY, execution_id, after_version, last, limit)
        return [RecordedEvent(version, kind, data.encode(), at_us) for version, kind, data, at_us in rows]

    async def histories(
        self, execution_ids: Sequence[str], *, for_recovery: bool = False
    ) -> dict[str, list[RecordedEvent]]:
        """Return histories, whole or what recovery needs of them; [] for an unknown id."""
        query = _FOR_RECOVERY if for_recovery else _HISTORIES
        found: dict[str, list[RecordedEvent]] = {execution_id: [] for execution_id in execution_ids}
        for execution_id, version, kind, data, at_us in await self._pool.fetch(query, list(found)):
            found[execution_id].append(RecordedEvent(version, kind, data.encode(), at_us))
        return found

    async def last_event(self, execution_id: str) -> RecordedEvent | None:
        """Return the newest event."""
        rows = await self._pool.fetch(_LAST, execution_id)
        return RecordedEvent(rows[0][0], rows[0][1], rows[0][2].encode(), rows[0][3]) if rows else None

    async def execution(self, execution_id: str) -> ExecutionRow | None:
        """Return the row."""
        rows = await self._pool.fetch(_EXECUTION, execution_id)
        return execution_of(rows[0]) if rows else None

    async def pending_inputs(self) -> list[OpenInput]:
        """Return what waits for people."""
        return inputs_of(await self._pool.fetch(_PEOPLE))

    async def blob(self, digest: str) -> bytes | None:
        """Return the content."""
        rows = await self._pool.fetch("SELECT content FROM blobs WHERE digest = $1", digest)
        return rows[0][0] if rows else None
