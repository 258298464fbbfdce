"""Workflows that sleep and wait for signals."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from cerebelum import SignalTimedOut, info, seconds, sleep, sleep_for, sleep_until, step, wait_for_signal, workflow
from tests.flows.ledger import effect, pass_gate


@step
async def note(text: str) -> str:
    effect(text)
    return text


@workflow
async def naps(duration_s: float) -> list[str]:
    before = await note("before")
    await sleep_for(seconds=duration_s)
    return [before, await note("after")]


@workflow
async def naps_in_every_spelling() -> float:
    begun = datetime.now(UTC)
    await sleep(seconds(0.01))
    await sleep(0.01)
    await sleep_for(minutes=0.0001, hours=0.000001)
    await asyncio.sleep(0.01)
    return (datetime.now(UTC) - begun).total_seconds()


@workflow
async def sleeps_till(moment: datetime) -> str:
    await sleep_until(moment)
    return await note("awake")


@workflow
async def naive_moment() -> None:
    await sleep_until(datetime(2030, 1, 1))  # noqa: DTZ001 - refused: that is the point


@workflow
async def sleeps_long() -> Any:
    await note("before")
    await sleep_for(hours=1)
    return await data_of_resume()


@step
async def data_of_resume() -> Any:
    return info().resume_data


@workflow
async def waits_for_payment(order_id: int) -> Any:
    return await wait_for_signal("payment", match=lambda payment: payment["order_id"] == order_id)


@workflow
async def works_then_waits() -> Any:
    await at_gate()
    return await wait_for_signal("go")


@step
async def at_gate() -> None:
    await pass_gate()


@workflow
async def waits_twice() -> list[Any]:
    return [await wait_for_signal("go"), await wait_for_signal("go")]


@workflow
async def waits_and_catches(timeout_s: float) -> str:
    try:
        await wait_for_signal("never", timeout=seconds(timeout_s))
    except SignalTimedOut as late:
        return f"{late.name} after {late.timeout_s:g} s"
    return "it came"


@workflow
async def waits_in_vain(timeout_s: float) -> None:
    await wait_for_signal("never", timeout=timedelta(seconds=timeout_s))


@workflow
async def works_waits_works() -> list[Any]:
    return [await note("before"), await wait_for_signal("go"), await note("after")]
