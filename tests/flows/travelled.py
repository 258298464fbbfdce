"""Workflows that people walk through in the terminal interface: retries, tasks, waits, locals that change, hostile text."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cerebelum import Retry, info, step, wait_for_signal, workflow

HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202etxt.exe\u200b\r\n\x9b31m"


class CardDeclinedError(Exception):
    """The bank said no."""


class AddressError(Exception):
    """Nobody lives there."""


@dataclass
class Charge:
    id: str
    amount: int


@step
def reserve_stock(sku: str) -> dict[str, int]:
    print(f"reserving {sku}")
    return {"id": 7, "pieces": 2}


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01))
def charge_card(total: int) -> Charge:
    print(f"charging {total}")
    if info().attempt < 2:
        raise CardDeclinedError("no funds on card 4242")
    return Charge(id="ch_91", amount=total)


@step(retry=Retry(max_attempts=2, backoff="constant", backoff_base=0.01))
def ship(zip_code: str) -> str:
    raise AddressError(f"bad zip {zip_code!r}")


@step
async def notify(who: str) -> str:
    return who


@step
def shout(text: str) -> str:
    print(text)
    raise AddressError(text)


@workflow
async def process_order(zip_code: str = "ABC", token: str = "s3cret") -> str:
    total = 0
    stock = await reserve_stock("lamp")
    total = stock["pieces"] * 21
    charge = await charge_card(total)
    await asyncio.gather(notify("warehouse"), notify("customer"))
    tracking = await ship(zip_code)
    return f"{charge.id} {tracking} {token}"


@workflow
async def refund(order: str = "order-1") -> str:
    note = await notify(f"refund of {order}")
    approval = await wait_for_signal("approve")
    return f"{note}: {approval}"


@workflow
async def greet(name: str = "world") -> str:
    return await notify(f"hello {name}")


@workflow
async def hostile(text: str = HOSTILE) -> str:
    again = f"{text}{text}"
    return await shout(again)
