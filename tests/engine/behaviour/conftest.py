"""A world for each kind of store: the behaviour is the same on all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from tests.engine.world import World


@pytest.fixture
async def world(url: str) -> AsyncIterator[World]:
    """An engine on an empty store."""
    world = await World.open(url)
    yield world
    await world.close()


@pytest.fixture
def make_engine(new_url: Callable[[], str]) -> Callable[[], Awaitable[Engine]]:
    """Returns an engine on another empty store at each call."""

    async def make() -> Engine:
        store = open_store(new_url())
        await store.open()
        return Engine(store, make_codec())

    return make
