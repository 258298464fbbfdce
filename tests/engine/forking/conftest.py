"""A world for each kind of store, and what every fork must leave alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.engine.world import World


@pytest.fixture
async def world(url: str) -> AsyncIterator[World]:
    """An engine on an empty store."""
    world = await World.open(url)
    yield world
    await world.close()
