"""Workflows that answer queries, take updates and wait for their own state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from cerebelum import Retry, error, info, on_query, on_update, sleep, step, wait_for_signal, wait_until, workflow
from tests.flows.ledger import effect, pass_gate


@step
async def write_down(what: str) -> str:
    effect(what)
    return what


@dataclass
class Limit:
    amount: int
    reason: str = ""


@workflow
async def account(limit: int) -> list[Any]:
    """Has a limit that updates change, and closes on one."""
    changes: list[Any] = []
    state = {"limit": limit, "closed": False}

    def positive(new: Limit) -> None:
        if new.amount <= state["limit"]:
            raise ValueError(f"{new.amount} is not above {state['limit']}")

    async def set_limit(new: Limit) -> int:
        before = state["limit"]
        state["limit"] = new.amount
        changes.append(await write_down(f"{new.amount} {new.reason}".strip()))
        return before

    def close() -> str:
        state["closed"] = True
        return "closed"

    def fail(how: str) -> Any:
        if how == "raise":
            raise KeyError("no such thing")
        return error("not today") if how == "error" else object()

    on_query("state", lambda: dict(state))
    on_query("plus", lambda amount, times=1: state["limit"] + amount * times)
    on_update("set_limit", set_limit, validate=positive)
    on_update("close", close)
    on_update("fail", fail)
    await wait_until(lambda: state["closed"])
    return changes


@workflow
async def declares_late() -> str:
    """Stands at a gate before it declares its update."""
    await gate()
    told: list[str] = []

    def tell(text: str) -> int:
        told.append(text)
        return len(told)

    on_update("tell", tell)
    await wait_until(lambda: told)
    return told[0]


@step
async def gate() -> None:
    await pass_gate()


@workflow
async def ends_first() -> str:
    """Returns while the handler of its update stands at a gate."""

    async def hold() -> str:
        await gate()
        return "held"

    on_update("hold", hold)
    await wait_for_signal("go")
    return "done"


@workflow
async def never_declares() -> str:
    return str(await wait_for_signal("go"))


@workflow
async def nosy() -> None:
    """Its queries do what they may not."""
    woken = asyncio.Event()

    on_query("step", lambda: write_down("no"))
    on_query("wait", lambda: wait_for_signal("go"))
    on_query("wake", woken.set)
    on_query("loop", lambda: asyncio.get_running_loop().time())
    on_query("chance", lambda: __import__("random").random())
    on_query("declare", lambda: on_query("other", print))
    on_query("broken", lambda: 1 / 0)
    on_query("fine", lambda: "fine")
    waiting = asyncio.create_task(woken.wait())
    await wait_for_signal("go")
    assert not waiting.done()


@workflow
async def waits_for_two() -> list[str]:
    """Two tasks whose steps make a third go on."""
    done: list[str] = []

    async def work(name: str) -> None:
        done.append(await write_down(name))

    async def last() -> str:
        await wait_until(lambda: len(done) == 2)
        return await write_down("last")

    return [*(await asyncio.gather(last(), work("a"), work("b")))[:1], *sorted(done)]


@workflow
async def waits_in_vain(timeout_s: float) -> str:
    try:
        await wait_until(lambda: False, timeout=timeout_s)
    except TimeoutError:
        return "in vain"
    return "never"


@workflow
async def passes_a_ball() -> list[str]:
    """Conditions that other conditions make true, and one that is no longer true when its waiter goes on."""
    seen: list[str] = []
    ball = ""

    async def player(name: str, to: str) -> None:
        nonlocal ball
        for _ in range(3):
            await wait_until(lambda: ball == name)  # noqa: B023 - the one ball of all players
            seen.append(name)
            ball = to

    async def serve() -> None:
        nonlocal ball
        await sleep(0.01)
        ball = "a"

    await asyncio.gather(player("a", "b"), player("b", "a"), serve())
    return seen


@workflow
async def broken_condition() -> str:
    items: list[int] = []

    async def fill() -> None:
        await sleep(0.01)
        items.append(0)

    filling = asyncio.create_task(fill())
    try:
        await wait_until(lambda: items and 1 / items[0])
    except ZeroDivisionError:
        await filling
        return "caught"
    return "never"


@workflow
async def acting_condition() -> None:
    await wait_until(lambda: write_down("no"))


@workflow
async def waits_for_nothing() -> None:
    await wait_until(lambda: False)


@workflow
def plain_account(limit: int) -> int:
    """The plain form: its handler calls a step without await."""
    state = {"limit": limit, "closed": False}

    def set_limit(new: int) -> Any:
        write_down(str(new))  # type: ignore[unused-coroutine]
        state["limit"] = new
        state["closed"] = True
        return new

    on_query("limit", lambda: state["limit"])
    on_update("set_limit", set_limit)
    wait_until(lambda: state["closed"])  # type: ignore[unused-coroutine]
    return state["limit"]


@workflow(max_retries=1)
async def tries_again() -> str:
    """Its first run fails after it has taken an update that it cannot finish."""
    told: list[str] = []

    async def tell(text: str) -> str:
        if info().run == 1:
            await wait_for_signal("never")
        told.append(text)
        return f"told {text}"

    on_update("tell", tell)
    await fails_first(await wait_for_signal("go"))
    await wait_until(lambda: told)
    return told[0]


RUNS: dict[str, int] = {}


@step(retry=Retry(max_attempts=1))
async def fails_first(name: str) -> None:
    RUNS[name] = RUNS.get(name, 0) + 1
    if RUNS[name] == 1:
        raise RuntimeError("first run")


@workflow
async def greets(greeting: str) -> str:
    return f"{greeting} {await wait_for_signal('name')}"


@workflow
async def in_order(count: int) -> list[Any]:
    return [await wait_for_signal("item") for _ in range(count)]
