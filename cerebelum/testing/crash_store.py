"""A store in memory whose process dies just before one of its commits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cerebelum.adapters.stores.memory import MemoryStore
from cerebelum.adapters.stores.memory_database import MemoryDatabase
from cerebelum.engine.ports.store import Batch, Committed


class DyingStore(MemoryStore):
    """Commits as ever until number `dies_before`, which is never written: who waits for it waits for ever.

    Attributes:
        dies_before: counts from 1; 0: never.
        commits: how many were begun.
        dying: set when the time has come; the test then ends the node.
    """

    def __init__(self, database: MemoryDatabase | None = None, *, now_us: Callable[[], int] | None = None) -> None:
        super().__init__(database, now_us=now_us)
        self.dies_before = self.commits = 0
        self.dying = asyncio.Event()

    async def commit(self, batch: Batch) -> Committed:
        """Write the batch, or die."""
        self.commits += 1
        if self.commits == self.dies_before:
            self.dying.set()
            await asyncio.get_running_loop().create_future()
        return await super().commit(batch)
