# mypy: ignore-errors
"""The workflows of `tests.flows.lifecycle` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

from __future__ import annotations
import asyncio
from cerebelum import sleep_for, step, wait_for_signal, workflow
from tests.flows.ledger import effect, pass_gate
import time
from functools import partial
from cerebelum import together
from tests.flows.lifecycle import one, two, three, never_ends


@workflow
def three_steps() -> list[str]:
    return [one(), two(), three()]


@workflow
def quick(text: str = "done") -> str:
    return text


@workflow
def long_wait() -> str:
    return str(wait_for_signal("go"))


@workflow
def long_sleep() -> None:
    sleep_for(days=30)


@workflow
def busy() -> None:
    never_ends()


@workflow
def naps_a_little(seconds: float) -> str:
    time.sleep(seconds)
    return "awake"
