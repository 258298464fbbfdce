"""What frames show of flows, definitions, versions and logs."""

from __future__ import annotations

import linecache
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.engine.application.query import read_logs
from cerebelum.engine.application.replay import ExecutionReplay, replay_execution
from cerebelum.engine.authoring import flow_checkpoints
from cerebelum.engine.authoring.step import step
from cerebelum.engine.authoring.workflow import workflow
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.runtime.code.definition_text import as_comments, definition_text, node_lines
from cerebelum.engine.runtime.code.loading import load_flow
from cerebelum.engine.runtime.frames import MAX_LOGS
from tests.engine.runtime.code.conftest import WriteFile, project, write
from tests.engine.world import World
from tests.flows import graphs, replayed

__all__ = ["project", "write"]

DEFINITION = """
name: order
entrypoint: double
nodes:
  double: {type: map, config: {function: "order_steps:double", items: numbers, result: doubled}}
  total:
    type: function
    config: {function: "order_steps:total"}
edges:
  - {from: double, to: total}
"""
STEPS = """
from cerebelum import step

@step
def double(x: int) -> int:
    print("doubling", x)
    return 2 * x

def total(doubled: list[int]) -> int:
    return sum(doubled)
"""


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


# -- what frames show of flows and definitions --------------------------------------------------------------------------


async def test_branches_of_a_flow_stand_at_their_nodes(world: World) -> None:
    """E17: a flow's tasks show places, items and arguments, never the engine's own functions."""
    execution_id = await ran(world, graphs.each_at_once, {"items": [1, 2, 3]})
    frames = list(await fresh(world, execution_id))
    for frame in frames:
        for task in frame.tasks:
            assert all("flow_interpreter" not in entry.file and "self" not in entry.locals for entry in task.stack)
    stacks = [task.stack[-1] for task in frames[0].tasks[1:]]
    assert [entry.locals["item"] for entry in stacks] == ["1", "2"]  # two at once
    assert all(entry.file == graphs.__file__ for entry in stacks)
    around = linecache.getline(stacks[0].file, stacks[0].line) + linecache.getline(stacks[0].file, stacks[0].line + 1)
    assert "def double" in around


async def test_context_and_state_are_shown_with_what_changed(world: World) -> None:
    """E17, W7: each key of a flow's context, and of the state of a workflow of edges, with its change at the event."""
    frames = list(await fresh(world, await ran(world, graphs.looped)))
    seen = [(c.before, c.after) for frame in frames for c in frame.context_changed if c.name == "n"]
    assert seen[-1][1] == "3"
    assert frames[-1].context_values["n"] == "3"
    for before, frame in pairwise(frames):
        told = {change.name: change.after for change in frame.context_changed}
        assert {**before.context_values, **told} == frame.context_values
    frames = list(await fresh(world, await ran(world, graphs.Rounds, {"n": 0})))
    assert any(change.name == "n" for frame in frames for change in frame.context_changed)


@pytest.mark.parametrize("name", ["order.yaml", "order.json"])
async def test_a_definition_is_shown_by_its_own_lines(world: World, write: WriteFile, name: str) -> None:
    """E15, E17: the file is the definition's, the line that of the node, and the text what was written, also later on."""
    import json

    import yaml

    text = DEFINITION if name.endswith("yaml") else json.dumps(yaml.safe_load(DEFINITION), indent=2)
    write("order_steps.py", STEPS)
    path = write(name, text)
    execution_id = await ran(world, load_flow(path).workflows[0], {"numbers": [1, 2]})
    path.write_text("name: other\n")
    later = World(world.store)
    replay = await fresh(later, execution_id)
    frames = list(replay)
    assert replay.code.origin == "stored"
    source = next(text for file, text in replay.sources(frames[0].code).items() if name in file).splitlines()
    main, *branches = frames[0].tasks
    assert [entry.function for entry in main.stack] == ["order", "double"]
    assert "name" in source[main.stack[0].line - 1]
    assert [task.stack[-1].function for task in branches] == ["double[0]", "double[1]"]
    for task in branches:
        assert name in task.stack[-1].file
        assert "double" in source[task.stack[-1].line - 1]
    assert [task.stack[-1].locals["x"] for task in branches] == ["1", "2"]
    late = next(frame for frame in frames if frame.summary == "total" and frame.tasks)
    assert "total" in source[late.tasks[0].stack[-1].line - 1]


@given(st.text())
def test_any_text_comes_back_from_its_comments(text: str) -> None:
    """E15: whatever a definition's file holds, its comments are comments, and give it back line by line."""
    module = f"\nDEFINITION = json.loads(\n''\n)\n{as_comments(text)}"
    compile(module, "x", "exec")
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    assert definition_text(module) == unified


def test_nodes_are_found_in_json_of_any_layout() -> None:
    """E17: also where a node is named like a key, or everything stands on one line."""
    assert node_lines('{"name": "nodes", "nodes": {"config":\n {"type": "x"},\n "é": {}}}') == {"config": 1, "é": 3}
    assert node_lines("nodes: {}") == {}
    assert node_lines("[1, 2") == {}


# -- versions -----------------------------------------------------------------------------------------------------------

VERSIONED = """
from cerebelum import step, wait_for_signal, workflow

@step
async def first() -> str:
    return "first"

@workflow
async def versioned() -> str:
    OLD = await first()
    await wait_for_signal("go")
    return OLD
"""


