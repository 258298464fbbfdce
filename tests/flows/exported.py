"""Workflows that are exported: each leaves something else in its history."""

from __future__ import annotations

import random

from cerebelum import Retry, step, wait_for_signal, workflow


@step
def pay(card: dict[str, str], amount: int) -> dict[str, str]:
    """Take money, and print the card's number."""
    print(f"paying {amount} with {card['number']}")  # noqa: T201 - what it prints is exported
    return {"receipt": f"paid with {card['number']}", "token": f"tok-{len(card)}9f3a77"}


@step
def long_text(characters: int) -> str:
    """Return what does not fit into a row."""
    return "é" * characters


@step(retry=Retry(max_attempts=2, backoff="constant", backoff_base=0.01))
def declines(number: str) -> None:
    """Fail for good, with what it was given in the text."""
    raise ValueError(f"declined: {number}")


@workflow
async def shop(card: dict[str, str], amount: int = 7) -> dict[str, str]:
    """Draw a number, and pay."""
    random.random()
    return await pay(card, amount)


@workflow
async def declined(number: str) -> None:
    """Fail."""
    await declines(number)


@workflow
async def large() -> int:
    """Leave a blob."""
    return len(await long_text(200_000))


@workflow
async def asks(amount: int = 1) -> int:
    """Wait for a signal."""
    return int(await wait_for_signal("approve")) + amount


@workflow
async def family(amount: int = 1) -> int:
    """Wait for a child, which waits for a signal."""
    return await asks(amount)


@workflow
async def picky(plan: str) -> str:
    """Go by what it was given."""
    if plan == "gold":
        await pay({"number": "1"}, 1)
    return "done"
