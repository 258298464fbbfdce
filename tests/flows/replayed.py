"""Workflows whose past is looked at: one for each construct, and one with locals worth watching."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

from cerebelum import Retry, continue_as_new, info, patched, saga, step, wait_for_signal, workflow

calls: list[str] = []  # of steps, in this process: a replay adds none


class Declined(Exception):
    """With an attribute of its own, so that a replay must make exactly it again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@step
async def echo(value: Any) -> Any:
    calls.append(f"echo {value}")
    return value


@step
async def release(what: str) -> None:
    calls.append(f"release {what}")


@step(compensate=release)
async def reserve(what: str) -> str:
    calls.append(f"reserve {what}")
    return what


@step
async def decline(reason: str) -> None:
    calls.append(f"decline {reason}")
    raise Declined(reason)


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01))
async def third_time(value: int) -> int:
    calls.append("third_time")
    if info().attempt < 3:
        raise ConnectionError("not yet")
    return value


@workflow
async def retries() -> int:
    return int(await third_time(7))


@workflow
async def compensates() -> str:
    async with saga() as undo:
        await reserve("car")
        undo.add(release, "hotel")
        await decline("no funds")
    return "never"


@workflow
async def catches() -> str:
    try:
        await decline("no funds")
    except Declined as error:
        return f"{type(error).__module__} {error.reason}"
    return "not declined"


@workflow
async def fails() -> None:
    await echo(1)
    raise Declined("at the end")


@workflow
async def parent() -> list[int]:
    return list(await asyncio.gather(doubles(1), doubles(2)))


@workflow
async def doubles(number: int) -> int:
    return 2 * int(await echo(number))


@workflow
async def matches() -> list[int]:
    big = await wait_for_signal("go", match=lambda value: value > 1)
    small = await wait_for_signal("go", type=int)
    return [big, small]


@workflow
async def continues(left: int) -> str:
    await echo(left)
    if left:
        continue_as_new(left - 1)
    return "done"


@workflow(max_retries=2)
async def begins_anew() -> str:
    reserved = await echo("reserve")
    if info().run < 3:
        raise Declined(f"run {info().run}")
    return f"{reserved} in run {info().run}"


@workflow
async def patches() -> str:
    return str(await echo("new") if patched("newer") else await echo("old"))


@workflow
async def tidies_up() -> None:
    try:
        await wait_for_signal("never")
    finally:
        await echo("first")
        await asyncio.sleep(0.01)
        await echo("second")


@workflow
async def waits_and_goes_on() -> list[Any]:
    first, second = await asyncio.gather(wait_for_signal("one"), wait_for_signal("two"))
    return [first, await echo(second)]


@dataclass
class Order:
    """Something with fields, one of them a secret."""

    items: list[str] = field(default_factory=list)
    prices: dict[str, int] = field(default_factory=dict)
    api_key: str = "k-123"


@workflow
async def orders(password: str) -> int:
    order = Order(["book"])
    total = 0
    for price in (3, 4):
        total += await charged(order, price)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60):
            await echo(total)
    del order
    return int(await echo(total))


async def charged(order: Order, price: int) -> int:
    order.prices[f"n{price}"] = price
    return int(await echo(price))
