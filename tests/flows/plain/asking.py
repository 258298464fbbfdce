# mypy: ignore-errors
"""The workflows of `tests.flows.asking` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

from __future__ import annotations
import asyncio
import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
import msgspec
import pydantic
from cerebelum import InputTimedOut, seconds, step, wait_for_input, workflow
from tests.flows.ledger import effect, pass_gate
import time
from functools import partial
from cerebelum import together
from tests.flows.asking import (
    EQUIPMENT,
    FIVE,
    Verdict,
    Review,
    Order,
    Claim,
    notes,
    asks_and_gives_up,
    stands,
    asks_plainly,
)


@workflow
def asks_anything() -> Any:
    return wait_for_input("approval", prompt="Approve it?")


@workflow
def asks_for_a_while(timeout_s: float) -> Any:
    return wait_for_input("approval", timeout=seconds(timeout_s), timeout_value="auto_reject")


@workflow
def asks_and_raises(timeout_s: float) -> Any:
    return wait_for_input("approval", timeout=timeout_s)


@workflow
def asks_and_catches(timeout_s: float) -> str:
    try:
        return str(wait_for_input("approval", timeout=timeout_s))
    except InputTimedOut as late:
        return f"{late.name} after {late.timeout_s:g} s"


@workflow
def asks_for_equipment() -> Any:
    return wait_for_input("equipment", type="form", fields=EQUIPMENT, prompt="What do you need?")


@workflow
def asks_for_a_choice() -> Any:
    return wait_for_input("rating", type="single_choice", choices=FIVE)


@workflow
def asks_for_choices() -> Any:
    return wait_for_input("tags", type="multi_choice", choices=["red", "green", "blue"])


@workflow
def asks_by_schema() -> Any:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    return wait_for_input("number", schema=schema, prompt="How many?")


@workflow
def asks_for_a_review() -> list[str]:
    review = wait_for_input("review", form=Review)
    return [type(review).__name__, review.verdict.name, review.comment, str(review.score)]


@workflow
def asks_for_an_order() -> list[str]:
    order = wait_for_input("order", form=Order)
    return [type(order).__name__, order.item, str(order.count), str(order.due)]


@workflow
def asks_for_a_claim() -> list[str]:
    claim = wait_for_input("claim", form=Claim)
    return [type(claim).__name__, str(claim.amount), claim.iban]


@workflow
def works_asks_works() -> list[Any]:
    before = notes("before")
    answer = wait_for_input("approval", prompt="Go on?")
    return [before, answer, notes("after")]


@workflow
def asks_in_branches() -> list[Any]:
    """A wait in a branch of a loop, beside others."""
    answers: list[Any] = []
    for turn in range(2):
        if turn == 1:
            answers.append(wait_for_input(f"turn {turn}"))
        else:
            answers += together(
                partial(wait_for_input, "left"), partial(wait_for_input, "right"), partial(notes, "beside")
            )
    return answers


@workflow
def asks_twice() -> list[Any]:
    return [wait_for_input("same"), wait_for_input("same")]


@workflow(max_retries=1)
def asks_again_after_failure() -> Any:
    answer = wait_for_input("approval")
    if answer == "fail":
        raise ValueError("asked to fail")
    return answer


@workflow
def asks_beside_work() -> Any:
    answer, _ = together(partial(wait_for_input, "approval"), partial(stands))
    return answer
