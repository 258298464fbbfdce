"""Queries: they read live or replayed state, and leave no trace."""

from __future__ import annotations

import pytest

from cerebelum.engine.application.client import Client
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.errors import CerebelumError, ExecutionNotFound
from cerebelum.engine.domain.errors_messages import QueryFailed, QueryMayNotAct, UnknownQuery
from cerebelum.engine.domain.errors_payload import ArgumentError
from tests.engine.world import PATIENCE_S, World
from tests.flows import listening
from tests.flows.listening import Limit


async def test_a_query_reads_the_present_state(world: World) -> None:
    """C8: live, with arguments by position and by name; nothing is recorded."""
    handle = await world.client.start(listening.account, 10)
    assert await handle.query("state") == {"limit": 10, "closed": False}
    await handle.update("set_limit", Limit(20), timeout_s=PATIENCE_S)
    before = await handle.history()
    assert await handle.query("state") == {"limit": 20, "closed": False}
    assert await handle.query("plus", 1, times=5) == 25
    assert await handle.history() == before


async def test_another_process_replays_the_history(world: World) -> None:
    """C8: from any process that has the code, loaded or from the store; nothing is recorded."""
    handle = await world.client.start(listening.account, 10)
    await handle.update("set_limit", Limit(20), timeout_s=PATIENCE_S)
    before = await handle.history()
    stranger = Client(Engine(world.store, world.codec), node=False)
    await stranger.engine.register(listening.account)
    assert await stranger.handle(handle.id).query("state") == {"limit": 20, "closed": False}
    assert await handle.history() == before


async def test_an_ended_execution_answers(world: World) -> None:
    """C8, F12: its last state is in its history, also after the process that ran it is gone."""
    handle = await world.client.start(listening.account, 10)
    await handle.update("set_limit", Limit(20), timeout_s=PATIENCE_S)
    await handle.update("close", timeout_s=PATIENCE_S)
    await handle.result(PATIENCE_S)
    assert await handle.query("state") == {"limit": 20, "closed": True}
    handle = await world.crash_and_come_back(handle, listening.account)
    assert await handle.query("state") == {"limit": 20, "closed": True}


async def test_an_unknown_query_names_those_there_are(world: World) -> None:
    """C8: the caller sees what can be asked."""
    handle = await world.client.start(listening.account, 10)
    await handle.query("state")
    with pytest.raises(UnknownQuery, match="known: plus, state") as unknown:
        await handle.query("stat")
    assert unknown.value.known == ("plus", "state")
    with pytest.raises(ExecutionNotFound):
        await world.client.handle("exec-nowhere").query("state")


async def test_arguments_that_do_not_fit_are_an_error(world: World) -> None:
    """C13: as for any call, naming the argument."""
    handle = await world.client.start(listening.account, 10)
    with pytest.raises(ArgumentError, match="amount"):
        await handle.query("plus")


@pytest.mark.parametrize("name", ["step", "wait", "wake", "loop", "chance", "declare"])
@pytest.mark.parametrize("live", [True, False], ids=["live", "replayed"])
async def test_a_query_that_acts_is_refused(world: World, name: str, live: bool) -> None:
    """C8: no step, wait, loop, wake-up, randomness or declaration; the execution is as it was, and ends well."""
    handle = await world.client.start(listening.nosy)
    await world.until_status(handle, "waiting")
    before = await handle.history()
    asked = handle if live else Client(Engine(world.store, world.codec), node=False).handle(handle.id)
    await asked._engine.register(listening.nosy)
    with pytest.raises((QueryMayNotAct, QueryFailed)):
        await asked.query(name)
    assert await handle.history() == before
    assert await handle.query("fine") == "fine"
    await handle.signal("go")
    await handle.result(PATIENCE_S)


async def test_a_query_that_fails_tells_why(world: World) -> None:
    """C10: the error is the caller's; the execution does not notice."""
    handle = await world.client.start(listening.nosy)
    with pytest.raises(QueryFailed, match="ZeroDivisionError: division by zero") as failed:
        await handle.query("broken")
    assert isinstance(failed.value, CerebelumError)
    assert await handle.query("fine") == "fine"


async def test_a_paused_execution_answers(world: World) -> None:
    """H4: looking needs no permission to go on."""
    handle = await world.client.start(listening.account, 10)
    await handle.pause()
    await world.until_status(handle, "paused")
    assert await handle.query("state") == {"limit": 10, "closed": False}
