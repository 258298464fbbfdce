"""A process that runs executions until SIGTERM, then stops in an orderly way.

    python -m tests.campaign.server URL LEDGER COUNT

It starts COUNT executions, prints "ready" when a step of each is under way, and exits 0. Each step writes its
idempotency key to LEDGER. Started again, with COUNT 0, it runs what is open and ends by itself when nothing is.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog

from cerebelum import connect, info, step, workflow

LEDGER = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("ledger.txt")
OPEN = ("pending", "running", "waiting")
under_way: set[str] = set()


@step
async def work(number: int, seconds: float) -> int:
    with LEDGER.open("a") as ledger:
        ledger.write(f"{info().idempotency_key}\n")
        ledger.flush()
        os.fsync(ledger.fileno())
    under_way.add(info().execution_id)
    await asyncio.sleep(seconds)
    return number


@workflow
async def job(seconds: float) -> int:
    return sum([await work(number, seconds) for number in range(3)])


async def main(url: str, count: int) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with connect(url) as client:
        await client.register(job)
        for _ in range(count):
            await client.start(job, 0.3)
        while len(under_way) < count:  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0.005)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while not stop.is_set() and (count or await client.list(statuses=OPEN)):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[3])))
