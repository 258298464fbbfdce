"""Old code is let go: a day of editing costs no memory."""

from __future__ import annotations

import asyncio
import gc
import linecache
import sys
import tracemalloc
import weakref
from typing import Any

from cerebelum.engine.application.client import Handle
from cerebelum.engine.runtime.code.modules import PINNED_PREFIX, finder
from cerebelum.engine.runtime.code.normal_form import analyse
from tests.engine.reloading.desk import Desk, order
from tests.engine.world import PATIENCE_S

EXTRA = "await extra()"
EDITS, SETTLING = 1_000, 800  # tracing makes each edit slower: it sees the last ones
GROWTH_BYTES_PER_EDIT = 1_000  # a module with its workflows takes 50 times that


async def _counts(desk: Desk, along: Handle[Any]) -> dict[str, int]:
    """Count what a reload may leave behind, once the last move is stored and what it needed is released."""
    await desk.world.until(along, lambda view: view.row.code == desk.newest())
    await desk.reloader.release()
    registry = desk.world.engine.registry
    return {
        "modules": len(sys.modules),
        "finder": len(finder.names_under("")),
        "versions": sum(len(registry.versions(name)) for name in registry.names()),
        "superseded": len(registry.superseded()),
        "lines": len(linecache.cache),
        "path": len(sys.path),
    }


def _traced_bytes() -> int:
    analyse.cache_clear()  # 512 texts, the oldest of which are not traced
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def test_memory_stays_flat_over_a_thousand_reloads(sqlite_desk: Desk) -> None:
    """W3: with one execution that moves along and one that is kept, old modules, versions and lines are released."""
    desk = sqlite_desk
    await desk.open(order() + ANNOTATED)
    kept = await desk.start()
    await desk.waits(kept)
    await desk.edit(order(before=EXTRA) + ANNOTATED)
    along = await desk.start()
    await desk.waits(along)
    modules: list[weakref.ref[object]] = []
    functions: list[weakref.ref[object]] = []
    counts, before = dict[str, int](), 0
    for number in range(EDITS):
        reloaded = await desk.edit(order(word=f"w{number}", before=EXTRA) + ANNOTATED)
        outcomes = sorted(verdict.outcome for verdict in reloaded.verdicts)
        # one that the last edit is still having taken up moves by that: then there is nothing left to tell of it
        assert (outcomes in (["kept", "moved"], ["kept"]), reloaded.unchecked) == (True, 0), number
        if number % 50 == 0:
            await desk.result(await desk.start("price", sys.modules["flow"].Price(number)))
        modules.append(weakref.ref(sys.modules["flow"]))
        functions.append(weakref.ref(desk.world.engine.registry.get("order").function))
        if number == SETTLING - 2:
            tracemalloc.start()
        elif number == SETTLING:
            counts, before = await _counts(desk, along), _traced_bytes()
    after = _traced_bytes()
    tracemalloc.stop()
    assert await _counts(desk, along) == counts
    assert counts["versions"] == 3, "order: the newest, and the one that is kept; price: the newest"
    gc.collect()
    assert sum(ref() is not None for ref in modules) == 1
    assert sum(ref() is not None for ref in functions) == 1
    assert (after - before) / (EDITS - SETTLING) < GROWTH_BYTES_PER_EDIT
    for handle, word in ((kept, "one"), (along, f"w{EDITS - 1}")):
        await handle.signal("go", "on")
        assert (await desk.result(handle))[-1] == f"last {word}"
    await desk.reloader.release()
    assert desk.world.engine.registry.superseded() == []


ANNOTATED = """
    from dataclasses import dataclass

    @dataclass
    class Price:
        amount: int

    @step
    async def double(price: Price) -> Price:
        return Price(price.amount * 2)

    @workflow
    async def price(price: Price) -> Price:
        return await double(price)
"""


async def test_a_version_from_the_store_is_released(memory_desk: Desk) -> None:
    """V13: what was pinned after a crash leaves the import system when its last execution ended."""
    desk, shown_before = memory_desk, set(linecache.cache)
    await desk.open(order())
    handle = await desk.start()
    await desk.waits(handle)
    await desk.edit(order(before=EXTRA))
    await desk.world.crash()
    await desk.world.come_back()
    again = Desk(desk.world, desk.folder)
    await again.reloader.start()
    await desk.world.engine.start_node()
    handle = desk.world.client.handle(handle.id)
    await handle.signal("go", "on")
    assert await desk.result(handle) == ["first", "on", "last one"]
    assert [name for name in sys.modules if name.startswith(PINNED_PREFIX)]
    assert await again.reloader.release() == 1
    assert [name for name in sys.modules if name.startswith(PINNED_PREFIX)] == []
    assert [name for name in set(linecache.cache) - shown_before if "@" in name] == []


async def test_what_an_open_execution_needs_is_not_released(desk: Desk) -> None:
    """V13: neither the code of one in memory nor that of one at rest."""
    await desk.open(order(middle="await asyncio.sleep(3600)"))
    handle, before = await desk.start(), desk.newest()
    await desk.rests(handle)
    await desk.edit(order(word="two", before=EXTRA))
    assert await desk.reloader.release() == 0
    assert desk.world.engine.registry.entry("order", before) is not None
    await handle.cancel()
    await desk.world.until_status(handle, "cancelled")
    async with asyncio.timeout(PATIENCE_S):
        while handle.id in desk.world.node.resident:  # noqa: ASYNC110 - the end is durable a moment before it goes
            await asyncio.sleep(0.002)
    assert await desk.reloader.release() == 1
    assert desk.world.engine.registry.entry("order", before) is None
