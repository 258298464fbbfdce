"""A desk to edit flows at: a project folder, an engine on a store, and the reloader between them."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cerebelum.engine.application.client import Handle
from cerebelum.engine.application.reloading import FileOutcome, Reloaded, Reloader
from cerebelum.engine.application.verdicts import Verdict
from cerebelum.engine.domain import events as ev
from cerebelum.engine.runtime.node import NodeSettings
from tests.engine.world import PATIENCE_S, World

HEADER = """\
import asyncio
from cerebelum import Retry, info, patched, step, wait_for_signal, workflow
from tests.flows.ledger import effect, pass_gate
"""

ORDER = """
    @step
    async def first() -> str:
        effect("first")
        return "first"

    @step
    async def stands() -> str:
        await pass_gate()
        effect("stood WORD")
        return "stood WORD"

    @step
    async def last() -> str:
        effect("last WORD")
        return "last WORD"

    @step
    async def extra() -> str:
        effect("extra")
        return "extra"

    @workflow
    async def order() -> list[str]:
        BEFORE
        done = [await first()]
        MIDDLE
        done.append(await last())
        return done
"""
WAITS = 'done.append(str(await wait_for_signal("go")))'
STANDS = "done.append(await stands())"
EXTRA = "await extra()"
SLEEPS = "await asyncio.sleep(3600)"


def order(*, word: str = "one", before: str = "pass", middle: str = WAITS) -> str:
    """Return the text of a flow, with some words of it changed."""
    return ORDER.replace("WORD", word).replace("BEFORE", before).replace("MIDDLE", middle)


@asynccontextmanager
async def opened_desk(url: str, folder: Path) -> AsyncIterator[Desk]:
    """Give a desk on a store, which is closed afterwards."""
    settings = NodeSettings(policy="pin", activation_limit_s=0.3, blocked_warning_s=0.2)
    world = await World.open(url, settings=settings, allow_stored_code=True)
    try:
        yield Desk(world, folder)
    finally:
        await world.close()


class Desk:
    """See the module docstring."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.reloader = Reloader(world.engine, [folder])

    # -- editing --------------------------------------------------------------------------------------------------
    def write(self, text: str, name: str = "flow.py") -> Path:
        """Write a file of the project; the usual imports stand at its top."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + textwrap.dedent(text), encoding="utf-8")
        return path

    async def open(self, text: str, name: str = "flow.py") -> list[FileOutcome]:
        """Write the first file, load, and start the node."""
        self.write(text, name)
        outcomes = await self.reloader.start()
        await self.world.engine.start_node()
        return outcomes

    async def outcome(self, text: str, name: str = "flow.py") -> FileOutcome:
        """Write a file and reload; return the one outcome."""
        (outcome,) = await self.reloader.reload([self.write(text, name)])
        return outcome

    async def edit(self, text: str, name: str = "flow.py") -> Reloaded:
        """Write a file and reload; it must load."""
        outcome = await self.outcome(text, name)
        assert outcome.reloaded is not None, outcome.error
        return outcome.reloaded

    async def verdict(self, text: str, name: str = "flow.py") -> Verdict:
        """Write a file and reload; return what became of the only open execution."""
        (verdict,) = (await self.edit(text, name)).verdicts
        return verdict

    # -- executions -----------------------------------------------------------------------------------------------
    async def start(self, name: str = "order", *args: Any) -> Handle[Any]:
        """Start a workflow by its name."""
        return await self.world.client.start(name, *args)

    async def result(self, handle: Handle[Any]) -> Any:
        """Return an execution's result."""
        return await handle.result(PATIENCE_S)

    async def waits(self, handle: Handle[Any]) -> None:
        """Wait until it waits."""
        await self.world.until_status(handle, "waiting")

    async def rests(self, handle: Handle[Any]) -> None:
        """Wait until it has left memory."""
        async with asyncio.timeout(PATIENCE_S):
            while handle.id in self.world.node.resident or (await handle.describe()).row.owner:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def changes(self, handle: Handle[Any]) -> list[tuple[str, str]]:
        """Return the recorded moves: (before, after)."""
        return [(event.before, event.after) for event in await self.world.events(handle, ev.CodeChanged)]

    def newest(self, name: str = "order") -> str:
        """Return the short digest of the newest code."""
        return self.world.engine.registry.newest(name).digest
