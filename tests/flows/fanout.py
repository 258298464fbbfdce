"""Children, fan-out, loops, continuing as new."""

from __future__ import annotations

import asyncio
from typing import Any

from cerebelum import ChildFailed, continue_as_new, info, map_steps, step, wait_for_signal, workflow
from tests.flows.ledger import effect, pass_gate


@step
async def double(number: int) -> int:
    effect(f"double {number}")
    return 2 * number


@step
async def limited(number: int) -> int:
    effect(f"+{number}")
    await asyncio.sleep(0.002)
    effect(f"-{number}")
    return number * number


@step
async def refuses_three(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


@workflow
async def loop_of_three() -> list[int]:
    return [await double(number) for number in range(3)]


@step
async def second_pass_waits(number: int) -> int:
    effect(f"pass {number}")
    if number == 1 and info().progress is None:
        await pass_gate("second")
    return number


@workflow
async def loop_that_dies() -> list[int]:
    return [await second_pass_waits(number) for number in range(3)]


@workflow
async def maps(count: int, concurrency: int) -> list[int]:
    return await map_steps(limited, range(count), concurrency=concurrency)


@workflow
async def map_fails() -> list[int]:
    return await map_steps(refuses_three, range(5), concurrency=2)


@workflow
async def child(number: int) -> int:
    return await double(number)


@workflow
async def failing_child() -> int:
    raise ValueError("spoilt")


@workflow
async def waiting_child() -> str:
    return str(await wait_for_signal("go"))


@workflow
async def parent(count: int) -> list[int]:
    return list(await asyncio.gather(*(child(number) for number in range(count))))


@workflow
async def named_child() -> int:
    return int(await child.child(4, id="child-of-my-own"))


@workflow
async def parent_of_failure() -> str:
    try:
        await failing_child()
    except ChildFailed as failed:
        return f"{failed.workflow}: {failed.message}"
    return "it did not fail"


@workflow
async def parent_of_waiting() -> str:
    return await waiting_child()


@workflow
async def impatient_parent() -> str:
    try:
        async with asyncio.timeout(0.1):
            return await waiting_child()
    except TimeoutError:
        return "gave up"


@workflow
async def counts_down(left: int, total: int = 0) -> int:
    total += await double(left)
    if left > 0:
        continue_as_new(left - 1, total=total)
    return total


@workflow
async def tells_run() -> Any:
    if info().run < 3:
        continue_as_new()
    return info().run
