"""Which saves are told, and which are none of anybody's business."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cerebelum_cli.dev.watching import Watch, folders_below

PATIENCE_S = 30


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[asyncio.Queue[set[Path]]]:
    """Give a queue of what is told of a folder and those below it."""
    watch = Watch(lambda: folders_below(folder))
    await watch.arm()
    told: asyncio.Queue[set[Path]] = asyncio.Queue()

    async def listen() -> None:
        async for changed in watch.changes():
            told.put_nowait(changed)

    task = asyncio.create_task(listen())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await watch.close()


async def until(told: asyncio.Queue[set[Path]], path: Path) -> set[Path]:
    """Return everything that was told until `path` was."""
    async with asyncio.timeout(PATIENCE_S):
        found: set[Path] = set()
        while path not in found:
            found |= await told.get()
        return found


def test_caches_environments_and_hidden_folders_are_no_part_of_a_project(tmp_path: Path) -> None:
    """W3: what tools write beside the code is not watched, so that it costs nothing and reloads nothing."""
    for name in ("flows/deep", ".git/objects", ".venv/lib", "env/lib", "node_modules/x", "__pycache__", ".cerebelum"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    assert folders_below(tmp_path) == [tmp_path, tmp_path / "flows", tmp_path / "flows" / "deep"]


async def test_each_way_to_save_is_told(tmp_path: Path) -> None:
    """W3: written in place, renamed over, made anew, deleted; each of them again and again."""
    flow = tmp_path / "flow.py"
    flow.write_text("first")
    async with watching(tmp_path) as told:
        for number in range(3):
            flow.write_text(f"in place {number}")
            await until(told, flow)
            (tmp_path / ".flow.py.tmp").write_text(f"over it, {number}")
            (tmp_path / ".flow.py.tmp").rename(flow)
            await until(told, flow)
            flow.unlink()
            await until(told, flow)
            flow.write_text(f"anew {number}")
            await until(told, flow)


async def test_what_tools_write_is_not_told(tmp_path: Path) -> None:
    """W3: a cache, a swap file, the store: none of them is a save."""
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / ".cerebelum").mkdir()
    async with watching(tmp_path) as told:
        for name in ("__pycache__/flow.pyc", ".cerebelum/dev.db", ".flow.py.swp", "flow.py~"):
            (tmp_path / name).write_text("x")
        last = tmp_path / "flow.py"
        last.write_text("x")
        assert {path for path in await until(told, last) if path.suffix} == {last}


async def test_a_new_folder_is_watched_with_what_is_in_it(tmp_path: Path) -> None:
    """W3: a package that is copied in counts, and so do later saves in it."""
    async with watching(tmp_path) as told:
        folder = tmp_path / "prices" / "swiss"
        folder.mkdir(parents=True)
        module = folder / "vat.py"
        module.write_text("VAT = 1")
        await until(told, module)
        module.write_text("VAT = 22")
        await until(told, module)


async def test_a_file_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    """W3: an editor empties a file before it fills it: the empty one is not taken for the flow."""
    flow = tmp_path / "flow.py"
    flow.write_text("whole")
    async with watching(tmp_path) as told:
        with flow.open("w") as file:
            file.flush()
            await asyncio.sleep(0)
            file.write("whole again")
        await until(told, flow)
        assert flow.read_text() == "whole again"
