# mypy: ignore-errors
"""The workflows of `tests.flows.replayed` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

from __future__ import annotations
import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any
from cerebelum import Retry, continue_as_new, info, patched, saga, step, wait_for_signal, workflow
import time
from functools import partial
from cerebelum import together
from tests.flows.replayed import calls, Declined, echo, release, reserve, decline, third_time, Order, orders


@workflow
def retries() -> int:
    return int(third_time(7))


@workflow
def compensates() -> str:
    with saga() as undo:
        reserve("car")
        undo.add(release, "hotel")
        decline("no funds")
    return "never"


@workflow
def catches() -> str:
    try:
        decline("no funds")
    except Declined as error:
        return f"{type(error).__module__} {error.reason}"
    return "not declined"


@workflow
def fails() -> None:
    echo(1)
    raise Declined("at the end")


@workflow
def parent() -> list[int]:
    return list(together(partial(doubles, 1), partial(doubles, 2)))


@workflow
def doubles(number: int) -> int:
    return 2 * int(echo(number))


@workflow
def matches() -> list[int]:
    big = wait_for_signal("go", match=lambda value: value > 1)
    small = wait_for_signal("go", type=int)
    return [big, small]


@workflow
def continues(left: int) -> str:
    echo(left)
    if left:
        continue_as_new(left - 1)
    return "done"


@workflow(max_retries=2)
def begins_anew() -> str:
    reserved = echo("reserve")
    if info().run < 3:
        raise Declined(f"run {info().run}")
    return f"{reserved} in run {info().run}"


@workflow
def patches() -> str:
    return str(echo("new") if patched("newer") else echo("old"))


@workflow
def tidies_up() -> None:
    try:
        wait_for_signal("never")
    finally:
        echo("first")
        time.sleep(0.01)
        echo("second")


@workflow
def waits_and_goes_on() -> list[Any]:
    first, second = together(partial(wait_for_signal, "one"), partial(wait_for_signal, "two"))
    return [first, echo(second)]


def charged(order: Order, price: int) -> int:
    order.prices[f"n{price}"] = price
    return int(echo(price))
