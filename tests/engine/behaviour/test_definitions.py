"""Flows as data, run: the six types, their edges and blocks, crashes, and the graph that is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cerebelum import ExecutionFailed
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring.flow import Flow, FlowDefinition, Workflow
from cerebelum.engine.domain import events as ev
from cerebelum.engine.runtime.node import NodeSettings
from cerebelum.engine.testing.crashes import crash_everywhere
from tests.engine.world import PATIENCE_S, World
from tests.flows import defined, queued


async def test_map_gives_its_results_in_order(world: World) -> None:
    """A22: a flow that maps x*2 over [1,2,3] outputs [2,4,6]."""
    assert await world.run(defined.doubles) == [2, 4, 6]


async def test_a_function_is_called_by_its_name(world: World) -> None:
    """A22: a function node calls what its name says, with the keys of the state as arguments, results among them."""
    handle = await world.client.start(defined.totals, {"numbers": [1, 2, 3], "factor": 10})
    assert await handle.result(PATIENCE_S) == 120


@pytest.mark.parametrize("total, taken", [(2_000, "large"), (10, "small")])
async def test_a_condition_chooses_and_blocks_run_as_they_say(world: World, total: int, taken: str) -> None:
    """A23, A26: the history shows the chosen branch, then children that overlap, then children one after the other."""
    handle = await world.client.start(defined.chooses, {"total": total, "country": "CH"})
    await handle.result(PATIENCE_S)
    history = [recorded.event() for recorded in await handle.history()]
    scheduled = [event for event in history if isinstance(event, ev.StepScheduled)]
    assert [event.name for event in scheduled] == [taken, "left", "right", "first", "second"]
    numbers = {event.name: event.number for event in scheduled}
    done = {event.number: place for place, event in enumerate(history) if isinstance(event, ev.StepCompleted)}
    asked = {event.number: place for place, event in enumerate(history) if isinstance(event, ev.StepScheduled)}
    assert asked[numbers["right"]] < done[numbers["left"]]
    assert max(done[numbers["left"]], done[numbers["right"]]) < asked[numbers["first"]]
    assert done[numbers["first"]] < asked[numbers["second"]]


async def test_children_of_a_parallel_node_overlap(world: World) -> None:
    """A23: two children that wait for each other end only because both run."""
    defined.meeting = threading.Barrier(2)
    assert await world.run(defined.meets) is not None


async def test_a_delay_holds_no_worker(url: str) -> None:
    """A24: with room for one step, a flow that starts behind one in a long delay completes first."""
    world = await World.open(url, settings=NodeSettings(queues={"default": 1}))
    try:
        sleeper = await world.client.start(defined.delayed)
        await world.until_status(sleeper, "waiting")
        assert await world.run(defined.doubles) == [2, 4, 6]
        (timer,) = await world.events(sleeper, ev.TimerStarted)
        assert timer.due_us > world.node.clock.now_us()
    finally:
        await world.close()


async def test_a_cycle_runs_until_its_condition_is_false(world: World) -> None:
    """A16, A36: a conditional edge back is taken while it holds; each pass has its own place."""
    handle = await world.client.start(defined.counts, {"most": 3})
    assert await handle.result(PATIENCE_S) == 3
    places = [event.place for event in await world.events(handle, ev.StepScheduled)]
    assert places == ["add", "add[1]", "add[2]"]


async def test_a_cycle_ends_at_its_bound(world: World) -> None:
    """A17: an edge that is taken more often than max_iterations fails the execution, and says how often."""
    handle = await world.client.start(defined.counts, {"most": 100})
    with pytest.raises(ExecutionFailed, match="max_iterations=5"):
        await handle.result(PATIENCE_S)


async def test_a_condition_that_does_not_fit_its_state_fails_the_execution(world: World) -> None:
    """A26: the error names the key that is missing, and marks its place."""
    handle = await world.client.start(defined.chooses, {"country": "CH"})
    with pytest.raises(ExecutionFailed, match="the state has no 'total'"):
        await handle.result(PATIENCE_S)


async def test_options_of_nodes_count(world: World) -> None:
    """A30, A31: retries, the queue and the compensation of a definition are those of a step."""
    handle = await world.client.start(defined.optional)
    with pytest.raises(ExecutionFailed, match="always"):
        await handle.result(PATIENCE_S)
    scheduled = await world.events(handle, ev.StepScheduled)
    assert [(event.name, event.queue, event.max_attempts) for event in scheduled] == [
        ("reserve", "background", 1), ("refuse", "", 2), ("release", "", 1),
    ]  # fmt: skip
    (started,) = await world.events(handle, ev.ExecutionStarted)
    assert started.queue == "high_priority"


@pytest.mark.parametrize(
    "flow, given",
    [(defined.doubles, {}), (defined.chooses, {"total": 2_000, "country": "CH"}), (defined.counts, {"most": 2})],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_survives_a_crash_everywhere(
    make_engine: Callable[[], Awaitable[Engine]], flow: FlowDefinition, given: dict[str, Any]
) -> None:
    """A23, A27: whatever the node dies at, a flow that is data ends as it would have."""
    await crash_everywhere(make_engine, flow, (given,))


def test_workflow_new_gives_the_entity() -> None:
    """A18, A19: `Workflow.new` is the same check, without looking functions up."""
    entity = Workflow.new(defined.DOUBLES)
    assert (entity.name, entity.entrypoint, entity.version) == ("doubles", "double", 1)
    assert set(entity.nodes) == {"double"}


async def test_jobs_of_definitions_share_queues(world: World) -> None:
    """A31: a queue that a node of a definition names is the same lane as a step's."""
    queued.most.clear()
    flow = Flow.from_definition(defined.EMBEDS, functions={"queued:job": queued.job})
    await asyncio.wait_for(world.run(flow), PATIENCE_S)
    assert 1 < queued.most["execution's own"] <= 5
