"""Steps and workflows that name queues."""

from __future__ import annotations

import asyncio

from cerebelum import Retry, info, sleep, step, workflow
from tests.flows.ledger import pass_gate

running: dict[str, int] = {}  # lane to attempts under way, in this process
most: dict[str, int] = {}


async def _busy(lane: str) -> None:
    running[lane] = running.get(lane, 0) + 1
    most[lane] = max(most.get(lane, 0), running[lane])
    try:
        await asyncio.sleep(0.002)
    finally:
        running[lane] -= 1


@step
async def job(number: int) -> int:
    await _busy("execution's own")
    return number


@step(queue="embeddings")
async def embed(number: int) -> int:
    await _busy("embeddings")
    return number


@step(queue="embeddings", retry=Retry(max_attempts=2, backoff="constant", backoff_base=0.001))
async def embed_at_second_try(number: int) -> int:
    await _busy("embeddings")
    if info().attempt == 1:
        raise ConnectionError("not yet")
    return number


@step(queue="embeddings", at_most_once=True)
async def embed_once(number: int) -> int:
    await _busy("embeddings")
    return number


@step(queue="embeddings")
async def embed_at_gate() -> str:
    await pass_gate("gate")
    return "through"


@workflow
async def one_job(number: int) -> int:
    return await job(number)


@workflow
async def embeds(count: int) -> list[int]:
    return list(await asyncio.gather(*(embed(number) for number in range(count))))


@workflow
async def embeds_again(count: int) -> list[int]:
    return list(await asyncio.gather(*(embed_at_second_try(number) for number in range(count))))


@workflow
async def embeds_once(count: int) -> list[int]:
    return list(await asyncio.gather(*(embed_once(number) for number in range(count))))


@workflow
async def plain_jobs(count: int) -> list[int]:
    return list(await asyncio.gather(*(job(number) for number in range(count))))


@workflow
async def embeds_at_gate() -> str:
    return str(await embed_at_gate())


@workflow(queue="reports")
async def report(number: int) -> int:
    return await job(number)


@workflow
async def parent_of_report() -> int:
    return await report(1)


@workflow
async def embeds_and_gives_up() -> str:
    try:
        async with asyncio.timeout(0.05):
            await embed(1)
    except TimeoutError:
        return "gave up"
    return "had a place"


@workflow
async def sleeps_for_long() -> int:
    await sleep(3600)
    return await job(1)
