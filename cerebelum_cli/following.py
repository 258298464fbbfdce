"""Follow one execution to its end, whichever process runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cerebelum.engine.application import query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum_cli.live import View
from cerebelum_cli.story import Story

Ended = tuple[str, ev.Event]  # the id that ended (the last of continue_as_new's), and its final event


class Follower:
    """Shows each committed event once and in order.

    `on_event` is given to the node of this process; the store's own hints tell what other processes commit.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._news = asyncio.Event()
        self._id = ""
        self.trouble: asyncio.Future[StoreError] = asyncio.get_running_loop().create_future()

    def on_event(self, execution_id: str, _: RecordedEvent) -> None:
        """Look again: the node committed an event."""
        if execution_id == self._id:
            self._news.set()

    def on_trouble(self, error: StoreError) -> None:
        """Give up: the store keeps refusing commits."""
        if not self.trouble.done():
            self.trouble.set_result(error)

    async def to_end(self, engine: Engine, execution_id: str, *, announce: Callable[[str], None]) -> Ended:
        """Return the final event; `announce` is told each further id of `continue_as_new`."""
        watching = asyncio.create_task(self._watch(engine))
        try:
            while True:
                final = await self._one(engine, execution_id)
                if not isinstance(final, ev.ContinuedAsNew):
                    return execution_id, final
                execution_id = final.execution_id
                announce(execution_id)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _one(self, engine: Engine, execution_id: str) -> ev.Event:
        story, version = Story(execution_id), 0
        self._id = execution_id
        while True:
            self._news.clear()
            for recorded in await query.history(engine, execution_id, from_version=version + 1):
                version = recorded.version
                self._view.event(story, recorded)
                if recorded.type in ev.FINAL_TYPES:
                    final = recorded.event()
                    assert isinstance(final, ev.Event)
                    return final
            await self._news.wait()

    async def _watch(self, engine: Engine) -> None:
        async for _ in engine.store.watch():
            self._news.set()
