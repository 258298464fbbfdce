"""Steps with promises about their effects, and payloads of all sizes."""

from __future__ import annotations

import asyncio
from typing import Any

from cerebelum import Retry, StepInterrupted, heartbeat, info, step, transaction, workflow
from tests.flows.ledger import effect, pass_gate

CREATE = "CREATE TABLE IF NOT EXISTS stock_moves (item TEXT NOT NULL, amount INTEGER NOT NULL)"
INSERT = {"sqlite": "INSERT INTO stock_moves VALUES (?, ?)", "postgresql": "INSERT INTO stock_moves VALUES ($1, $2)"}


@step(transactional=True)
async def make_table() -> None:
    transaction().execute(CREATE)


@step(transactional=True)
async def move(dialect: str, item: str, amount: int) -> int:
    transaction().execute(INSERT[dialect], item, amount)
    effect(f"move {item}")
    return amount


@step(transactional=True, retry=Retry(max_attempts=2, backoff="constant", backoff_base=0.01))
async def move_at_second(dialect: str) -> None:
    transaction().execute(INSERT[dialect], "second", info().attempt)
    if info().attempt == 1:
        raise ConnectionError("once")


@step
async def stands() -> None:
    await pass_gate()


@workflow
async def moves_stock(dialect: str) -> int:
    await make_table()
    total = await move(dialect, "book", 3) + await move(dialect, "pen", 4)
    await move_at_second(dialect)
    await stands()
    return int(total)


@step
async def not_transactional() -> None:
    transaction().execute("SELECT 1")


@workflow
async def asks_for_transaction() -> None:
    await not_transactional()


@step(at_most_once=True)
async def launch() -> str:
    await pass_gate("launch")
    return "launched"


@workflow
async def launches() -> str:
    try:
        return str(await launch())
    except StepInterrupted as interrupted:
        return f"interrupted: {interrupted.step}"


@step(retry=Retry(max_attempts=2, backoff="constant", backoff_base=0.01))
async def counts_up() -> int:
    begun_at = info().progress or 0
    effect(f"{info().idempotency_key} from {begun_at}")
    for number in range(begun_at, 10):
        heartbeat(number)
        if number == 5 and info().attempt == 1:
            raise ConnectionError("half way")
    return int(begun_at)


@workflow
async def resumes_counting() -> int:
    return int(await counts_up())


@step
async def beats_then_stands() -> Any:
    if info().progress is None:
        heartbeat({"row": 41})
        await pass_gate("beat")
    return info().progress


@workflow
async def remembers_progress() -> Any:
    return await beats_then_stands()


@step
async def makes(size: int) -> str:
    return "x" * size


@step
async def measures(text: str) -> int:
    return len(text)


@workflow
async def passes_on(size: int, pause_s: float = 0.01) -> int:
    text = await makes(size)
    await asyncio.sleep(pause_s)
    return await measures(text)


@workflow
async def returns_large(size: int) -> str:
    return await makes(size)
