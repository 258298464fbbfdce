"""Random edits while executions run, wait, sleep and end: nothing is lost, nothing runs twice, all end on one code."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from cerebelum.engine.application.client import Handle
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ForbiddenTransition
from cerebelum.engine.domain.execution import FINAL
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.runtime.node import NodeSettings
from cerebelum.engine.testing.invariants import contiguous, effect_bound, once_recorded, timers
from tests.engine.reloading.desk import Desk
from tests.engine.world import PATIENCE_S, World, whole_history
from tests.flows import ledger

BUSY = """
    @step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.005))
    async def works(number: int) -> str:
        effect(info().idempotency_key)
        await asyncio.sleep(0.004)
        if number % 3 == 0 and info().attempt == 1:
            raise ConnectionError("once")
        return "WORD"

    @step(at_most_once=True)
    async def once(number: int) -> str:
        effect(info().idempotency_key)
        await asyncio.sleep(0.003)
        return "WORD"

    @step
    def plain(number: int) -> str:
        effect(info().idempotency_key)
        return "WORD"

    @workflow
    async def child(number: int) -> str:
        await asyncio.sleep(0.003)
        return await works(number)

    @workflow
    async def busy(number: int) -> list[str]:
        BEFORE
        words = list(await asyncio.gather(works(number), once(number), plain(number), child(number)))
        await asyncio.sleep(0.005 * (number % 7))
        GUARDED
        word = await wait_for_signal("go")
        AFTER
        words.append(await works(number))
        await asyncio.sleep(SLEEP)
        return [*words, str(word), await plain(number + 1)]
"""
GOOD = ('patched("more") and await plain(7)', "pass", 'patched("other")')
BAD = ("await plain(number)", "await asyncio.sleep(0.001)", "await child.child(number, id=f'{info().execution_id}-c')")
PLACES = ("BEFORE", "GUARDED", "AFTER")


FIRST = {"WORD": "first", "SLEEP": "0.002", "BEFORE": "pass", "GUARDED": "pass", "AFTER": "pass"}


def _text(words: dict[str, str]) -> str:
    text = BUSY
    for name, word in words.items():
        text = text.replace(name, word)
    return text


def _edited(dice: random.Random, number: int) -> str:
    """Return the flow with a random edit: one that histories fit, or one that some do not; sometimes one that breaks."""
    edit = dice.choice(BAD if dice.random() < 0.6 else GOOD)
    words = {**FIRST, "WORD": f"w{number}", "SLEEP": dice.choice(("0.002", "6")), dice.choice(PLACES): edit}
    return _text(words) + dice.choice(("", "", "", "", "    def broken(:\n", "    import not_there_at_all\n"))


async def _edit(desk: Desk, dice: random.Random, edits: int) -> list[str]:
    seen: list[str] = []
    for number in range(edits):
        for outcome in await desk.reloader.reload([desk.write(_edited(dice, number))]):
            verdicts = outcome.reloaded.verdicts if outcome.reloaded else []
            seen += ["broken"] if outcome.error else [verdict.outcome for verdict in verdicts]
        await asyncio.sleep(dice.random() * 0.03)
    return seen


async def _load(desk: Desk, dice: random.Random, count: int) -> list[Handle[Any]]:
    handles: list[Handle[Any]] = []
    for number in range(count):
        handles.append(await desk.start("busy", number))
        if dice.random() < 0.5:
            await _signal(dice.choice(handles))
        await asyncio.sleep(dice.random() * 0.01)
    return handles


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_nothing_is_lost_and_nothing_runs_twice(tmp_path: Path, folder: Path, kind: str, seed: int) -> None:
    """V13, W3, I2, I6, I7, I10: 30 random edits under load; each execution ends, its effects as many as its attempts."""
    dice = random.Random(seed)
    url = "memory://" if kind == "memory" else f"sqlite:///{tmp_path}/load.db"
    world = await World.open(url, settings=NodeSettings(policy="pin"), allow_stored_code=True)
    try:
        desk = Desk(world, folder)
        await desk.open(_text(FIRST))
        seen, handles = await asyncio.gather(_edit(desk, dice, 30), _load(desk, dice, 60))
        assert {"moved", "kept", "broken"} <= set(seen), "the edits were too tame to show anything"
        for handle in handles:
            await _signal(handle)
        async with asyncio.timeout(3 * PATIENCE_S):
            await _all_end(world)
        for row in await world.store.list_executions(ExecutionFilter(limit=10_000)):
            history = await whole_history(world.store, row.id)
            effects = {key: ledger.effects[row.id].count(key) for key in ledger.effects[row.id]}
            assert row.status == "completed", f"{row.error}"
            found = [*contiguous(row, history), *once_recorded(row.id, history), *timers(row.id, history)]
            assert found + effect_bound(row.id, history, effects, deaths=0) == []
            assert _attempts(history) == sum(effects.values()), "as many effects as attempts, and no more"
    finally:
        await world.close()


async def _signal(handle: Handle[Any]) -> None:
    try:
        await handle.signal("go", "on", key="go")
    except ForbiddenTransition:
        assert (await handle.describe()).row.status in FINAL


async def _all_end(world: World) -> None:
    while True:
        rows = await world.store.list_executions(ExecutionFilter(limit=10_000))
        if all(row.status in FINAL for row in rows):
            return
        await asyncio.sleep(0.01)


def _attempts(history: list[ev.RecordedEvent]) -> int:
    """Return how many attempts of steps the history tells of."""
    return sum(recorded.type in ("step_completed", "step_failed") for recorded in history)
