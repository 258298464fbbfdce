# mypy: ignore-errors
"""The workflows of `tests.flows.primitives` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

from __future__ import annotations
import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from cerebelum import step, wait_for_signal, workflow
import time
from functools import partial
from cerebelum import together
from tests.flows.primitives import (
    TICK,
    echo,
    slow,
    in_thread,
    gathers,
    gathers_errors,
    waits_first,
    waits_in_order,
    waits_for,
    times_out,
    as_completed,
    task_group,
    task_group_fails,
    event_and_lock,
    queue,
    semaphore,
    condition_and_barrier,
    shields,
    cancels_with_finally,
    generators,
    DETERMINISTIC,
    REPLAYED,
)


@workflow
def sleeps() -> list[float]:
    before = time.time()
    time.sleep(TICK)
    time.sleep(0)
    return [float(echo(1)), float(time.time() >= before + TICK)]


@workflow
def draws() -> list[str]:
    first = [random.random(), random.randint(1, 6), str(uuid.uuid4()), datetime.now(UTC).isoformat()]
    echo(1)
    branches = together(*(partial(draw_after, number) for number in range(3)))
    return [str(value) for value in [*first, *branches, datetime.now().isoformat(), time.monotonic()]]


def draw_after(number: int) -> str:
    slow(number) if number % 2 else echo(number)
    return f"{number}: {random.random()}"


@workflow
def two_signals() -> list[int]:
    first, second = together(
        partial(wait_for_signal, "go", match=lambda value: value > 1),
        partial(wait_for_signal, "go", match=lambda value: value <= 1),
    )
    return [first, second]
