# mypy: ignore-errors
"""The workflows of `tests.flows.steps` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

from __future__ import annotations
import asyncio
from typing import Any
from cerebelum import Retry, current_step, error, info, minutes, ok, saga, seconds, step, workflow, workflow_id
from tests.flows.ledger import effect
import time
from functools import partial
from cerebelum import together
from tests.flows.steps import (
    add_a,
    add_b,
    add_c,
    declines,
    blows_up,
    gives_object,
    gives_nan,
    undo_first,
    first,
    second,
    about_me,
)


@workflow
def in_order(state: list[str]) -> list[str]:
    return add_c(add_b(add_a(state)))


@workflow
def declined() -> None:
    declines()


@workflow
def refuses() -> Any:
    return error("not today")


@workflow
def blown_up() -> None:
    blows_up()


@workflow
def raises_itself() -> None:
    raise RuntimeError("from the workflow")


@workflow
def bad_result(kind: str) -> Any:
    return gives_object() if kind == "object" else gives_nan()


@workflow
def bad_workflow_result() -> Any:
    return {"deep": [object()]}


@workflow
def with_options() -> list[str]:
    return [first(), second()]


@workflow
def knows_itself(order: str, pause_s: float = 0.0) -> dict[str, Any]:
    before = info()
    told = about_me(pause_s)
    after = info()
    return {
        "workflow": {"id": workflow_id(), "step": current_step(), "input": after.input, "name": after.workflow},
        "unchanged": before == after,
        "step": told,
    }


@workflow
def guarded_forever() -> None:
    with saga():
        time.sleep(3600)
