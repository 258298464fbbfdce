"""Code that takes a checkpoint after each pass, as the interpreter of graphs does."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from cerebelum import patched, step, wait_for_signal, workflow
from cerebelum.engine.authoring.activation import slot
from tests.flows.ledger import effect


@step
async def count(number: int) -> int:
    effect(f"count {number}")
    return number + 1


def restored() -> Any:
    assert slot.activation is not None
    return slot.activation.restored


def checkpoint(state: Any) -> bool:
    assert slot.activation is not None
    return slot.activation.checkpoint(state)


@workflow
async def counts(passes: int, naps: bool = False) -> list[float]:
    """Draw, count, maybe nap, in each pass; the state is where it stands and what it has."""
    state = restored() or {"pass": 0, "number": 0, "drawn": []}
    while state["pass"] < passes:
        if patched("draws"):
            state["drawn"].append(random.random())
        done, _ = await asyncio.wait({asyncio.ensure_future(count(state["number"])) for _ in range(2)})
        state["number"] = max(task.result() for task in done)
        if naps:
            await asyncio.sleep(0.001)
        state["pass"] += 1
        checkpoint(state)
    return [state["number"], *state["drawn"]]


@workflow
async def counts_and_listens(passes: int) -> list[Any]:
    """Takes a signal at its end that may have come before the first checkpoint."""
    state = restored() or {"pass": 0}
    while state["pass"] < passes:
        await count(state["pass"])
        state["pass"] += 1
        checkpoint(state)
    return [state["pass"], await wait_for_signal("go")]


@workflow
async def asks_too_early() -> list[bool]:
    """A checkpoint is refused while something is open."""
    task = asyncio.ensure_future(count(1))
    await asyncio.sleep(0)
    early = checkpoint({"at": "early"})
    await task
    return [early, checkpoint({"at": "late"})]
