"""A desk on each kind of store, and an import system that is as before after each test."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cerebelum.engine.runtime.code.modules import finder
from cerebelum.engine.runtime.node import NodeSettings
from tests.engine.reloading.desk import Desk
from tests.engine.world import World


@pytest.fixture(autouse=True)
def imports_are_undone() -> Iterator[None]:
    """What a test imported is unloaded again; nothing of the session's own is."""
    modules, path, captured = set(sys.modules), list(sys.path), set(finder.names_under(""))
    yield
    for name in set(sys.modules) - modules:
        if not name.startswith(("cerebelum.", "tests.")):
            del sys.modules[name]
    sys.path[:] = path
    finder.remove(set(finder.names_under("")) - captured)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    return folder


async def _desk(url: str, folder: Path) -> AsyncIterator[Desk]:
    settings = NodeSettings(policy="pin", activation_limit_s=0.3, blocked_warning_s=0.2)
    world = await World.open(url, settings=settings, allow_stored_code=True)
    yield Desk(world, folder)
    await world.close()


@pytest.fixture
async def desk(url: str, folder: Path) -> AsyncIterator[Desk]:
    """A desk on each kind of store."""
    async for desk in _desk(url, folder):
        yield desk


@pytest.fixture
async def memory_desk(folder: Path) -> AsyncIterator[Desk]:
    """A desk for what does not concern the store."""
    async for desk in _desk("memory://", folder):
        yield desk
