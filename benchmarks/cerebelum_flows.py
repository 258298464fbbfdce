"""The flows, as a user of this engine writes them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.engine import SLEEP_S, SLOW_STEP_S, STEPS_EACH, FlowName
from cerebelum import step, workflow


class Observed:
    """What steps leave behind for the measurement, outside all histories."""

    step_times_s: list[float] = []  # noqa: RUF012 - one for the process, as steps are
    slow_steps_done = 0


@step
async def increment(value: int) -> int:
    """Return the next number."""
    return value + 1


@step
async def increment_and_mark(value: int) -> int:
    """The same, and note when."""
    Observed.step_times_s.append(time.perf_counter())
    return value + 1


@step
async def increment_slowly(value: int) -> int:
    """The same, after a while."""
    await asyncio.sleep(SLOW_STEP_S)
    Observed.slow_steps_done += 1
    return value + 1


@workflow
async def one_step(value: int) -> int:
    """W1, W3: one step."""
    return await increment(value)


@workflow
async def ten_steps(value: int) -> int:
    """W2: ten steps, one after another."""
    for _ in range(STEPS_EACH):
        value = await increment(value)
    return value


@workflow
async def fan_out(count: int) -> int:
    """W4: many steps at once."""
    return sum(await asyncio.gather(*(increment(index) for index in range(count))))


@workflow
async def many_steps(count: int) -> int:
    """W7, W9: many steps, one after another."""
    value = 0
    for _ in range(count):
        value = await increment_and_mark(value)
    return value


@workflow
async def sleeper(value: int) -> int:
    """W5: sleep for an hour."""
    await asyncio.sleep(SLEEP_S)
    return value


@workflow
async def slow_steps(value: int) -> int:
    """W6: ten steps that take their time."""
    for _ in range(STEPS_EACH):
        value = await increment_slowly(value)
    return value


FLOWS: Mapping[FlowName, Any] = {
    "one_step": one_step,
    "ten_steps": ten_steps,
    "fan_out": fan_out,
    "many_steps": many_steps,
    "sleeper": sleeper,
    "slow_steps": slow_steps,
}
