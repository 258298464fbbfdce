"""Flows that are tested with the kit for users' tests; the first is the founding document's OrderWorkflow."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from cerebelum import (
    Flow,
    Retry,
    context,
    days,
    delay,
    hours,
    put_context,
    sleep_for,
    step,
    wait_for_input,
    wait_for_signal,
    workflow,
)


class PaymentService:
    """What a step calls, outside the workflow."""

    def charge(self, order: dict[str, Any]) -> str:
        return f"ch_{order['id']}"

    @classmethod
    def name(cls) -> str:
        return cls.__name__

    @staticmethod
    def currency() -> str:
        return "CHF"


payments = PaymentService()


@step(retry=Retry(max_attempts=3, backoff_base=60))
def charge_payment(order: dict[str, Any]) -> str:
    print(f"charging {order['id']}")  # noqa: T201 - it is captured
    return payments.charge(order)


@step
async def send_confirmation(order: dict[str, Any], charge_id: str) -> str:
    return f"sent for {charge_id}"


@workflow("OrderWorkflow")
async def order_workflow(order: dict[str, Any]) -> dict[str, str]:
    charge_id = await charge_payment(order)
    return {"charge_id": charge_id, "mail": await send_confirmation(order, charge_id)}


@workflow
async def month() -> int:
    for day in range(30):
        await asyncio.sleep(86_400)
        if day % 10 == 9:
            await count(day)
    return 30


@step
async def count(n: int) -> int:
    return n + 1


@workflow
async def week() -> str:
    await sleep_for(days=7)
    return "a week"


@workflow
async def waits_for_pay() -> Any:
    return await wait_for_signal("paid", timeout=days(5))


@workflow
async def much() -> list[Any]:
    first = await count(1)
    await asyncio.sleep(hours(20).total_seconds())
    several = await asyncio.gather(count(first), count(first), later(4))
    return [*several, await wait_for_signal("go", timeout=days(5))]


@workflow
async def later(n: int) -> int:
    await sleep_for(days=1)
    return await count(n)


_calls = itertools.count()


@workflow
async def counts_its_own_runs() -> int:
    if next(_calls) % 2:
        await count(1)
    return await count(2)


world: list[str] = []


@step
async def put_down() -> int:
    world.append("x")
    return len(world)


@workflow
async def relies_on_the_world() -> int:
    size = await put_down()
    await sleep_for(days=1)
    return await count(size)


@workflow
async def waits_for_ever() -> Any:
    return await wait_for_signal("never")


@step(retry=Retry(max_attempts=3, backoff_base=60))
def charge_of_flow() -> None:
    put_context("charge_id", payments.charge(context().input["order"]))


@step
def confirm() -> None:
    put_context("mail", f"sent for {context().charge_id}")


order_flow = Flow("order_flow", charge_of_flow, delay(days(2)), confirm)


@workflow
async def asks_people() -> Any:
    return await wait_for_input("approval", schema={"type": "boolean"}, timeout=days(5), default=False)
