"""Store work that nobody waits for: an error is logged, since the lease or the next claim makes up for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from cerebelum.engine.runtime.own_log import OwnLog

_log = OwnLog("cerebelum.node")


class Beside:
    """See the module docstring. It holds the tasks, which asyncio alone would let go."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    def do(self, work: Coroutine[Any, Any, object]) -> None:
        """Begin `work`, and let it end whenever it does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("could not be done", error=str(error))
