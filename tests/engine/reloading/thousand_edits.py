"""A thousand edits in a process of its own, with one execution that moves along and one that is kept.

    python -m tests.engine.reloading.thousand_edits URL FOLDER

It ends with 0 if old modules, versions and lines are released and memory stays flat: that of this process, whose tables
no other test has filled to the brink of growing.
"""

from __future__ import annotations

import asyncio
import gc
import linecache
import sys
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

from cerebelum.engine.application.client import Handle
from cerebelum.engine.runtime.code.modules import finder
from cerebelum.engine.runtime.code.normal_form import analyse
from tests.engine.reloading.desk import EXTRA, Desk, opened_desk, order

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


async def edit_a_thousand_times(desk: Desk) -> None:
    """See the module docstring. Raises `AssertionError`."""
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


async def _main(url: str, folder: Path) -> None:
    async with opened_desk(url, folder) as desk:
        await edit_a_thousand_times(desk)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))
