"""A process to be killed: runs one execution, and dies by its own SIGKILL right after a given event became durable.

    python -m tests.campaign.victim URL LEDGER EXECUTION_ID KILL_AT FORM

KILL_AT 0: never; -1: just before the first commit that holds a step's result. Every step writes its idempotency key
to LEDGER, with fsync, outside the store: the checker compares effects with histories.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import structlog

from cerebelum import Retry, connect, info, saga, step, together, value_of, workflow
from cerebelum.engine.domain.events import RecordedEvent

LEDGER = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("ledger.txt")


def effect() -> None:
    """Take effect on the world: one line in the ledger, on the disk before the step returns."""
    with LEDGER.open("a") as ledger:
        ledger.write(f"{info().idempotency_key}\n")
        ledger.flush()
        os.fsync(ledger.fileno())


@step
async def reserve(item: str) -> str:
    effect()
    return f"reserved {item}"


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.05))
def charge(amount: int) -> int:
    effect()
    if info().attempt == 1:
        raise ConnectionError("card service away")
    return amount


@step
async def release(what: str) -> None:
    effect()


@workflow
async def purchase(item: str) -> list[str]:
    """Twelve events and a bit: steps, a retry, a timer, a fan-out, a saga that is not needed."""
    async with saga() as undo:
        reservation = await reserve(item)
        undo.add(release, reservation)
        amount = await charge(30)
        await asyncio.sleep(0.05)
        labels = await asyncio.gather(reserve("label"), reserve("box"))
    return [reservation, str(amount), *labels]


@workflow("purchase")
def plain_purchase(item: str) -> list[str]:
    """The same as a plain `def`."""
    with saga() as undo:
        reservation = value_of(reserve(item))
        undo.add(release, reservation)
        amount = value_of(charge(30))
        time.sleep(0.05)
        labels = value_of(together(lambda: reserve("label"), lambda: reserve("box")))
    return [reservation, str(amount), *labels]


FORMS = {"async": purchase, "plain": plain_purchase}


async def main(url: str, execution_id: str, kill_at: int, form: str) -> None:
    def on_event(_: str, event: RecordedEvent) -> None:
        if event.version == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for the result
    async with connect(url, on_event=on_event) as client:
        if kill_at < 0:
            _die_before_a_result(client.engine.store)
        handle = await client.start(FORMS[form], "book", id=execution_id)
        sys.stdout.write(f"{await handle.result(30)}\n")


def _die_before_a_result(store: object) -> None:
    commit = store.commit  # type: ignore[attr-defined]

    async def dying(batch: object) -> object:
        if any(event.type == "step_completed" for append in batch.appends for event in append.events):  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGKILL)
        return await commit(batch)

    store.commit = dying  # type: ignore[attr-defined]


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[3], int(sys.argv[4]), sys.argv[5]))
