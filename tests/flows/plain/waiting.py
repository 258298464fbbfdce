# mypy: ignore-errors
"""The workflows of `tests.flows.waiting` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

from __future__ import annotations
import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from cerebelum import SignalTimedOut, info, seconds, sleep, sleep_for, sleep_until, step, wait_for_signal, workflow
from tests.flows.ledger import effect, pass_gate
import time
from functools import partial
from cerebelum import together
from tests.flows.waiting import note, data_of_resume, at_gate


@workflow
def naps(duration_s: float) -> list[str]:
    before = note("before")
    sleep_for(seconds=duration_s)
    return [before, note("after")]


@workflow
def naps_in_every_spelling() -> float:
    begun = datetime.now(UTC)
    sleep(seconds(0.01))
    sleep(0.01)
    sleep_for(minutes=0.0001, hours=1e-06)
    time.sleep(0.01)
    return (datetime.now(UTC) - begun).total_seconds()


@workflow
def sleeps_till(moment: datetime) -> str:
    sleep_until(moment)
    return note("awake")


@workflow
def naive_moment() -> None:
    sleep_until(datetime(2030, 1, 1))


@workflow
def sleeps_long() -> Any:
    note("before")
    sleep_for(hours=1)
    return data_of_resume()


@workflow
def waits_for_payment(order_id: int) -> Any:
    return wait_for_signal("payment", match=lambda payment: payment["order_id"] == order_id)


@workflow
def works_then_waits() -> Any:
    at_gate()
    return wait_for_signal("go")


@workflow
def waits_twice() -> list[Any]:
    return [wait_for_signal("go"), wait_for_signal("go")]


@workflow
def waits_and_catches(timeout_s: float) -> str:
    try:
        wait_for_signal("never", timeout=seconds(timeout_s))
    except SignalTimedOut as late:
        return f"{late.name} after {late.timeout_s:g} s"
    return "it came"


@workflow
def waits_in_vain(timeout_s: float) -> None:
    wait_for_signal("never", timeout=timedelta(seconds=timeout_s))


@workflow
def works_waits_works() -> list[Any]:
    return [note("before"), wait_for_signal("go"), note("after")]
