"""A node's place among the store's nodes: it joins, keeps its lease, and rejoins under a new nonce when it lost that.

The nonce names one stretch of membership. What was written under an old one is fenced, whatever still runs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.domain.ids import new_nonce
from cerebelum.engine.ports.store import NodeRow, Store
from cerebelum.engine.runtime.beside import Beside
from cerebelum.engine.runtime.lease import LeaseKeeper
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.presence import host_identity, node_name

_REJOIN_AGAIN_S = 0.2
_log = OwnLog("cerebelum.node")


class Membership:
    """See the module docstring.

    Args:
        workflows: names of those that the node can run.
        on_lost: called at once when the lease is lost; returns how many executions it dropped, all of them.
        on_rejoined: called when the node is a member again.
    """

    def __init__(
        self,
        store: Store,
        *,
        now_us: Callable[[], int],
        workflows: Callable[[], tuple[str, ...]],
        beside: Beside,
        on_lost: Callable[[], int],
        on_rejoined: Callable[[], None],
    ) -> None:
        self._store, self._now_us, self._workflows, self._beside = store, now_us, workflows, beside
        self._on_lost, self._on_rejoined = on_lost, on_rejoined
        self.nonce = new_nonce()
        self._told: tuple[str, ...] = ()  # to others, as what this node knows
        self._telling = asyncio.Lock()
        self.lease: LeaseKeeper

    async def join(self) -> None:
        """Enter the node into the store, and keep its lease from now on.

        Raises:
            StoreError: the store does not take it.
        """
        names = self._workflows()
        await self._store.join(
            NodeRow(
                nonce=self.nonce, name=node_name(), host=host_identity(), pid=os.getpid(), lease_until_us=0,
                started_at_us=self._now_us(), workflows=names,
            )
        )  # fmt: skip
        self._told = names
        self.lease = LeaseKeeper(self._store, self.nonce, self._lost)
        self.lease.start()

    async def announce(self) -> None:
        """Tell others which workflows this node knows by now; nothing where that is what they were told.

        Raises:
            StoreError: the store does not take it.
        """
        async with self._telling:
            if (names := self._workflows()) != self._told:
                await self._store.announce(self.nonce, names)
                self._told = names

    async def leave(self) -> None:
        """Sign off; where the store does not answer, the lease runs out."""
        try:
            await self._store.leave(self.nonce)
        except StoreError as error:
            _log.warning("could not sign off; the lease will run out", error=str(error))

    def _lost(self, reason: str) -> None:
        _log.error("lease lost", nonce=self.nonce, reason=reason, executions=self._on_lost())
        lost, self.nonce = self.nonce, new_nonce()
        self._beside.do(self._rejoin(lost))

    async def _rejoin(self, lost: str) -> None:
        while True:
            try:
                await self._store.leave(lost)  # it may own what it claimed or started after it had been declared dead
                await self.join()
            except StoreError:
                await asyncio.sleep(_REJOIN_AGAIN_S)
            else:
                self._on_rejoined()
                return
