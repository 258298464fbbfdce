"""Finds work: claims due executions, takes messages for those in memory, takes over from the dead."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence

from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Store
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.presence import certainly_dead
from cerebelum.engine.runtime.store_clock import StoreClock
from cerebelum.engine.runtime.waiting import is_set_within

_CLAIM_LIMIT = 200  # executions a claim: others get their turn between claims
_ROUSE_LIMIT = 20  # a round: what is due must not wait for what merely may go on
_DEAD_SCAN_S = 0.2
_log = OwnLog("cerebelum.dispatcher")


class Dispatcher:
    """Components `run` and `watch_dead`; `poke` says that there may be work.

    Args:
        owner: returns the node's nonce.
        clock: says what is due.
        workflows: returns the names this node can run.
        take_up: rebuilds claimed executions.
        read_inbox: hands all messages that lie in the store to the executions in memory.
        has_room: whether more executions fit into memory.
        is_here: whether an execution is in memory.
    """

    def __init__(
        self,
        store: Store,
        *,
        owner: Callable[[], str],
        clock: StoreClock,
        workflows: Callable[[], Sequence[str]],
        take_up: Callable[[list[ExecutionRow]], Awaitable[None]],
        read_inbox: Callable[[], Awaitable[None]],
        has_room: Callable[[], bool],
        is_here: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._store, self._owner, self._clock, self._workflows = store, owner, clock, workflows
        self._take_up, self._read_inbox, self._has_room, self._is_here = take_up, read_inbox, has_room, is_here
        self._wake = asyncio.Event()
        self._reclaim: set[str] = set()
        self._to_rouse: dict[str, None] = {}  # in order
        self.claiming = True

    def poke(self) -> None:
        """Look for work now."""
        self._wake.set()

    def reclaim(self, execution_id: str) -> None:
        """Take an execution again (epoch + 1) and re-read it."""
        self._reclaim.add(execution_id)
        self._wake.set()

    def rouse(self, execution_id: str) -> None:
        """Take up an execution that rests; one that is in memory by then is left alone, whatever it does there."""
        self._to_rouse[execution_id] = None
        self._wake.set()

    async def run(self) -> None:
        """Claim and deliver for ever; a component of the node."""
        while True:
            self._wake.clear()
            wait_s = self._clock.poll_s  # covers lost hints
            if self.claiming:
                await self._again()
                await self._claim_all()
                await self._claim_early()
                wait_s = await self._until_next()
            await self._read_inbox()
            await is_set_within(self._wake, wait_s)

    async def _again(self) -> None:
        # Nothing but this task takes up what is stored, so what is not here now is not here when the claim is done.
        for id_ in list(itertools.islice(self._to_rouse, _ROUSE_LIMIT)):
            del self._to_rouse[id_]
            if not self._is_here(id_):
                self._reclaim.add(id_)
        if self._to_rouse:
            self._wake.set()
        while self._reclaim:
            execution_id = self._reclaim.pop()
            try:
                row = await self._store.claim_one(self._owner(), execution_id)
                if row is not None:
                    await self._take_up([row])
            except BaseException:
                self._reclaim.add(execution_id)  # the store is away: nobody else will look at what we own
                raise

    async def _claim_all(self) -> None:
        while self.claiming and self._has_room() and (names := self._workflows()):
            rows = await self._store.claim(self._owner(), workflows=names, limit=_CLAIM_LIMIT)
            try:
                if rows:
                    await self._take_up(rows)
            except BaseException:
                self._reclaim.update(row.id for row in rows)  # as above
                raise
            if len(rows) < _CLAIM_LIMIT:
                return

    async def _claim_early(self) -> None:
        """Claim what is due by a clock that is ahead of the store's."""
        if self._has_room():
            self._reclaim.update(await self._clock.overdue(self._store, self._workflows()))
            await self._again()

    async def _until_next(self) -> float:
        names, poll_s = self._workflows(), self._clock.poll_s
        next_us = await self._store.next_wake_us(workflows=names) if names else None
        if next_us is None:
            return poll_s
        return min(poll_s, max(0.001, self._clock.seconds_until(next_us)))

    async def watch_dead(self) -> None:
        """Hand back the executions of nodes that are gone; a component of the node."""
        while True:
            await self.release_dead()
            await asyncio.sleep(_DEAD_SCAN_S)

    async def release_dead(self) -> None:
        """Hand back, once, what dead nodes own."""
        try:
            nodes = [node for node in await self._store.nodes() if node.nonce != self._owner()]
            dead = [node.nonce for node in nodes if certainly_dead(node)]
            now_us = self._clock.store_now_us()
            if dead or any(node.lease_until_us < now_us for node in nodes):
                released = await self._store.release_dead(dead=dead)
                if released:
                    _log.info("took over from dead nodes", executions=released)
                    self.poke()
        except StoreError as error:
            _log.warning("could not look for dead nodes", error=str(error))

    async def watch_store(self, hint: Callable[[], None]) -> None:
        """Follow the store's hints; a component of the node."""
        async for _ in self._store.watch():
            self.poke()
            hint()
