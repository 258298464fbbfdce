"""A browser for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.servers.chromium import ChromiumMissing, Page, chromium


@pytest.fixture
async def new_page() -> AsyncIterator[Callable[[], Awaitable[Page]]]:
    """Opens another page of a browser that the test has alone."""
    try:
        async with chromium() as new_page:
            yield new_page
    except ChromiumMissing as error:
        pytest.skip(str(error))
