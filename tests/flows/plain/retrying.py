# mypy: ignore-errors
"""The workflows of `tests.flows.retrying` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

from __future__ import annotations
import asyncio
from cerebelum import Retry, info, seconds, step, workflow
from tests.flows.ledger import effect, pass_gate
import time
from functools import partial
from cerebelum import together
from tests.flows.retrying import (
    exponential,
    linear,
    constant,
    capped,
    STEPS,
    third_time,
    once_more,
    too_slow,
    hopeless,
    prepare,
    breaks,
    breaks_in_first_run,
    stands,
)


@workflow
def backs_off(kind: str) -> None:
    STEPS[kind]()


@workflow
def lucky() -> int:
    return int(third_time())


@workflow
def retried_later() -> int:
    return int(once_more())


@workflow
def timed_out() -> None:
    too_slow()


@workflow
def not_retried() -> None:
    hopeless()


@workflow(max_retries=3)
def begins_anew() -> None:
    prepare("one")
    together(partial(prepare, "two"), partial(prepare, "three"))
    breaks()


@workflow(max_retries=1)
def recovers() -> list[str]:
    prepared = prepare("one")
    time.sleep(0.01)
    return [prepared, str(breaks_in_first_run())]


@workflow(timeout=seconds(0.1))
def waits_too_long() -> None:
    time.sleep(3600)


@workflow(timeout=seconds(4))
def waits_somewhat_too_long() -> None:
    time.sleep(3600)


@workflow
def stands_at_gate() -> str:
    return stands()
