"""The graph of an execution as it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pytest

from cerebelum.engine.application.graph_feed import follow_graph as follow
from cerebelum.engine.domain.errors import ExecutionNotFound
from cerebelum.engine.domain.overlay import with_execution
from cerebelum.graphs import draw, follow_graph, get_graph_with_execution
from tests.conftest import urls_of
from tests.engine.world import World
from tests.flows import drawn, ledger, travelled


@pytest.fixture(params=["sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: object) -> AsyncIterator[World]:
    """An engine on a store."""
    made = await World.open(urls_of(request, tmp_path)())  # type: ignore[arg-type]
    yield made
    await made.close()


def states(graph: dict[str, Any]) -> dict[str, Any]:
    return {node["id"]: node["execution_state"] for node in graph["nodes"] if "execution_state" in node}


@pytest.mark.parametrize("world", ["sqlite", "postgresql"], indirect=True)
async def test_every_event_brings_the_graph_as_it_is_then(world: World) -> None:
    """L12, L7: one update for each event, in order, with the graph of the events up to there and the changed node."""
    handle = await world.client.start(drawn.stands)
    await world.at_gate(handle)
    updates: list[dict[str, Any]] = []
    async for update in follow_graph(None, None, handle.id, client=world.client):
        updates.append(update)
        if "slow" in states(update["graph"]):
            ledger.gate(handle.id).set()
    history = await handle.history()
    assert [update["event"]["version"] for update in updates] == [event.version for event in history]
    plain = draw(drawn.stands)
    for count, update in enumerate(updates, 1):
        assert update["graph"] == with_execution(plain, history[:count]).as_json()
    changed = [(update["event"]["type"], update["event"]["node"]) for update in updates]
    assert ("step_scheduled", "slow") in changed
    assert ("step_failed", "slow") in changed
    assert changed[-1] == ("execution_completed", None)
    assert updates[-1]["graph"] == await get_graph_with_execution(None, None, handle.id, client=world.client)


async def test_a_running_node_is_active_with_its_progress(world: World) -> None:
    """L8, L12: during attempt 2 the update says running, attempt 2, active and the progress that the step reported."""
    handle = await world.client.start(drawn.stands)
    await world.at_gate(handle)
    found: dict[str, Any] = {}
    async with aclosing(cast("Any", follow_graph(drawn.stands, "mine", handle.id, client=world.client))) as updates:
        async for update in updates:
            found = states(update["graph"]).get("slow", {})
            if found.get("progress") == 40:
                break
    assert (found["status"], found["attempt"], found["active"]) == ("running", 2, True)
    assert {"status", "duration_ms", "started_at", "completed_at"} <= set(found)
    ledger.gate(handle.id).set()
    await handle.result(20)


async def test_it_begins_where_one_is(world: World) -> None:
    """L12: updates of events that one knows are left out; those that follow have them laid over all the same."""
    handle = await world.client.start(travelled.process_order)
    await world.until_status(handle, "failed")
    history = await handle.history()
    found = [update async for update in follow(world.engine, handle.id, after_version=len(history) - 2)]
    assert [update.event.version for update in found] == [len(history) - 1, len(history)]
    assert found[-1].graph == with_execution(draw(travelled.process_order), history)
    assert found[0].node == "ship"


async def test_calls_on_one_line_are_told_apart(world: World) -> None:
    """L7: of two calls of one step on one line, each record is laid over its own node, also where a loop comes again."""
    handle = await world.client.start(travelled.process_order)
    await world.until_status(handle, "failed")
    shape = await get_graph_with_execution(None, None, handle.id, client=world.client)
    assert states(shape)["notify"]["count"] == states(shape)["notify_2"]["count"] == 1


async def test_an_execution_that_is_not_there(world: World) -> None:
    """L12: an unknown id is refused at once."""
    with pytest.raises(ExecutionNotFound):
        await anext(aiter(follow(world.engine, "nobody")))
