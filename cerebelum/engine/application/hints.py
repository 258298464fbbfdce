"""When to look into the store again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from cerebelum.engine.ports.store import Store

_POLL_S = 0.25  # covers lost hints, and what this process wrote itself: a store tells of others only


async def hints(
    store: Store, here: asyncio.Event | None = None, *, poll_s: float = _POLL_S
) -> AsyncGenerator[None, None]:
    """Yield at once, then whenever the store may have news, for ever.

    Args:
        here: set, and cleared here, for what this process wrote itself.
        poll_s: look at the latest after so many seconds without a hint.
    """
    watch = aiter(store.watch())
    told: asyncio.Task[str] | None = None
    own: asyncio.Task[bool] | None = None
    try:
        while True:
            yield None
            told = told or asyncio.ensure_future(_next(watch))
            if here is not None:
                own = own or asyncio.ensure_future(here.wait())
            await asyncio.wait(
                {told, own} if own is not None else {told}, timeout=poll_s, return_when="FIRST_COMPLETED"
            )
            if here is not None and own is not None and own.done():
                here.clear()
                own = None
            if told.done():
                told.result()
                told = None
    finally:
        if own is not None:
            own.cancel()
        if told is not None:
            told.cancel()
            await asyncio.gather(told, return_exceptions=True)
        close = getattr(watch, "aclose", None)  # a generator's; the port promises an iterator only
        if close is not None:
            await close()


async def _next(watch: AsyncIterator[str]) -> str:
    return await anext(watch)
