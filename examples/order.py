"""An order, from the stock to the label: retries, an approval, a durable timer, and undoing what was done.

    cerebelum run order.py -i item=book -i total=30
    cerebelum run order.py -i zip=ABC                               # fails at the label, and is undone
    cerebelum run order.py -i item=yacht -i total=20000 --id big    # waits for: cerebelum signal big approved

The file `ledger.txt` stands for the outside world: every effect adds one line to it, in the current folder.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cerebelum import Retry, days, info, saga, seconds, step, wait_for_signal, workflow

LEDGER = Path("ledger.txt")
NEEDS_APPROVAL_ABOVE = 10_000


class AddressError(ValueError):
    """A parcel cannot go there. Trying again would not help."""


class BankUnreachableError(ConnectionError):
    """The bank did not answer. Trying again may help."""


@dataclass(frozen=True)
class Order:
    """What was ordered, and where to."""

    item: str
    total: float
    zip: str


@dataclass(frozen=True)
class Reservation:
    """One piece, set aside."""

    item: str


@dataclass(frozen=True)
class Charge:
    """Money taken. `id` comes from the idempotency key, so that asking twice cannot charge twice."""

    id: str
    amount: float


@dataclass(frozen=True)
class Receipt:
    """What the customer gets."""

    item: str
    charge: str
    label: str
    shipped_at: datetime


@step
def reserve_stock(order: Order) -> Reservation:
    """Set one piece aside."""
    _effect(f"reserved {order.item}")
    return Reservation(order.item)


@step
def release_stock(reservation: Reservation) -> None:
    """Undo `reserve_stock`."""
    _effect(f"released {reservation.item}")


@step(retry=Retry(max_attempts=4, backoff="constant", backoff_base=0.3), timeout=seconds(10))
def charge_card(order: Order) -> Charge:
    """Take the money. The bank is unreachable at the first attempt, always: see the retry in the history."""
    attempt = info()  # of this step: which attempt it is, and the key that all its attempts share
    if attempt.attempt == 1:
        raise BankUnreachableError("the bank did not answer")
    charge = Charge(id=f"charge-{attempt.idempotency_key}", amount=order.total)
    _effect(f"charged {charge.amount:g} as {charge.id}")
    return charge


@step
def refund(charge: Charge) -> None:
    """Undo `charge_card`."""
    _effect(f"refunded {charge.amount:g} of {charge.id}")


@step
def print_label(order: Order) -> str:
    """Print the parcel's label; a zip code has five digits."""
    if not (len(order.zip) == 5 and order.zip.isdecimal()):
        raise AddressError(f"bad zip {order.zip!r}")
    _effect(f"labelled {order.item} to {order.zip}")
    return f"{order.item} -> {order.zip}"


def _effect(line: str) -> None:
    with LEDGER.open("a", encoding="utf-8") as ledger:
        ledger.write(line + "\n")


@workflow
async def process_order(
    item: str = "book",
    total: float = 30,
    zip: str = "94107",  # noqa: A002 - as it is typed: -i zip=94107
    packing_s: float = 1.5,
) -> Receipt:
    """Sell one piece; whatever fails, nobody is left with a charge or a reservation for nothing."""
    order = Order(item, total, zip)
    async with saga() as undo:  # on failure or cancellation: undo, newest first
        reservation = await reserve_stock(order)
        undo.add(release_stock, reservation)
        charge = await charge_card(order)
        undo.add(refund, charge)
        if order.total > NEEDS_APPROVAL_ABOVE:
            await wait_for_signal("approved", timeout=days(2))
        await asyncio.sleep(packing_s)  # a durable timer: kill the process, and it still ends at the same moment
        label = await print_label(order)
    return Receipt(item, charge.id, label, shipped_at=datetime.now(UTC))  # workflow time: the same on every replay
