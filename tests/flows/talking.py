# ruff: noqa: T201 - what these steps print is what is tested
"""Steps that log and print."""

from __future__ import annotations

import asyncio
import logging

from cerebelum import Retry, info, seconds, step, workflow
from tests.flows.ledger import pass_gate

log = logging.getLogger("tests.talking")


@step
async def logs_each_level() -> None:
    log.debug("a debug line")
    log.info("an info line", extra={"order": 7})
    log.warning("a warning")
    log.error("an error")
    print("printed")


@workflow
async def talks() -> None:
    await logs_each_level()


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01))
def stumbles() -> None:
    print(f"attempt {info().attempt}")
    if info().attempt < 3:
        raise ValueError(f"stumbled {info().attempt}")


@step
async def says_bye() -> None:
    print("bye")


@workflow
async def stumbles_on() -> None:
    await stumbles()
    await says_bye()


@step
async def says_own_id() -> None:
    for _ in range(3):
        print(info().execution_id)
        await asyncio.sleep(0)


@step
def says_own_id_in_thread() -> None:
    print(info().execution_id)


@workflow
async def says_own_ids() -> None:
    await asyncio.gather(says_own_id(), says_own_id_in_thread(), says_own_id())


@step
async def says_and_stands() -> None:
    print("before the gate")
    await pass_gate()
    print("after the gate")


@workflow
async def stands_and_talks() -> None:
    await says_and_stands()


@step(timeout=seconds(0.05))
async def says_and_times_out() -> None:
    print("last words")
    await asyncio.sleep(3600)


@workflow
async def cut_off() -> None:
    await says_and_times_out()


@step
async def logs_and_stands() -> None:
    for number in range(3):
        print(f"line {number}")
    logger = logging.getLogger("shop")
    logger.warning("nearly there\nand a second line")
    await pass_gate()
    logger.warning("after the gate")  # not printed: an interface in the same process has taken stdout by now


@workflow
async def stands_and_logs() -> None:
    await logs_and_stands()
