"""One workflow for each construct that has a shape of its own in a graph."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from cerebelum import (
    Flow,
    Retry,
    context,
    continue_as_new,
    decision,
    heartbeat,
    hours,
    increment_context,
    info,
    loop,
    map_steps,
    saga,
    sleep_for,
    step,
    wait_for_signal,
    workflow,
)
from tests.flows.ledger import pass_gate


@step
def refund(charge: str) -> None:
    """Undoes `charge_card`."""


@step
def validate_inventory(item: str) -> bool:
    return bool(item)


@step(compensate=refund)
def charge_card(item: str) -> str:
    return item


@step
async def ship(item: str) -> str:
    return item


@workflow
async def chain(item: str = "tea") -> str:
    await validate_inventory(item)
    await charge_card(item)
    return await ship(item)


@workflow
async def branches(total: float = 1, country: str = "CH") -> str:
    if total > 1000 and await validate_inventory("tea"):
        await charge_card("much")
    elif total > 100:
        return "refused"
    if country == "unseen":
        total = 0  # nothing that an execution records
    match country:
        case "CH" | "DE":
            await ship("near")
        case str() if total:
            await ship("far")
    return await ship("done") if total else "none"


@workflow
async def loops(items: list[str] | None = None) -> int:
    tries = 0
    while tries < 3:
        tries += 1
        if await validate_inventory("tea"):
            break
    for item in items or []:
        if not item:
            continue
        await ship(item)
    sent = [await ship(item) for item in items or [] if item]
    while True:
        await wait_for_signal("next")
        if len(sent) > tries:
            return tries


@workflow
async def at_once(items: list[str] | None = None) -> None:
    await asyncio.gather(charge_card("a"), two_steps("b"))
    async with asyncio.TaskGroup() as group:
        group.create_task(ship("c"))
        await validate_inventory("d")
        group.create_task(ship("e"))
    task = asyncio.create_task(ship("f"))
    await validate_inventory("g")
    await task
    await asyncio.gather(*[ship(item) for item in items or []])
    await map_steps(ship, items or [])
    calls = [ship(item) for item in items or []]
    await asyncio.gather(*calls)


async def two_steps(item: str) -> None:
    await validate_inventory(item)
    await ship(item)


@workflow
async def undone(item: str = "tea") -> None:
    async with saga() as undo:
        charge = await charge_card(item)
        await ship(item)
        undo.add(refund, charge)


@workflow
async def waits() -> None:
    await sleep_for(hours=2)
    await asyncio.sleep(0.5)
    await asyncio.wait_for(wait_for_signal("paid", timeout=hours(1)), 5)
    await chain("child")
    await chain.child("child", id="mine")
    continue_as_new()


@workflow
async def errors(item: str = "tea") -> str:
    try:
        await charge_card(item)
        if not item:
            raise ValueError(item)
    except ValueError:
        await refund(item)
    except TimeoutError:
        return "late"
    finally:
        await validate_inventory(item)
    return await ship(item)


HANDLERS: dict[str, Callable[[str], Awaitable[Any]]] = {}


@workflow
async def dynamic(kind: str = "tea") -> None:
    await HANDLERS[kind](kind)
    await apply(ship, kind)
    await apply(HANDLERS[kind], kind)
    await again(3)
    queue: asyncio.Queue[int] = asyncio.Queue()
    await queue.put(1)
    await asyncio.Queue[int](1).put(1)


async def apply(handler: Callable[[str], Awaitable[Any]], item: str) -> None:
    await handler(item)


async def again(times: int) -> None:
    await ship("again")
    if times:
        await again(times - 1)


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.001))
async def second_time(item: str) -> str:
    if info().attempt < 2:
        raise ConnectionError("not yet")
    return item


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.001))
async def slow(item: str) -> str:
    if info().attempt < 2:
        raise ConnectionError("not yet")
    heartbeat(40)
    await pass_gate()
    return item


@workflow
async def counted(times: int = 3) -> str:
    for number in range(times):
        await ship(str(number))
    if times > 100:
        await second_time("many")
    else:
        await asyncio.sleep(0.001)
    await asyncio.gather(second_time("a"), charge_card("b"))
    return await ship("last")


@workflow
async def stands(wanted: bool = True) -> str:
    await ship("first")
    if wanted:
        await slow("tea")
    else:
        await second_time("coffee")
    return await ship("last")


@workflow
async def failing() -> None:
    await ship("first")
    await no_stock()
    await ship("never")


@step
async def no_stock() -> None:
    raise LookupError("no stock")


def risk() -> str:
    return "high" if context().total > 100 else "low"


def work() -> str:
    return "much"


def other_work() -> str:
    return "little"


def count_pass() -> None:
    increment_context("passes")


flow = Flow(
    "drawn_flow",
    loop("retry", while_=lambda ctx: ctx.get("passes", 0) < 2, max_iterations=5, body=[count_pass]),
    decision(risk, {"high": [work], "low": [other_work]}),
)
