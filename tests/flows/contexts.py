"""Steps that share a context, under workflows that keep it as the interpreter of flows does."""

from __future__ import annotations

import asyncio
from typing import Any

from cerebelum import (
    Context,
    Flow,
    Retry,
    append_context,
    context,
    current_step,
    delete_context,
    foreach,
    get_context,
    has_context,
    increment_context,
    init_accumulator,
    input,  # noqa: A004 - the founding documents' name
    merge_context,
    parallel,
    put_context,
    saga,
    sleep,
    state,
    step,
    update_context,
    workflow,
    workflow_id,
)
from cerebelum.engine.authoring.activation import current
from cerebelum.engine.authoring.contexts import flow_context
from cerebelum.engine.domain.context_merging import join
from tests.flows.ledger import effect, pass_gate


def begin(**given: Any) -> Context:
    """Give the workflow a context that begins with its input, as that of a flow."""
    bound = Context(given, input=given)
    flow_context.set(bound)
    return bound


def publish(bound: Context) -> None:
    """Record what no step's patch tells."""
    activation = current()
    assert activation is not None
    activation.publish_context(bound)


@step
def write_all() -> None:
    put_context("a", 1)
    put_context({"b": [1], "gone": True})
    merge_context({"b": [2], "c": {"x": None}})
    delete_context("gone")
    init_accumulator("items", [])
    append_context("items", "one")
    append_context("items", {"two": 2})
    increment_context("sum", 2)
    increment_context("sum", 3)
    context()["b"].append("not written")


@step
async def read_all() -> dict[str, Any]:
    print("by key", context()["a"])  # noqa: T201 - what a step prints is its log
    print("by attribute", context().a)  # noqa: T201
    return {
        "all": state().as_dict(),
        "default": get_context("missing", "d"),
        "has": [has_context("a"), has_context("gone")],
        "identity": [input(), workflow_id(), current_step()],
    }


@workflow
async def written_and_read(given: dict[str, int]) -> dict[str, Any]:
    begin(given=given)
    await write_all()
    await sleep(0.01)
    return await read_all()


@step
async def stop_at_gate() -> int:
    await pass_gate()
    return int(get_context("n"))


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01))
def count_and_fail() -> int:
    update_context("n", lambda n: n + 1, 0)
    append_context("tries", current_step())
    effect("try")
    from cerebelum import info

    if info().attempt < 3:
        raise ValueError("not yet")
    return int(context().n)


@workflow
async def counted() -> list[int]:
    begin()
    return [await count_and_fail(), await count_and_fail(), await count_and_fail()]


@workflow
async def gated() -> int:
    begin()
    await count_and_fail()
    return await stop_at_gate()


@step
async def count(number: int) -> None:
    increment_context("n", 1)
    append_context("found", number)
    put_context(f"own-{number}", number)
    await asyncio.sleep((7 - number) * 0.001)


@workflow
async def in_branches(branches: int) -> dict[str, Any]:
    bound = begin(branches=branches)
    forks = [bound.fork() for _ in range(branches)]

    async def branch(number: int) -> None:
        flow_context.set(forks[number])
        await count(number)

    await asyncio.gather(*(branch(number) for number in range(branches)))
    join(bound, forks)
    bound.put("collected", branches)
    publish(bound)
    return bound.as_dict()


@step
def book(flight: str) -> str:
    put_context("flight_booking", flight)
    return flight


@step
def cancel_booking(_: str) -> None:
    effect(f"cancelled {state().flight_booking}")
    put_context("cancelled", True)


@step
def fail() -> None:
    raise RuntimeError("no hotel")


@workflow
async def compensated() -> None:
    begin()
    async with saga() as undo:
        undo.add(cancel_booking, await book("LX 1"))
        await fail()


@step
async def own_id() -> str:
    put_context("id", workflow_id())
    await asyncio.sleep(0.001)
    return str(context().id)


@step
async def seen() -> dict[str, Any]:
    return context().as_dict()


@workflow
async def kept_apart() -> list[Any]:
    begin()
    return [await own_id(), await seen()]


@step
def lonely() -> None:
    context()


@workflow
async def without_context() -> None:
    await lonely()


@step
def puts_a_set() -> None:
    put_context("tags", {1, 2})


@workflow
async def inexact() -> None:
    begin()
    await puts_a_set()


@workflow(max_retries=1)
async def begun_again() -> dict[str, Any]:
    bound = begin()
    await count(1)
    if not bound.has("n") or bound.get("n") != 1:
        raise AssertionError(bound)
    await fails_once()
    publish(bound)
    return bound.as_dict()


@step
def fails_once() -> None:
    increment_context("n", 1)
    effect("fails once")
    from cerebelum import info

    if info().run == 1:
        raise ValueError("first run")


@step
def add_one() -> None:
    init_accumulator("found", [])
    increment_context("n", 1)
    append_context("found", current_step())


@step
def square(item: int) -> int:
    append_context("squares", item * item)
    return item * item


@step(compensate=cancel_booking)
def book_flight() -> str:
    put_context("flight_booking", "LX 2")
    return "LX 2"


@step
def conclude() -> list[Any]:
    return [input(), context().as_dict()]


gathering = Flow(
    "context_gathering",
    parallel("ten", *[[add_one] for _ in range(10)]),
    foreach("each", items=lambda ctx: ctx.numbers, body=[square], concurrency=3, collect="results"),
    conclude,
)
booking = Flow("context_booking", book_flight, fail)
