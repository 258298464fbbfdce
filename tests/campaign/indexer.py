"""A process that indexes a part of the standard library, to be killed at any moment and begun again.

python -m tests.campaign.indexer URL OUT EXECUTION_ID
"""

from __future__ import annotations

import asyncio
import sys

import structlog

from cerebelum import connect
from examples.stdlib_index import stdlib_index

MODULES = 40


async def main(url: str, out: str, execution_id: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    async with connect(url) as client:
        handle = await client.start(stdlib_index, out, MODULES, id=execution_id)
        sys.stdout.write("acknowledged\n")
        sys.stdout.flush()
        report = await handle.result(60)
        sys.stdout.write(f"{report.modules} {report.index}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
