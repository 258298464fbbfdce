# mypy: ignore-errors
"""The workflows of `tests.flows.listening` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

from __future__ import annotations
import asyncio
from dataclasses import dataclass
from typing import Any
from cerebelum import Retry, error, info, on_query, on_update, sleep, step, wait_for_signal, wait_until, workflow
from tests.flows.ledger import effect, pass_gate
import time
from functools import partial
from cerebelum import together
from tests.flows.listening import write_down, Limit, gate, nosy, broken_condition, plain_account, RUNS, fails_first


@workflow
def account(limit: int) -> list[Any]:
    """Has a limit that updates change, and closes on one."""
    changes: list[Any] = []
    state = {"limit": limit, "closed": False}

    def positive(new: Limit) -> None:
        if new.amount <= state["limit"]:
            raise ValueError(f"{new.amount} is not above {state['limit']}")

    def set_limit(new: Limit) -> int:
        before = state["limit"]
        state["limit"] = new.amount
        changes.append(write_down(f"{new.amount} {new.reason}".strip()))
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
    wait_until(lambda: state["closed"])
    return changes


@workflow
def declares_late() -> str:
    """Stands at a gate before it declares its update."""
    gate()
    told: list[str] = []

    def tell(text: str) -> int:
        told.append(text)
        return len(told)

    on_update("tell", tell)
    wait_until(lambda: told)
    return told[0]


@workflow
def ends_first() -> str:
    """Returns while the handler of its update stands at a gate."""

    def hold() -> str:
        gate()
        return "held"

    on_update("hold", hold)
    wait_for_signal("go")
    return "done"


@workflow
def never_declares() -> str:
    return str(wait_for_signal("go"))


@workflow
def waits_for_two() -> list[str]:
    """Two tasks whose steps make a third go on."""
    done: list[str] = []

    def work(name: str) -> None:
        done.append(write_down(name))

    def last() -> str:
        wait_until(lambda: len(done) == 2)
        return write_down("last")

    return [*together(partial(last), partial(work, "a"), partial(work, "b"))[:1], *sorted(done)]


@workflow
def waits_in_vain(timeout_s: float) -> str:
    try:
        wait_until(lambda: False, timeout=timeout_s)
    except TimeoutError:
        return "in vain"
    return "never"


@workflow
def passes_a_ball() -> list[str]:
    """Conditions that other conditions make true, and one that is no longer true when its waiter goes on."""
    seen: list[str] = []
    ball = ""

    def player(name: str, to: str) -> None:
        nonlocal ball
        for _ in range(3):
            wait_until(lambda: ball == name)
            seen.append(name)
            ball = to

    def serve() -> None:
        nonlocal ball
        sleep(0.01)
        ball = "a"

    together(partial(player, "a", "b"), partial(player, "b", "a"), partial(serve))
    return seen


@workflow
def acting_condition() -> None:
    wait_until(lambda: write_down("no"))


@workflow
def waits_for_nothing() -> None:
    wait_until(lambda: False)


@workflow(max_retries=1)
def tries_again() -> str:
    """Its first run fails after it has taken an update that it cannot finish."""
    told: list[str] = []

    def tell(text: str) -> str:
        if info().run == 1:
            wait_for_signal("never")
        told.append(text)
        return f"told {text}"

    on_update("tell", tell)
    fails_first(wait_for_signal("go"))
    wait_until(lambda: told)
    return told[0]


@workflow
def greets(greeting: str) -> str:
    return f"{greeting} {wait_for_signal('name')}"


@workflow
def in_order(count: int) -> list[Any]:
    return [wait_for_signal("item") for _ in range(count)]
