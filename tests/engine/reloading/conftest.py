"""A desk on each kind of store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.reloading.desk import Desk, opened_desk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    return folder


@pytest.fixture
async def desk(url: str, folder: Path) -> AsyncIterator[Desk]:
    """A desk on each kind of store."""
    async with opened_desk(url, folder) as desk:
        yield desk


@pytest.fixture
async def memory_desk(folder: Path) -> AsyncIterator[Desk]:
    """A desk for what does not concern the store."""
    async with opened_desk("memory://", folder) as desk:
        yield desk
