"""Waiting for an event, but not for ever.

`asyncio.wait_for` of CPython 3.11 swallows a cancellation that comes in the moment in which the event is set: the
component that waited would then never stop. `asyncio.timeout` does not.
"""

from __future__ import annotations

import asyncio


async def is_set_within(event: asyncio.Event, seconds: float | None) -> bool:
    """Return whether `event` is set by the time `seconds` have passed; None: wait for as long as it takes."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
