# mypy: ignore-errors
"""The workflows of `tests.flows.fanout` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

from __future__ import annotations
import asyncio
from typing import Any
from cerebelum import ChildFailed, continue_as_new, info, map_steps, step, wait_for_signal, workflow
from tests.flows.ledger import effect, pass_gate
import time
from functools import partial
from cerebelum import together
from tests.flows.fanout import double, limited, refuses_three, second_pass_waits, impatient_parent


@workflow
def loop_of_three() -> list[int]:
    return [double(number) for number in range(3)]


@workflow
def loop_that_dies() -> list[int]:
    return [second_pass_waits(number) for number in range(3)]


@workflow
def maps(count: int, concurrency: int) -> list[int]:
    return map_steps(limited, range(count), concurrency=concurrency)


@workflow
def map_fails() -> list[int]:
    return map_steps(refuses_three, range(5), concurrency=2)


@workflow
def child(number: int) -> int:
    return double(number)


@workflow
def failing_child() -> int:
    raise ValueError("spoilt")


@workflow
def waiting_child() -> str:
    return str(wait_for_signal("go"))


@workflow
def parent(count: int) -> list[int]:
    return list(together(*(partial(child, number) for number in range(count))))


@workflow
def named_child() -> int:
    return int(child.child(4, id="child-of-my-own"))


@workflow
def parent_of_failure() -> str:
    try:
        failing_child()
    except ChildFailed as failed:
        return f"{failed.workflow}: {failed.message}"
    return "it did not fail"


@workflow
def parent_of_waiting() -> str:
    return waiting_child()


@workflow
def counts_down(left: int, total: int = 0) -> int:
    total += double(left)
    if left > 0:
        continue_as_new(left - 1, total=total)
    return total


@workflow
def tells_run() -> Any:
    if info().run < 3:
        continue_as_new()
    return info().run
