"""Code that catches whatever ends it must not hold up the node: not when it is thrown away, not when it is cancelled."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from cerebelum.engine.domain.errors_runtime import ExecutionFailed
from cerebelum.engine.runtime.node import NodeSettings
from tests.campaign.workloads import chain
from tests.engine.runtime import stubborn
from tests.engine.world import PATIENCE_S, World

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", [definition.name for definition in stubborn.EVICTED])
def test_throwing_stubborn_code_away_ends_and_effects_nothing(name: str) -> None:
    """R10, E13: it is given up after many refusals; neither then nor at the end of the process does a step of it run."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.engine.runtime.stubborn", name],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "thrown away\n"
    assert "Traceback" not in ran.stderr
    assert "code that catches everything" in ran.stderr or name == "sleeps_on_when_cancelled"


async def test_a_cleanup_that_computes_for_ever_is_interrupted() -> None:
    """R10: plain computation in a `finally` of thrown-away code is interrupted as an activation is, and others go on."""
    world = await World.open("memory://", settings=NodeSettings(activation_limit_s=0.1, blocked_warning_s=0.05))
    try:
        gate = await world.client.start(stubborn.computes_in_its_cleanup)
        async with asyncio.timeout(PATIENCE_S):
            while gate.id not in world.node.resident:  # noqa: ASYNC110 - what it waits for is told to nobody
                await asyncio.sleep(0)
        world.node.residents.forget(world.node.resident[gate.id])
        assert await world.run(chain, 3) == 3
    finally:
        await world.close()


async def test_code_that_goes_on_when_it_is_cancelled_holds_up_nobody() -> None:
    """H10: cancelled again and again it goes on sleeping, as its code says; its node runs others, and stops in order."""
    world = await World.open("memory://")
    handle = await world.client.start(stubborn.sleeps_on_when_cancelled)
    await world.until(handle, lambda view: bool(view.state.open))
    for _ in range(3):
        await handle.cancel()
    await world.until(handle, lambda view: view.row.last_version >= 4)
    assert await world.run(chain, 3) == 3
    assert (await handle.describe()).row.status in ("running", "waiting")
    async with asyncio.timeout(PATIENCE_S):
        await world.close()


async def test_code_that_waits_for_nothing_fails_even_if_it_catches_that() -> None:
    """E16: a deadlock is an error, also of code that goes on waiting when it is cancelled for it."""
    world = await World.open("memory://")
    try:
        with pytest.raises(ExecutionFailed, match="Deadlocked"):
            await world.run(stubborn.waits_on_nothing)
        assert await world.run(chain, 3) == 3
    finally:
        await world.close()
