"""A process that starts executions for as long as it is left alive, whether the store has room for them or not.

    python -m tests.campaign.starter URL COUNT

One line for each fact, through a pipe, which no full disk stops: "acknowledged ID" once a start is durable, "trouble ERROR"
when the node says that the store keeps refusing, "effect KEY" for each effect of a step. With COUNT 0 it starts nothing,
runs what is open and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

import structlog

from cerebelum import connect, info, step, workflow
from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.runtime.node import NodeSettings

OPEN = ("pending", "running", "waiting")
AT_ONCE = 5


def say(line: str) -> None:
    """Write one line at once; it stays in the pipe if the process dies."""
    os.write(1, f"{line}\n".encode())


@step
async def take_effect(number: int) -> int:
    say(f"effect {info().idempotency_key}")
    return number


@workflow
async def small_work() -> int:
    return sum([await take_effect(number) for number in range(3)])


async def main(url: str, count: int) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = NodeSettings(store_patience_s=0.3)
    async with connect(url, settings=settings, on_trouble=lambda error: say(f"trouble {error.code}")) as client:
        await client.register(small_work)
        for _ in range(0, count, AT_ONCE):
            with contextlib.suppress(StoreError):  # refused: nothing was written
                for handle in await client.start_many(small_work, [()] * AT_ONCE):
                    say(f"acknowledged {handle.id}")
            await asyncio.sleep(0.01)
        while await client.list(statuses=OPEN):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
