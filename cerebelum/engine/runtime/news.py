"""Tells waiters in this process that something of an execution was committed; what it was they read in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class News:
    """Nobody waits for most executions, and then it costs a look into an empty dict."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Event]] = {}

    def tell(self, execution_id: str) -> None:
        """Something of this execution is durable now."""
        if self._waiting:
            for event in self._waiting.get(execution_id, ()):
                event.set()

    @contextmanager
    def of(self, execution_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set by each commit of the execution here."""
        event = asyncio.Event()
        waiting = self._waiting.setdefault(execution_id, [])
        waiting.append(event)
        try:
            yield event
        finally:
            waiting.remove(event)
            if not waiting and self._waiting.get(execution_id) is waiting:
                del self._waiting[execution_id]
