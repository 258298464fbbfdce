"""A folder with flows, and the command run in it: in this process, or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from cerebelum_cli.app import app
from tests.architecture.repository import ROOT

FLOW = """
import asyncio
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cerebelum import Retry, on_query, on_update, step, wait_for_signal, wait_until, workflow


@dataclass
class Order:
    item: str
    total: float


@step
def double(n: int) -> int:
    print(f"doubling {n}")
    return 2 * n


@step
def refuse(secret: str) -> int:
    raise ValueError(f"password={secret} \\x1b[31mred")


@step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01))
def flaky(n: int) -> int:
    from cerebelum import info

    if info().attempt < 2:
        raise ConnectionError("not yet")
    return n


@workflow
async def good(n: int = 1, zip: str = "") -> int:
    return await double(n)


@workflow
async def bad(api_key: str = "hunter2") -> int:
    return await refuse(api_key)


@workflow
async def waits(n: int = 1) -> dict[str, int]:
    answer = await wait_for_signal("go")
    await double(n)
    return {"answer": answer}


@workflow
async def listens(limit: int = 1) -> int:
    state = {"limit": limit, "open": True}

    def set_limit(new: int) -> int:
        before, state["limit"] = state["limit"], new
        return before

    def positive(new: int) -> None:
        if new <= 0:
            raise ValueError(f"{new} is not positive")

    def close() -> None:
        state["open"] = False

    on_query("limit", lambda plus=0: state["limit"] + plus)
    on_update("set_limit", set_limit, validate=positive)
    on_update("close", close)
    await wait_until(lambda: not state["open"])
    return state["limit"]


@workflow
async def retries(n: int = 1) -> int:
    return await flaky(n)


@workflow
async def typed(order: Order, when: datetime | None = None, price: Decimal = Decimal(1), tags: list[str] | None = None) -> list[str]:
    return [repr(order.item), repr(order.total), str(when), str(price), str(tags)]


@workflow
async def hostile() -> str:
    return "\\x1b[2J\\u202e token=abcdef123"


@workflow
async def unencodable() -> float:
    return float("nan")


@workflow
async def sleeps(seconds: float = 30) -> int:
    first = await double(1)
    await asyncio.sleep(seconds)
    return await double(first)
"""


class Project:
    """A working folder. Nothing in it refers to another test's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("flow.py", FLOW)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def __call__(self, *words: str, stdin: str | None = None) -> Result:
        """Run the command in this process; the working folder must be the project's."""
        return CliRunner().invoke(app, list(words), input=stdin)

    def json(self, *words: str) -> Any:
        result = self(*words, "-o", "json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Run the command in a process of its own."""
        return subprocess.Popen(
            command(*words), cwd=self.folder, env=environ(**environment), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "cerebelum_cli", *words]


def environ(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CEREBELUM_")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def wait_for_line(stream: Any, text: str) -> str:
    """Read lines until one holds `text`; all that was read is in the failure."""
    read = []
    for line in stream:
        read.append(line)
        if text in line:
            return str(line)
    raise AssertionError(f"no line with {text!r} in:\n{''.join(read)}")
