"""A project for each test, as the command line's tests have it, and one execution to walk."""

from __future__ import annotations

import pytest

from tests.cli.cli_project import Project
from tests.cli.conftest import project

__all__ = ["project"]

FLOW = """
import asyncio
from dataclasses import dataclass

from cerebelum import Retry, step, workflow


@dataclass
class Order:
    id: int
    tags: list[str]


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01))
def flaky(n: int) -> int:
    from cerebelum import info

    print(f"try {info().attempt}")
    if info().attempt < 3:
        raise ConnectionError("not yet")
    return n


@step
def double(n: int) -> int:
    return 2 * n


async def twice(number: int) -> int:
    one = await double(number)
    return await double(one)


@workflow
async def shop(n: int = 2, api_key: str = "hunter2") -> int:
    order = Order(7, ["new", "it's"])
    total = 0
    for number in range(n):
        total += await twice(number)
    last, other = await asyncio.gather(flaky(number), twice(total))
    return total + last + other + order.id
"""
LINES = {text.strip(): number for number, text in enumerate(FLOW.splitlines(), 1)}
TWICE_1 = LINES["one = await double(number)"]
TWICE_2 = LINES["return await double(one)"]
LOOP = LINES["total += await twice(number)"]
GATHER = LINES["last, other = await asyncio.gather(flaky(number), twice(total))"]


@pytest.fixture
def shop(project: Project) -> Project:
    """One execution, `one`: four steps in a function below, then a branch that fails twice beside another."""
    project.write("shop.py", FLOW)
    result = project("run", "shop.py", "--id", "one")
    assert result.exit_code == 0, result.stderr
    return project
