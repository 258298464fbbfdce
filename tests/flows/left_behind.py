"""A workflow that ends while a step of its own still runs."""

from __future__ import annotations

import asyncio

from cerebelum import step, workflow
from tests.flows.ledger import pass_gate


@step
async def at_gate() -> None:
    await pass_gate()


@step
async def brief() -> int:
    await asyncio.sleep(0.02)
    return 1


@workflow
async def leaves_a_step() -> int:
    left = asyncio.create_task(at_gate())
    found: int = await brief()
    assert not left.done()
    return found
