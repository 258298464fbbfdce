"""Workflows to fork: each has one thing whose fate at the fork point is specified."""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass
from typing import Any

from cerebelum import (
    Flow,
    continue_as_new,
    fire_time,
    get_context,
    info,
    on_update,
    put_context,
    seconds,
    sleep_for,
    step,
    wait_for_input,
    wait_for_signal,
    wait_until,
    workflow,
)
from tests.flows.ledger import effect, pass_gate


@dataclass
class Charge:
    total: float
    currency: str = "EUR"


@step
async def reserve(amount: float) -> dict[str, Any]:
    effect("reserve")
    return {"amount": amount, "items": [1, 2]}


@step
async def refund(charge: Charge) -> None:
    effect(f"refund {charge.total:g}")


@step(compensate=refund)
async def charge(amount: float) -> Charge:
    effect(f"charge {amount:g}")
    return Charge(amount)


@step
async def ship(total: float) -> str:
    effect(f"ship {total:g}")
    if total > 100:
        raise ValueError("too dear to ship")
    return str(info().idempotency_key)


@workflow
async def order(amount: float = 10) -> str:
    reserved = await reserve(amount)
    charged = await charge(reserved["amount"])
    return await ship(charged.total)


@workflow
async def drawing() -> list[Any]:
    drawn: list[Any] = [random.random(), str(uuid.uuid4()), info().execution_id]
    await reserve(1)
    drawn += [random.random(), str(uuid.uuid4()), info().execution_id]
    await reserve(2)
    return drawn


@workflow
async def long_nap() -> str:
    await reserve(1)
    await sleep_for(hours=1)
    await reserve(2)
    return "awake"


@workflow(timeout=seconds(3600))
async def hurried() -> Any:
    await reserve(1)
    return await wait_for_signal("go")


@workflow
async def limited() -> Any:
    await reserve(1)
    return await wait_for_signal("go", timeout=seconds(3600))


@step
async def hold() -> None:
    await pass_gate("child")


@workflow
async def child(number: int) -> str:
    await hold()
    return f"{info().execution_id} {number}"


@workflow
async def parent() -> list[str]:
    await reserve(1)
    first = await child(1)
    await reserve(2)
    return [first]


@workflow
async def named_parent(name: str) -> str:
    await reserve(1)
    return str(await child.child(1, id=name))


@step
async def say_fire_time() -> str:
    return fire_time().isoformat()


@workflow
async def scheduled() -> list[str]:
    before = fire_time().isoformat()
    return [before, await say_fire_time(), fire_time().isoformat()]


@workflow
async def signalled() -> list[Any]:
    first = await wait_for_signal("go")
    await reserve(1)
    return [first, await wait_for_signal("go")]


@workflow
async def asking() -> Any:
    answer = await wait_for_input("sign_off", prompt="ok?")
    await reserve(1)
    return answer


@workflow
async def updated() -> list[int]:
    got: list[int] = []

    async def add(n: int) -> int:
        got.append(n)
        await reserve(n)
        return len(got)

    on_update("add", add)
    await wait_until(lambda: len(got) == 2)
    return got


@step(at_most_once=True)
async def once() -> str:
    effect("once")
    await pass_gate("once")
    return "done"


@workflow
async def only_once() -> str:
    await reserve(1)
    return str(await once())


@workflow(max_retries=1)
async def tries_twice() -> str:
    await reserve(1)
    return await ship(1000)


@workflow
async def together() -> list[Any]:
    return list(await asyncio.gather(reserve(1), charge(2), ship(3)))


@step
def count_up() -> int:
    put_context("total", get_context("total", 0) + 1)
    return 1


@step
def tell_total() -> int:
    return int(get_context("total", 0))


counting = Flow("counting", count_up, tell_total)


@workflow
async def passes_on(left: int = 1) -> str:
    await reserve(left)
    if left:
        continue_as_new(left - 1)
    return info().execution_id


@step
async def make() -> dict[str, str]:
    return {"body": "x" * 200_000, "tail": "end"}


@step
async def measure(made: dict[str, str]) -> int:
    return sum(map(len, made.values()))


@workflow
async def large() -> int:
    return int(await measure(await make()))
