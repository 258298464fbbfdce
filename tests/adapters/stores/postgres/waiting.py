"""Seeing who waits for whom, so that races can be set up without sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

_DEADLINE_S = 20
_WAITS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Ask again and again until it holds."""
    async with asyncio.timeout(_DEADLINE_S):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)  # another process decides: there is no event to wait for


async def blocked(session: Any, count: int = 1) -> list[int]:
    """Return the server processes that wait for a lock, once there are `count`."""

    async def enough() -> bool:
        return len(await session.fetch(_WAITS)) >= count

    await until(enough)
    return [row[0] for row in await session.fetch(_WAITS)]
