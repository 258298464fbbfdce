"""Executions that are started, signalled, let through gates and cancelled while files are edited."""

from __future__ import annotations

import contextlib
import random
from typing import Any

from msgspec import Struct

from cerebelum.engine.application.client import Handle
from cerebelum.engine.domain.errors import ForbiddenTransition
from cerebelum.engine.domain.execution import FINAL
from tests.engine.world import World
from tests.flows import ledger


class Started(Struct):
    """An execution that was started, and what is to come to it.

    Attributes:
        code: what it must have begun on; "" where an edit was under way.
        gate, signal, cancel: the minutes in which that comes; -1: it came, or does not.
    """

    handle: Handle[Any]
    workflow: str
    number: int
    code: str
    gate: int
    signal: int
    cancel: int = -1
    was_cancelled: bool = False


class Load:
    """All of them. Draws from dice of its own, so that the edits of a seed stay what they are."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._dice = world, random.Random(seed + 1_000)
        self.all: dict[str, Started] = {}

    async def start(self, workflow: str, minute: int, *, during_edit: bool = False) -> Started:
        """Start one; what it waits for comes within the next minutes."""
        number, dice = len(self.all), self._dice
        code = "" if during_edit else self._world.engine.registry.newest(workflow).digest
        started = Started(
            handle=await self._world.client.start(workflow, number),
            workflow=workflow,
            number=number,
            code=code,
            gate=minute + dice.randint(1, 3),
            signal=minute + dice.randint(0, 11),
            cancel=minute + dice.randint(2, 8) if number % 11 == 5 else -1,
        )
        self.all[started.handle.id] = started
        return started

    async def minute(self, minute: int) -> None:
        """Let come what comes by this minute."""
        for started in self.all.values():
            handle = started.handle
            if 0 <= started.gate <= minute:
                started.gate = -1
                ledger.gate(handle.id).set()
            if 0 <= started.signal <= minute:
                started.signal = -1
                await self._tell(started)
            if 0 <= started.cancel <= minute:
                started.cancel = -1
                with contextlib.suppress(ForbiddenTransition):  # it has ended
                    await handle.cancel()
                    started.was_cancelled = True

    async def _tell(self, started: Started) -> None:
        try:
            await started.handle.signal("go", "on", key="go")
        except ForbiddenTransition:
            row = (await started.handle.describe()).row
            assert row.status in FINAL, f"{started.workflow} took no signal, and is {row.status}"
