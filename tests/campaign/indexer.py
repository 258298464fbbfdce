"""A process that indexes a part of the standard library, to be killed at any moment and begun again.

    python -m tests.campaign.indexer URL OUT EXECUTION_ID LEDGER

Each attempt of a step first writes its idempotency key to LEDGER, outside the store. It prints "acknowledged", then
the report as JSON.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import structlog

from cerebelum import connect, info
from examples import stdlib_index as demo

MODULES = 40
STEPS = (demo.discover, demo.parse_module, demo.build_index, demo.publish, demo.remove_parts)


def noting(function: Callable[..., Any], ledger: int) -> Callable[..., Any]:
    """Return `function`, preceded by a line in the ledger. What was written outlives the process, if not the machine."""

    @functools.wraps(function)
    def noted(*args: Any, **kwargs: Any) -> Any:
        os.write(ledger, f"{info().idempotency_key}\n".encode())
        return function(*args, **kwargs)

    return noted


async def main(url: str, out: str, execution_id: str, ledger: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    opened = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for one in STEPS:
        one.function = noting(one.function, opened)
    async with connect(url) as client:
        handle = await client.start(demo.stdlib_index, out, MODULES, id=execution_id)
        sys.stdout.write("acknowledged\n")
        sys.stdout.flush()
        report = await handle.result(60)
        sys.stdout.write(f"{json.dumps(asdict(report))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
