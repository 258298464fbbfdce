"""Frames walked in any order are the frames of a fresh replay."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cerebelum.engine.application.frames import Frames
from cerebelum.engine.application.replay import ExecutionReplay, replay_execution
from cerebelum.engine.authoring.workflow import workflow
from cerebelum.engine.domain.errors import HistoryMismatch
from cerebelum.engine.runtime.frames import Frame
from tests.engine.world import World
from tests.flows import defined, graphs, primitives, replayed
from tests.flows.plain import replayed as plain_replayed

FLOWS: list[tuple[Any, tuple[Any, ...]]] = [
    (primitives.gathers, ()),
    (replayed.orders, ("hunter2",)),
    (replayed.compensates, ()),
    (replayed.begins_anew, ()),
    (plain_replayed.retries, ()),
    (graphs.at_once, ()),
    (graphs.looped, ()),
    (graphs.each_at_once, ({"items": [1, 2, 3]},)),
    (graphs.Rounds, ({"n": 0},)),
    (defined.doubles, ({"numbers": [1, 2, 3]},)),
]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An engine on a store in memory."""
    world = await World.open("memory://")
    yield world
    await world.close()


async def ran(world: World, flow: Any, *args: Any) -> str:
    """Run a workflow to whatever end; return its id."""
    handle = await world.client.start(flow, *args)
    await world.until(handle, lambda view: view.row.ended)
    return handle.id


async def fresh(world: World, execution_id: str, **options: Any) -> ExecutionReplay:
    return await replay_execution(world.engine, execution_id, **options)


@pytest.mark.parametrize("flow, args", FLOWS, ids=lambda value: getattr(value, "name", ""))
async def test_any_walk_shows_what_a_fresh_replay_shows(world: World, flow: Any, args: tuple[Any, ...]) -> None:
    """E17, W5: after any steps forwards, back and jumps the frame is that of a new replay up to the same event."""
    execution_id = await ran(world, flow, *args)
    watch = ["total", "len(numbers)", "order.items[0]", "n > 1"]
    history = await world.client.handle(execution_id).history()
    wanted: dict[int, Frame] = {}
    for version in range(1, len(history) + 1):
        *_, wanted[version] = await fresh(world, execution_id, to_version=version, watch=watch)
    moves = st.lists(st.sampled_from(["n", "p", "f", "F"]) | st.integers(1, len(history)), max_size=30)

    with Frames(await fresh(world, execution_id, watch=watch)) as frames:

        @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
        @given(moves)
        def walk(taken: list[Any]) -> None:
            at = 1
            for move in taken:
                match move:
                    case "n":
                        at = min(at + 1, frames.total)
                    case "p":
                        at = max(at - 1, 1)
                    case "f":
                        at = frames.index.next_failure(at) or at
                    case "F":
                        at = frames.index.previous_failure(at) or at
                    case _:
                        at = move
                assert frames.at(at) == wanted[at]

        walk()
        assert frames.wait(timeout_s=20)
        assert len(frames) == frames.total == len(history)
        assert frames.report is not None
        assert frames.report.outcome == "same"


async def test_frames_are_there_before_the_pass_has_ended(world: World) -> None:
    """W5: the first frames of a long history can be looked at while the others are still made."""
    execution_id = await ran(world, replayed.orders, "x")
    replay = await fresh(world, execution_id)
    gate, passed = threading.Event(), threading.Event()

    class Slow(ExecutionReplay):
        def __iter__(self) -> Iterator[Frame]:
            for frame in replay:
                yield frame
                passed.set()
                gate.wait(20)

    frames = Frames(Slow(replay.row, [], replay.spans, world.engine.codec))
    frames.total = replay.event_count
    try:
        assert passed.wait(20)
        assert frames.at(1).version == 1
        assert not frames.done
        with pytest.raises(TimeoutError, match=r"event \d+ is not replayed yet"):
            frames.at(frames.total, timeout_s=0)
        gate.set()
        assert frames.at(frames.total).version == frames.total
        with pytest.raises(IndexError, match="there is no event 0"):
            frames.at(0)
    finally:
        gate.set()
        frames.close()


async def test_frames_are_made_beside_a_running_node(world: World) -> None:
    """E13, W7: replays on threads of their own and executions on the node's loop leave one another alone."""
    execution_id = await ran(world, primitives.draws)
    wanted = list(await fresh(world, execution_id))
    replay = await fresh(world, execution_id)
    for _ in range(10):
        opened = [Frames(replay.watching()) for _ in range(3)]
        handles = [await world.client.start(replayed.doubles, number) for number in range(20)]
        assert [await handle.result(20) for handle in handles] == [2 * number for number in range(20)]
        for frames in opened:
            assert [frames.at(version) for version in range(1, frames.total + 1)] == wanted
            frames.close()


async def test_frames_end_where_the_code_goes_another_way(world: World) -> None:
    """E16: the frames up to the difference can be walked; beyond it, asking tells the difference."""

    @workflow("doubles")
    async def elsewhere(number: int) -> int:
        return int(await replayed.reserve("a"))

    execution_id = await ran(world, replayed.doubles, 4)
    with Frames(await fresh(world, execution_id, definition=elsewhere)) as frames:
        assert frames.wait(timeout_s=20)
        assert isinstance(frames.error, HistoryMismatch)
        assert len(frames) == frames.error.version - 1 >= 1
        assert frames.at(len(frames)).version == len(frames)
        assert frames.report is None
        with pytest.raises(HistoryMismatch):
            frames.at(frames.total)


async def test_code_that_spins_is_left_where_it_is(world: World) -> None:
    """W5: on the thread of the frames, too, code that runs on without an await is interrupted, and the report names it."""

    @workflow("doubles")
    async def spins(number: int) -> int:
        await replayed.echo(number)
        while True:
            pass

    execution_id = await ran(world, replayed.doubles, 4)
    with Frames(await fresh(world, execution_id, definition=spins)) as frames:
        assert frames.wait(timeout_s=20)
        assert frames.report is not None
        assert frames.report.outcome == "different"
        assert "test_frames_walked.py" in frames.report.stuck
        assert frames.at(1).tasks[0].stack[0].function.endswith("spins")


async def test_the_index_leads_to_failures_steps_and_causes(world: World) -> None:
    """W5, W7: failures, each step's events and the changes of each variable are known after one pass."""
    execution_id = await ran(world, replayed.retries)
    history = await world.client.handle(execution_id).history()
    with Frames(await fresh(world, execution_id)) as frames:
        frames.wait()
        failed = [event.version for event in history if event.type == "step_failed"]
        assert list(frames.index.failures) == failed
        assert frames.index.next_failure(1) == failed[0]
        assert frames.index.previous_failure(failed[-1]) == failed[0]
        assert frames.index.next_failure(failed[-1]) is None
        (span,) = frames.index.steps.values()
        of_step = [event.version for event in history if event.type.startswith("step_")]
        assert (span.name, span.first, span.last) == ("third_time", of_step[0], of_step[-1])
        assert (span.events, span.failures) == (len(of_step), 2)
    execution_id = await ran(world, replayed.orders, "x")
    with Frames(await fresh(world, execution_id, watch=["total > 3"])) as frames:
        frames.wait()
        versions = frames.index.changes("total")
        for version in versions:
            assert "total" in {c.name for task in frames.at(version).tasks for e in task.stack for c in e.changed}
        assert frames.index.last_change("total", versions[1]) == versions[1]
        assert frames.index.last_change("total", versions[1] - 1) == versions[0]
        assert frames.index.last_change("nobody", 99) is None
        assert "total > 3" in frames.index.names
