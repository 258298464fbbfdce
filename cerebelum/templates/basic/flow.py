"""A first durable workflow. Run it with `cerebelum run flow.py`.

Kill it while it runs and run it again with `cerebelum run --resume @last`: finished steps keep their results.
"""

from __future__ import annotations

import asyncio

from cerebelum import step, workflow


@step
def count_words(text: str) -> int:
    """A step may touch the world; its result is recorded, so it does not run again once it has completed."""
    return len(text.split())


@workflow
async def basic(text: str = "plain Python is durable") -> str:
    """Count the words of `text` after a durable pause."""
    await asyncio.sleep(0.1)
    words = await count_words(text)
    return f"{words} words"
