"""Campaigns run on the stores that outlive a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cerebelum.connect import open_store
from cerebelum.engine.ports.store import Store
from tests.engine.world import World


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store that the test has alone."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    found: str = request.getfixturevalue("migrated_postgres_url")
    return found


@pytest.fixture
async def opened(url: str) -> AsyncIterator[Callable[[], Awaitable[Store]]]:
    """Returns another opened store on the same database at each call, as another process would have."""
    stores: list[Store] = []

    async def open_another() -> Store:
        store = open_store(url)
        await store.open()
        stores.append(store)
        return store

    yield open_another
    for store in stores:
        await store.close()


@pytest.fixture
async def world_on() -> AsyncIterator[Callable[..., World]]:
    """Returns a world on the given store at each call; their engines are stopped afterwards."""
    worlds: list[World] = []

    def make(store: Store, **options: Any) -> World:
        worlds.append(World(store, **options))
        return worlds[-1]

    yield make
    for world in worlds:
        await world.engine.stop_node(1.0)
