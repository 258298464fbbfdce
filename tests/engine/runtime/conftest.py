"""Worlds whose store is watched or disturbed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from cerebelum.connect import open_store
from cerebelum.engine.ports.store import Store
from tests.campaign.wrapping import Wrapping
from tests.engine.world import World


@pytest.fixture
async def worlds(url: str) -> AsyncIterator[Callable[..., Any]]:
    """Returns a world whose store is seen through the given wrapping."""
    made: list[World] = []

    async def make(wrapping: Callable[[Store], Wrapping], **options: Any) -> tuple[World, Any]:
        store = open_store(url)
        await store.open()
        wrapped = wrapping(store)
        made.append(World(wrapped.store, **options))
        return made[-1], wrapped

    yield make
    for world in made:
        await world.close()