async def test_events_are_shown_on_the_code_that_ran_them(world: World, write: WriteFile) -> None:
    """E15, G7: before the change the old lines and names, from the event of the change on the new ones."""
    path = write("versioned_flow.py", VERSIONED)
    old = load_flow(path).workflows[0]
    handle = await world.client.start(old)
    await world.until_status(handle, "waiting")
    await world.crash()
    path = write("versioned_flow.py", "# a line more\n" + VERSIONED.replace("OLD", "renamed"))
    new = load_flow(path).workflows[0]
    handle = (await world.come_back(new)).handle(handle.id)
    await handle.signal("go", 1)
    assert await handle.result(20) == "first"
    history = await handle.history()
    change = next(event.version for event in history if event.type == "code_changed")
    replay = await fresh(world, handle.id)
    frames = list(replay)
    assert replay.report is not None
    assert (replay.report.outcome, replay.report.events, replay.missing) == ("same", len(history), ())
    assert [frame.version for frame in frames] == list(range(1, len(history) + 1))
    for frame in frames:
        is_old = frame.version < change
        assert frame.code == (old.code if is_old else new.code)
        for entry in (entry for task in frame.tasks for entry in task.stack):
            lines = replay.sources(frame.code)[entry.file].splitlines()
            assert ("OLD" in "\n".join(lines)) is is_old
            assert "await" in lines[entry.line - 1]
    assert "OLD" in frames[change - 2].tasks[0].stack[0].locals
    assert "renamed" in frames[change - 1].tasks[0].stack[0].locals
    assert {(c.kind, c.name) for c in frames[change - 1].changed} == {("removed", "OLD"), ("added", "renamed")}
    *_, stopped = await fresh(world, handle.id, to_version=change - 1)
    assert stopped == frames[change - 2]


LOOPING = """
from cerebelum import Flow, increment_context, loop, receive

def count():
    increment_context("n")

def later(n: int = 0) -> int:
    return n

flow = Flow("looping", *FIRST, loop("passes", while_=lambda ctx: ctx.get("n", 0) < 3, body=[count]), receive("go"), later)
"""


async def test_new_code_that_fits_only_from_a_checkpoint_is_shown_from_there(
    world: World, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E15, E18: where the new version was recovered from a checkpoint, the replay brings it there the same way."""
    monkeypatch.setattr(flow_checkpoints, "EVERY", 0)
    path = write("looping_flow.py", LOOPING.replace("FIRST", "[]"))
    handle = await world.client.start(load_flow(path).workflows[0], {})
    await world.until_status(handle, "waiting")
    await world.crash()
    path = write("looping_flow.py", LOOPING.replace("FIRST", "[later]"))
    handle = (await world.come_back(load_flow(path).workflows[0])).handle(handle.id)
    await handle.signal("go", 1)
    assert await handle.result(20) == 3
    history = await handle.history()
    change = next(event.version for event in history if event.type == "code_changed")
    replay = await fresh(world, handle.id)
    frames = list(replay)
    assert replay.report is not None
    assert replay.report.outcome == "same"
    assert [frame.version for frame in frames] == list(range(1, len(history) + 1))
    assert frames[change - 2].code != frames[change - 1].code
    assert frames[change - 1].tasks[0].stack[-1].function == "go"
    assert frames[-1].context_values["n"] == "3"


async def test_a_version_that_is_not_kept_is_shown_on_the_one_after(world: World, write: WriteFile) -> None:
    """E15: a lost version is named, and its events are shown on the code that the execution moved to."""
    from cerebelum.engine.application.code_that_ran import codes_that_ran
    from cerebelum.engine.domain.events import CodeChanged, encode_event

    execution_id = await ran(world, replayed.doubles, 1)
    row = await world.store.get_execution(execution_id)
    assert row is not None
    history = await world.client.handle(execution_id).history()
    started = RecordedEvent(1, "execution_started", history[0].data.replace(row.code.encode(), b"gone"), 1)
    changed = RecordedEvent(3, "code_changed", encode_event(CodeChanged(before="gone", after=row.code)), 1)
    spans, missing = await codes_that_ran(world.engine, row, [started, changed])
    assert ([span.from_version for span in spans], missing) == ([1], ["gone"])
    assert spans[0].code.digest == row.code


# -- logs ---------------------------------------------------------------------------------------------------------------


@step
def talks(count: int) -> int:
    for number in range(count):
        print(f"line {number}")  # noqa: T201 - captured
    return count


@workflow
async def talkative() -> int:
    return await talks(3) + await talks(100)


async def test_frames_have_the_logs_up_to_then(world: World) -> None:
    """M7, W7: each line belongs to one event, in the order of time; the last frame has counted all of them."""
    execution_id = await ran(world, talkative)
    await world.engine.stop_node()
    lines = [line async for line in read_logs(world.engine, execution_id)]
    frames = list(await fresh(world, execution_id))
    assert frames[-1].log_count == len(lines) == sum(frame.log_new for frame in frames) == 103
    counts = [frame.log_count for frame in frames]
    assert counts == sorted(counts)
    done = [frame for frame in frames if frame.event == "step_completed"]
    assert "line 0" in [line.message for line in done[0].logs]
    assert done[1].log_new >= 100
    assert len(done[1].logs) == MAX_LOGS
    assert all(line.step == "talks" for frame in frames for line in frame.logs)
