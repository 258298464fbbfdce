"""Workflows that stand still, each for another reason."""

from __future__ import annotations

import asyncio

from cerebelum import Retry, step, wait_for_input, wait_for_signal, workflow
from tests.flows import ledger


@step(retry=Retry(max_attempts=5, backoff="constant", backoff_base=600))
async def fails_for_now() -> None:
    """Fail, to be tried again much later."""
    raise ConnectionError("the bank is away")


@step
async def charge(amount: int) -> int:
    """Fail for good."""
    raise ValueError(f"declined: {amount}")


@step
async def gated() -> str:
    """Run until the test opens the gate."""
    await ledger.pass_gate()
    return "through"


@workflow
async def asks() -> int:
    """Wait for a signal for ever."""
    return int(await wait_for_signal("approve"))


@workflow
async def asks_for_a_day() -> int:
    """Wait for a signal until tomorrow."""
    return int(await wait_for_signal("approve", timeout=86_400))


@workflow
async def asks_a_person() -> bool:
    """Wait for an input."""
    return bool(await wait_for_input("review", prompt="Ship it?"))


@workflow
async def sleeps() -> None:
    """Sleep until tomorrow."""
    await asyncio.sleep(86_400)


@workflow
async def sleeps_and_asks() -> None:
    """Do both at once."""
    await asyncio.gather(asyncio.sleep(86_400), wait_for_signal("approve"))


@workflow
async def tries_again() -> None:
    """Wait for the next attempt."""
    await fails_for_now()


@workflow
async def fails() -> int:
    """Fail in a step."""
    return await charge(7)


@workflow
async def runs() -> str:
    """Run a step."""
    return await gated()


@workflow
async def parent() -> int:
    """Wait for a child that waits."""
    return await asks()


@workflow
async def grandparent() -> int:
    """Wait for a child that waits for a child that waits."""
    return await parent()


@workflow
async def patient_parent() -> None:
    """Wait for a child that sleeps."""
    await sleeps()
