# mypy: ignore-errors
"""The workflows of `tests.flows.effecting` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

from __future__ import annotations
import asyncio
from typing import Any
from cerebelum import Retry, StepInterrupted, heartbeat, info, step, transaction, workflow
from tests.flows.ledger import effect, pass_gate
import time
from functools import partial
from cerebelum import together
from tests.flows.effecting import (
    CREATE,
    INSERT,
    make_table,
    move,
    move_at_second,
    stands,
    not_transactional,
    launch,
    counts_up,
    beats_then_stands,
    makes,
    measures,
)


@workflow
def moves_stock(dialect: str) -> int:
    make_table()
    total = move(dialect, "book", 3) + move(dialect, "pen", 4)
    move_at_second(dialect)
    stands()
    return int(total)


@workflow
def asks_for_transaction() -> None:
    not_transactional()


@workflow
def launches() -> str:
    try:
        return str(launch())
    except StepInterrupted as interrupted:
        return f"interrupted: {interrupted.step}"


@workflow
def resumes_counting() -> int:
    return int(counts_up())


@workflow
def remembers_progress() -> Any:
    return beats_then_stands()


@workflow
def passes_on(size: int, pause_s: float = 0.01) -> int:
    text = makes(size)
    time.sleep(pause_s)
    return measures(text)


@workflow
def returns_large(size: int) -> str:
    return makes(size)
