"""Who waits for the end of which execution."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ExecutionNotFound
from cerebelum.engine.ports.store import Store
from cerebelum.engine.runtime.blobs import with_blobs
from cerebelum.engine.runtime.waiting import is_set_within

_RECENT_MOST = 10_000
_RECENT_S = 10.0  # no longer: another process may replace an execution by a new one of the same id
_RECENT_BYTES = 4 << 10  # of one result; larger ones are read again


class Results:
    """Waits for final events: told at once by this node, found by looking for those that other nodes run.

    What ended here a moment ago is kept for whoever asks next: of thousands that were started together, the first have
    ended before the last is stored, and a read for each would cost as much as running it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: dict[str, tuple[float, ev.Event]] = {}  # by id, in order of their ends
        self._waiting: dict[str, list[asyncio.Future[ev.Event]]] = {}
        self._look = asyncio.Event()
        self.error: BaseException | None = None  # why this node is broken

    def ended(self, execution_id: str, final: ev.Event) -> None:
        """Tell everyone who waits for `execution_id`."""
        if not isinstance(final, ev.ExecutionCompleted) or len(bytes(final.result)) <= _RECENT_BYTES:
            self._recent[execution_id] = time.monotonic(), final
            if len(self._recent) > _RECENT_MOST:
                del self._recent[next(iter(self._recent))]
        for future in self._waiting.pop(execution_id, ()):
            if not future.done():
                future.set_result(final)

    def forget(self, execution_id: str) -> None:
        """A new execution may bear this id: what an earlier one gave is not its result."""
        self._recent.pop(execution_id, None)

    def recent(self, execution_id: str) -> ev.Event | None:
        """Return the final event of what ended here within the last seconds, if it is still known."""
        found = self._recent.get(execution_id)
        return found[1] if found is not None and time.monotonic() - found[0] < _RECENT_S else None

    def fail(self, error: BaseException) -> None:
        """The node is broken: nobody is to wait in vain, now or later."""
        self.error = error
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(error)

    def hint(self) -> None:
        """Other processes may have written: look at what is waited for."""
        self._look.set()

    async def final_event(self, execution_id: str) -> ev.Event:
        """Return the final event of `execution_id`, waiting for it.

        Raises:
            ExecutionNotFound: there is no such execution.
            ComponentFailed: this node is broken.
        """
        if self.error is not None:
            raise self.error
        future: asyncio.Future[ev.Event] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(execution_id, []).append(future)
        try:
            return await future
        finally:
            self._discard(execution_id, future)

    async def stored_final_event(self, execution_id: str) -> ev.Event | None:
        """Return the final event if the execution has ended.

        Raises:
            ExecutionNotFound: there is no such execution.
        """
        last = await self._store.last_event(execution_id)
        if last is None:
            raise ExecutionNotFound(execution_id, store=self._store.name)
        if last.type not in ev.FINAL_TYPES:
            return None
        whole = (await with_blobs(self._store, [last]))[0].event()
        return whole if isinstance(whole, ev.Event) else None

    def _discard(self, execution_id: str, future: asyncio.Future[ev.Event]) -> None:
        waiting = self._waiting.get(execution_id)
        if waiting and future in waiting:
            waiting.remove(future)
            if not waiting:
                del self._waiting[execution_id]

    async def run(self, is_here: Callable[[str], bool]) -> None:
        """Look in the store for the ends of executions that are not in this node's memory; a component."""
        while True:
            await is_set_within(self._look, 0.25)
            self._look.clear()
            for execution_id in [waited for waited in self._waiting if not is_here(waited)]:
                final = await self.stored_final_event(execution_id)
                if final is not None:
                    self.ended(execution_id, final)
