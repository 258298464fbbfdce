"""Workflows for the campaigns: plain ones, and some that misbehave."""

from __future__ import annotations

import asyncio
import time

from cerebelum import info, step, transaction, workflow
from tests.flows.ledger import effect, pass_gate


def _key() -> str:
    key = info().idempotency_key
    assert key is not None, "only steps take effect"
    return key


@step
async def touch(name: str) -> str:
    """Take effect under the step's idempotency key."""
    effect(_key())
    return name


@step
async def gated(name: str) -> str:
    """Take effect, then stand at the gate until the test opens it."""
    effect(_key())
    await pass_gate()
    return name


@workflow
async def around_a_gate() -> list[str]:
    return [await touch("before"), await gated("at"), await touch("after")]


@workflow
async def long_around_a_gate() -> int:
    for number in range(50):
        await (gated if number == 25 else touch)(str(number))
    return 50


@workflow
async def chain(count: int) -> int:
    for number in range(count):
        await touch(str(number))
    return count


@workflow
async def has_a_child() -> int:
    await gated("at")
    return await chain(2)


@workflow
async def sleeps(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "awake"


@workflow
async def spins() -> None:
    while True:  # noqa: ASYNC110 - that is what it is for
        await asyncio.sleep(0)


@workflow
async def spins_later() -> None:
    await touch("before")
    while True:  # noqa: ASYNC110 - that is what it is for
        await asyncio.sleep(0)


@workflow
async def blocks() -> None:
    while True:
        pass


@workflow
async def blocks_later() -> None:
    await touch("before")
    while True:
        pass


@step
async def block_the_loop(seconds: float) -> None:
    time.sleep(seconds)  # noqa: ASYNC251 - that is what it is for


@workflow
async def has_a_blocking_step(seconds: float) -> str:
    await block_the_loop(seconds)
    return "done"


@step(transactional=True)
async def write_nowhere() -> None:
    transaction().execute("INSERT INTO no_such_table VALUES (1)")


@workflow
async def writes_nowhere() -> None:
    await write_nowhere()
