"""A process in which a crowd sleeps; it tells what the crowd costs in memory, and that it still works.

python -m tests.campaign.sleepers URL COUNT

It prints how many bytes its resident memory grew by once all are at rest, then the result of one more execution.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
from pathlib import Path

import structlog

from cerebelum import connect
from cerebelum.engine.application.client import Client
from tests.campaign.workloads import chain, sleeps

HOUR_S = 3600.0
CHUNK = 1_000  # started at once
FIRST = 2_000  # what the first of a kind costs: code, statements, buffers
PATIENCE_S = 20.0


async def crowd(client: Client, count: int) -> None:
    """Start that many sleepers and wait until none of them is in memory."""
    node = client.engine.node
    assert node is not None
    for begun in range(0, count, CHUNK):
        await client.start_many(sleeps, [(HOUR_S,)] * min(CHUNK, count - begun))
    while node.resident:  # noqa: ASYNC110 - that an execution was put to rest is told to nobody
        await asyncio.sleep(0.01)


def resident_bytes() -> int:
    """Return this process's resident memory, without what is only waiting to be given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def main(url: str, count: int) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    async with connect(url) as client:
        await client.register(sleeps, chain)
        await crowd(client, FIRST)
        before_bytes = resident_bytes()
        await crowd(client, count)
        sys.stdout.write(f"{resident_bytes() - before_bytes}\n")
        handle = await client.start(chain, 1)
        sys.stdout.write(f"{await handle.result(PATIENCE_S)}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
