"""Every asyncio primitive that workflow code may use: live, after a crash at each event, and in replay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cerebelum.adapters.stores.memory import MemoryStore
from cerebelum.connect import make_codec
from cerebelum.engine.application.client import Client
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.testing.crashes import crash_everywhere, resume_from, run_once
from cerebelum.engine.testing.invariants import check_store
from tests.flows import primitives


async def memory_engine() -> Engine:
    store = MemoryStore()
    await store.open()
    return Engine(store, make_codec())


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = await memory_engine()
    yield engine
    await engine.stop_node(1.0)
    await engine.store.close()


@pytest.mark.parametrize("workflow", primitives.DETERMINISTIC, ids=lambda flow: flow.name)
async def test_the_result_is_the_same_after_a_crash_at_each_event(workflow: Any) -> None:
    """E13, E20: whatever event a process dies after, another one ends with the same result and an unchanged past."""
    outcome = await crash_everywhere(memory_engine, workflow)
    assert outcome.final_type == "execution_completed", outcome


@pytest.mark.parametrize("workflow", primitives.REPLAYED, ids=lambda flow: flow.name)
async def test_every_crash_leaves_a_history_that_replays(workflow: Any) -> None:
    """I8: where timing decides the result, the recorded past still replays to the recorded commands."""
    engine = await memory_engine()
    whole = await run_once(engine, workflow, (), None)
    await engine.stop_node(1.0)
    for version in range(1, len(whole.history) + 1):
        again_engine = await memory_engine()
        again = await resume_from(again_engine, workflow, whole, version)
        assert again.final_type == "execution_completed"
        assert again.history[:version] == whole.history[:version]
        assert await check_store(again_engine.store, again_engine.codec, {workflow.name: workflow}) == []
        await again_engine.stop_node(1.0)


async def test_replay_draws_the_same_time_and_random_values(engine: Engine) -> None:
    """E9, E20: plain `random`, `uuid` and `datetime` give the same values to the run and to its replay."""
    from cerebelum.engine.runtime.replay import Replay
    from cerebelum.engine.runtime.run import WorkflowRun

    handle = await Client(engine).start(primitives.draws)
    result = await handle.result(10)
    run = WorkflowRun(handle.id, primitives.draws, engine.codec)
    assert Replay(run, await handle.history()).to_end() == []
    assert len(set(result)) == len(result)
    run.close()


async def test_two_waits_take_the_signals_that_match_them(engine: Engine) -> None:
    """C6, C7, C9: a signal that came early is kept, and goes to the wait whose match it passes."""
    client = Client(engine)
    handle = await client.start(primitives.two_signals)
    await handle.signal("go", 1)
    await handle.signal("go", 5)
    assert await handle.result(10) == [5, 1]
