"""Flows that stand still where the test wants to look at them."""

from __future__ import annotations

import asyncio

from cerebelum import sleep_for, step, wait_for_signal, workflow
from tests.flows.ledger import effect, pass_gate


@step
async def one() -> str:
    await pass_gate("one")
    return "one"


@step
async def two() -> str:
    await pass_gate("two")
    return "two"


@step
async def three() -> str:
    await pass_gate("three")
    return "three"


@workflow
async def three_steps() -> list[str]:
    return [await one(), await two(), await three()]


@workflow
async def quick(text: str = "done") -> str:
    return text


@workflow
async def long_wait() -> str:
    return str(await wait_for_signal("go"))


@workflow
async def long_sleep() -> None:
    await sleep_for(days=30)


@step
async def never_ends() -> None:
    try:
        await pass_gate("never")
    except asyncio.CancelledError:
        effect("stopped")
        raise


@workflow
async def busy() -> None:
    await never_ends()


@workflow
async def naps_a_little(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "awake"
