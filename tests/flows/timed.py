"""Workflows that wait in every way that time alone ends, nearby (in memory) and for long (at rest in the store)."""

from __future__ import annotations

import asyncio
import time

from cerebelum import (
    InputTimedOut,
    Retry,
    SignalTimedOut,
    seconds,
    sleep,
    step,
    wait_for_input,
    wait_for_signal,
    workflow,
)
from tests.flows.ledger import effect

NEAR_S, FAR_S = 3, 3600


@step
async def touch(what: str) -> str:
    effect(what)
    return what


@step(retry=Retry(max_attempts=2, backoff="constant", backoff_base=NEAR_S))
async def fails_once() -> None:
    effect("tried")
    raise ConnectionError("again")


@step(retry=Retry(max_attempts=2, backoff="constant", backoff_base=FAR_S))
async def fails_once_for_long() -> None:
    effect("tried")
    raise ConnectionError("again")


@workflow
async def sleeps(duration_s: float) -> float:
    """Return how much time the code has seen pass."""
    before_s = time.time()
    await sleep(duration_s)
    return time.time() - before_s


@workflow
async def retries(duration_s: float) -> float:
    before_s = time.time()
    try:
        await (fails_once() if duration_s == NEAR_S else fails_once_for_long())
    except ConnectionError:
        return time.time() - before_s
    raise AssertionError("it fails twice")


@workflow
async def waits(duration_s: float) -> float:
    before_s = time.time()
    try:
        await wait_for_signal("paid", timeout=duration_s)
    except SignalTimedOut:
        return time.time() - before_s
    raise AssertionError("nobody pays")


@workflow
async def asks(duration_s: float) -> float:
    before_s = time.time()
    try:
        await wait_for_input("approval", timeout=duration_s)
    except InputTimedOut:
        return time.time() - before_s
    raise AssertionError("nobody answers")


@workflow
async def limits(duration_s: float) -> float:
    before_s = time.time()
    try:
        async with asyncio.timeout(duration_s):
            await wait_for_signal("never")
    except TimeoutError:
        return time.time() - before_s
    raise AssertionError("it has no end")


@workflow(timeout=seconds(NEAR_S))
async def ends_soon() -> None:
    await wait_for_signal("never")


@workflow(timeout=seconds(FAR_S))
async def ends_late() -> None:
    await wait_for_signal("never")


@workflow
async def sleeps_twice(first_s: float, second_s: float) -> list[float]:
    """Return the instants before, between and after."""
    instants = [time.time()]
    await sleep(first_s)
    instants.append(time.time())
    await wait_for_signal("go on")
    await sleep(second_s)
    return [*instants, time.time()]


@workflow
async def works(times: int) -> int:
    """Run steps, and wait for nothing else."""
    for number in range(times):
        await touch(str(number))
    return times


@workflow
async def sleeps_beside_a_wait(duration_s: float) -> str:
    """Ask last for what is not what ends first."""
    sleeping = asyncio.ensure_future(sleep(duration_s))
    waiting = asyncio.ensure_future(wait_for_signal("never"))
    await asyncio.wait([sleeping, waiting], return_when=asyncio.FIRST_COMPLETED)
    return "slept" if sleeping.done() else "waited"
