"""Workflows that ask people."""

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

EQUIPMENT: list[dict[str, Any]] = [
    {"name": "equipment_type", "type": "select", "options": ["laptop", "monitor"], "required": True},
    {"name": "justification", "type": "text", "required": True, "max_length": 500},
    {"name": "urgent", "type": "boolean"},
]
FIVE = [{"value": 1, "label": "poor"}, {"value": 5, "label": "very good"}]


class Verdict(StrEnum):
    yes = "yes"
    no = "no"


@dataclass
class Review:
    verdict: Verdict
    comment: str = ""
    score: int = 0


class Order(msgspec.Struct):
    item: str
    count: int
    due: dt.date | None = None


class Claim(pydantic.BaseModel):
    amount: float = pydantic.Field(gt=0, le=1000)
    iban: str

    @pydantic.field_validator("iban")
    @classmethod
    def has_country(cls, value: str) -> str:
        if not value[:2].isalpha():
            raise ValueError("an IBAN begins with a country")
        return value


@workflow
async def asks_anything() -> Any:
    return await wait_for_input("approval", prompt="Approve it?")


@workflow
async def asks_for_a_while(timeout_s: float) -> Any:
    return await wait_for_input("approval", timeout=seconds(timeout_s), timeout_value="auto_reject")


@workflow
async def asks_and_raises(timeout_s: float) -> Any:
    return await wait_for_input("approval", timeout=timeout_s)


@workflow
async def asks_and_catches(timeout_s: float) -> str:
    try:
        return str(await wait_for_input("approval", timeout=timeout_s))
    except InputTimedOut as late:
        return f"{late.name} after {late.timeout_s:g} s"


@workflow
async def asks_for_equipment() -> Any:
    return await wait_for_input("equipment", type="form", fields=EQUIPMENT, prompt="What do you need?")


@workflow
async def asks_for_a_choice() -> Any:
    return await wait_for_input("rating", type="single_choice", choices=FIVE)


@workflow
async def asks_for_choices() -> Any:
    return await wait_for_input("tags", type="multi_choice", choices=["red", "green", "blue"])


@workflow
async def asks_by_schema() -> Any:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    return await wait_for_input("number", schema=schema, prompt="How many?")


@workflow
async def asks_for_a_review() -> list[str]:
    review = await wait_for_input("review", form=Review)
    return [type(review).__name__, review.verdict.name, review.comment, str(review.score)]


@workflow
async def asks_for_an_order() -> list[str]:
    order = await wait_for_input("order", form=Order)
    return [type(order).__name__, order.item, str(order.count), str(order.due)]


@workflow
async def asks_for_a_claim() -> list[str]:
    claim = await wait_for_input("claim", form=Claim)
    return [type(claim).__name__, str(claim.amount), claim.iban]


@step
def notes(what: str) -> str:
    effect(what)
    return what


@workflow
async def works_asks_works() -> list[Any]:
    before = await notes("before")
    answer = await wait_for_input("approval", prompt="Go on?")
    return [before, answer, await notes("after")]


@workflow
async def asks_in_branches() -> list[Any]:
    """A wait in a branch of a loop, beside others."""
    answers: list[Any] = []
    for turn in range(2):
        if turn == 1:
            answers.append(await wait_for_input(f"turn {turn}"))
        else:
            answers += await asyncio.gather(wait_for_input("left"), wait_for_input("right"), notes("beside"))
    return answers


@workflow
async def asks_and_gives_up() -> str:
    try:
        async with asyncio.timeout(0.05):
            return str(await wait_for_input("approval"))
    except TimeoutError:
        await wait_for_input("other")
        return "gave up"


@workflow
async def asks_twice() -> list[Any]:
    return [await wait_for_input("same"), await wait_for_input("same")]


@workflow(max_retries=1)
async def asks_again_after_failure() -> Any:
    answer = await wait_for_input("approval")
    if answer == "fail":
        raise ValueError("asked to fail")
    return answer


@step
async def stands() -> None:
    await pass_gate()


@workflow
async def asks_beside_work() -> Any:
    answer, _ = await asyncio.gather(wait_for_input("approval"), stands())
    return answer


@workflow
def asks_plainly() -> Any:
    return wait_for_input("approval", prompt="Approve it?")
