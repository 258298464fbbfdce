"""When to look into the store again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from cerebelum.engine.ports.store import Store

_POLL_S = 0.25  # covers lost hints, and what this process wrote itself: a store tells of others only


async def hints(store: Store) -> AsyncGenerator[None, None]:
    """Yield at once, then whenever the store may have news, for ever."""
    watch = aiter(store.watch())
    told: asyncio.Task[str] | None = None
    try:
        while True:
            yield None
            told = told or asyncio.ensure_future(_next(watch))
            done, _ = await asyncio.wait({told}, timeout=_POLL_S)
            if done:
                told.result()
                told = None
    finally:
        if told is not None:
            told.cancel()
            await asyncio.gather(told, return_exceptions=True)
        close = getattr(watch, "aclose", None)  # a generator's; the port promises an iterator only
        if close is not None:
            await close()


async def _next(watch: AsyncIterator[str]) -> str:
    return await anext(watch)
