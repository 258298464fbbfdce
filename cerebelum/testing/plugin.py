"""The pytest plugin: fixtures `engine` and `blocking_engine`. It imports nothing of the engine until a test asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cerebelum.testing.blocking import BlockingEngine
    from cerebelum.testing.engine import InMemoryEngine


@pytest.fixture
def blocking_engine() -> Iterator[BlockingEngine]:
    """An engine in memory and in virtual time, for tests that are plain functions."""
    from cerebelum.testing.blocking import blocking_in_memory_engine

    with blocking_in_memory_engine() as kit:
        yield kit


async def _engine() -> AsyncIterator[InMemoryEngine]:
    """An engine in memory and in virtual time, for tests that are coroutines."""
    from cerebelum.testing.engine import in_memory_engine

    async with in_memory_engine() as kit:
        yield kit


def _no_engine() -> None:
    """Stands in where nothing runs coroutines."""
    pytest.fail(
        "the fixture `engine` is for tests that are coroutines, and no plugin runs those\n"
        "  help: pip install pytest-asyncio, or use the fixture `blocking_engine` in a plain function",
        pytrace=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixture `engine` in the form that the run's own plugin for coroutines understands."""
    plugins = config.pluginmanager
    fixtures: Any = ModuleType("cerebelum fixtures")
    if plugins.hasplugin("asyncio"):
        import pytest_asyncio

        fixtures.engine = pytest_asyncio.fixture(name="engine")(_engine)
    else:
        fixtures.engine = pytest.fixture(name="engine")(_engine if plugins.hasplugin("anyio") else _no_engine)
    plugins.register(fixtures, "cerebelum-fixtures")
