"""Old code is let go: a day of editing costs no memory."""

from __future__ import annotations

import asyncio
import linecache
import os
import subprocess
import sys
from pathlib import Path

from cerebelum.engine.runtime.code.modules import PINNED_PREFIX
from tests.engine.reloading.desk import EXTRA, Desk, order
from tests.engine.world import PATIENCE_S

ROOT = Path(__file__).parents[3]


def test_memory_stays_flat_over_a_thousand_reloads(tmp_path: Path, folder: Path) -> None:
    """W3: with one execution that moves along and one that is kept, old modules, versions and lines are released."""
    command = [
        sys.executable,
        "-m",
        "tests.engine.reloading.thousand_edits",
        f"sqlite:///{tmp_path}/desk.db",
        str(folder),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr


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
