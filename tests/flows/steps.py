"""Steps and workflows: results, errors, options, what they may know of themselves."""

from __future__ import annotations

import asyncio
from typing import Any

from cerebelum import Retry, current_step, error, info, minutes, ok, saga, seconds, step, workflow, workflow_id
from tests.flows.ledger import effect


@step
async def add_a(state: list[str]) -> Any:
    return ok([*state, "a"])


@step
def add_b(state: list[str]) -> list[str]:
    return [*state, "b"]


@step
async def add_c(state: list[str]) -> list[str]:
    return [*state, "c"]


@workflow
async def in_order(state: list[str]) -> list[str]:
    return await add_c(await add_b(await add_a(state)))


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01))
async def declines() -> Any:
    effect("declines")
    return error("declined")


@workflow
async def declined() -> None:
    await declines()


@workflow
async def refuses() -> Any:
    return error("not today")


@step
def blows_up() -> None:
    raise KeyError("missing part")


@workflow
async def blown_up() -> None:
    await blows_up()


@workflow
async def raises_itself() -> None:
    raise RuntimeError("from the workflow")


@step
async def gives_object() -> Any:
    return object()


@step
async def gives_nan() -> float:
    return float("nan")


@workflow
async def bad_result(kind: str) -> Any:
    return await (gives_object() if kind == "object" else gives_nan())


@workflow
async def bad_workflow_result() -> Any:
    return {"deep": [object()]}


@step
async def undo_first(result: str) -> None:
    effect(f"undo {result}")


@step(retry=Retry(max_attempts=2, backoff="constant", backoff_base=0.01), timeout=minutes(2), compensate=undo_first)
async def first() -> str:
    effect("first")
    if info().attempt == 1:
        raise ConnectionError("once")
    return "first"


@step(timeout=seconds(30))
async def second() -> str:
    effect("second")
    return "second"


@workflow
async def with_options() -> list[str]:
    return [await first(), await second()]


@step
async def about_me(pause_s: float) -> dict[str, Any]:
    await asyncio.sleep(pause_s)
    me = info()
    return {
        "id": workflow_id(),
        "step": current_step(),
        "input": me.input,
        "attempt": me.attempt,
        "key": me.idempotency_key,
    }


@workflow
async def knows_itself(order: str, pause_s: float = 0.0) -> dict[str, Any]:
    before = info()
    told = await about_me(pause_s)
    after = info()
    return {
        "workflow": {"id": workflow_id(), "step": current_step(), "input": after.input, "name": after.workflow},
        "unchanged": before == after,
        "step": told,
    }


@workflow
async def guarded_forever() -> None:
    async with saga():
        await asyncio.sleep(3600)
