"""Replay of stored executions: nothing runs, nothing is written, everything is as it was."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from cerebelum.engine.application.client import Handle
from cerebelum.engine.application.query import read_logs
from cerebelum.engine.application.replay import check_execution, replay_execution
from cerebelum.engine.authoring.workflow import WorkflowDefinition, workflow
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ExecutionNotFound, HistoryMismatch
from cerebelum.engine.domain.errors_code import CodeNotStored
from cerebelum.engine.domain.projection import ExecutionState, advance, reconstruct
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.runtime.frames import MAX_OPEN, MAX_TASKS, Frame, StackEntry
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun
from tests.engine.world import PATIENCE_S, World
from tests.flows import plain_form, primitives, replayed
from tests.flows.plain import replayed as plain_replayed

Drive = Callable[[World, Handle[Any]], Awaitable[None]]
seen: dict[str, list[ev.RecordedEvent]] = {}
shown: dict[str, list[ExecutionState]] = {}


def watch_live(execution_id: str, event: ev.RecordedEvent) -> None:
    """Keep the state that a live view shows after each event."""
    states = shown.setdefault(execution_id, [])
    state = copy.deepcopy(states[-1]) if states else ExecutionState(execution_id=execution_id)
    states.append(advance(state, event))
    seen.setdefault(execution_id, []).append(event)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An engine on a store in memory, with a live view."""
    world = await World.open("memory://", on_event=watch_live)
    yield world
    await world.close()


async def signals(world: World, handle: Handle[Any]) -> None:
    for value in (1, 5):
        await handle.signal("go", value)


async def cancels(world: World, handle: Handle[Any]) -> None:
    await world.until_status(handle, "waiting")
    await handle.cancel("no longer wanted")


async def pauses(world: World, handle: Handle[Any]) -> None:
    await world.until_status(handle, "waiting")
    await handle.pause("look at it")
    await world.until_status(handle, "paused")
    await handle.signal("two", 2)
    await handle.signal("one", 1)
    await handle.resume({"by": "me"})


Case = tuple[WorkflowDefinition[..., Any], tuple[Any, ...], Drive | None, str]
FLOWS: list[Any] = [*primitives.DETERMINISTIC, *primitives.REPLAYED]
CASES: list[Case] = [
    *((flow, (), None, "completed") for flow in FLOWS),
    (replayed.retries, (), None, "completed"),
    (replayed.compensates, (), None, "failed"),
    (replayed.catches, (), None, "completed"),
    (replayed.fails, (), None, "failed"),
    (replayed.parent, (), None, "completed"),
    (replayed.matches, (), signals, "completed"),
    (replayed.continues, (1,), None, "completed"),
    (replayed.begins_anew, (), None, "completed"),
    (replayed.patches, (), None, "completed"),
    (replayed.tidies_up, (), cancels, "cancelled"),
    (replayed.waits_and_goes_on, (), pauses, "completed"),
    (replayed.orders, ("hunter2",), None, "completed"),
]
TWINS: list[Any] = [
    (getattr(plain_replayed, flow.name), *rest)
    for flow, *rest in CASES
    if flow.name in plain_form.twin_names("replayed")
]
every_construct = pytest.mark.parametrize(
    "flow, args, drive, status",
    [*CASES, *TWINS],
    ids=[*(case[0].name for case in CASES), *(f"plain-{case[0].name}" for case in TWINS)],
)


async def run(world: World, flow: Any, args: tuple[Any, ...] = (), drive: Drive | None = None) -> str:
    """Run a workflow to its end; return its id."""
    handle: Handle[Any] = await world.client.start(flow, *args)
    if drive is not None:
        await drive(world, handle)
    # the live view is told right after the store is
    await world.until(handle, lambda view: view.row.ended and seen[handle.id][-1].type in ev.FINAL_TYPES)
    return handle.id


async def everything(world: World) -> dict[str, Any]:
    """Return all that the store holds of executions and code."""
    rows = await world.store.list_executions(ExecutionFilter(limit=1000))
    held: dict[str, Any] = {"rows": rows, "code": await world.store.list_workflows()}
    for row in rows:
        held[f"events of {row.id}"] = await world.store.read_history(row.id)
        held[f"logs of {row.id}"] = [line async for line in read_logs(world.engine, row.id)]
        held[f"inbox of {row.id}"] = await world.store.inbox_of(row.id)
    return held


async def frames_of(world: World, execution_id: str, **options: Any) -> list[Frame]:
    return list(await replay_execution(world.engine, execution_id, **options))


def entry(frame: Frame, function: str) -> StackEntry:
    """Return the entry of a function of the main task."""
    return next(each for each in frame.tasks[0].stack if each.function.rpartition(".")[2] == function)


# -- faithful, and without effect -------------------------------------------------------------------------------------


@every_construct
async def test_a_replay_ends_as_the_execution_did(
    world: World, flow: Any, args: tuple[Any, ...], drive: Drive | None, status: str
) -> None:
    """E13, E12, W5: the same end comes of every construct; no step is called, and the store is as before."""
    execution_id = await run(world, flow, args, drive)
    await world.engine.stop_node()
    before, calls = await everything(world), list(replayed.calls)
    replay = await replay_execution(world.engine, execution_id)
    frames = list(replay)
    report = replay.report
    assert report is not None
    assert (report.outcome, report.status, report.fits) == ("same", status, True)
    assert report.recorded == report.replayed != ""
    assert report.events == report.event_count == len(frames)
    assert await check_execution(world.engine, execution_id, definition=flow) is not None
    assert await everything(world) == before
    assert replayed.calls == calls


@every_construct
async def test_every_event_has_its_frame(
    world: World, flow: Any, args: tuple[Any, ...], drive: Drive | None, status: str
) -> None:
    """E17: frames tell version, type, status and time as the history does, and are the same on every pass."""
    execution_id = await run(world, flow, args, drive)
    history = await world.client.handle(execution_id).history()
    replay = await replay_execution(world.engine, execution_id)
    frames = list(replay)
    told = [(frame.version, frame.event, frame.at_us) for frame in frames]
    assert told == [(event.version, event.type, event.at_us) for event in history]
    for version, frame in enumerate(frames, 1):
        state = reconstruct(execution_id, history[:version])
        assert frame.status == state.status
        numbers = {*state.open, *(step.number for step in state.open_steps)}
        assert {wait.number for wait in frame.open} == numbers
    assert [frame.now_us for frame in frames] == sorted(frame.now_us for frame in frames)
    assert list(replay) == frames
    assert [frame async for frame in replay] == frames


@every_construct
async def test_any_prefix_gives_the_state_that_was_live(
    world: World, flow: Any, args: tuple[Any, ...], drive: Drive | None, status: str
) -> None:
    """E17: the state made from the first k stored events is the one that the live view showed after event k."""
    execution_id = await run(world, flow, args, drive)
    history = await world.client.handle(execution_id).history()
    assert seen[execution_id] == history
    for version in range(1, len(history) + 1):
        assert reconstruct(execution_id, history[:version]) == shown[execution_id][version - 1]


@every_construct
async def test_what_the_history_says_is_open_is_what_the_code_waits_for(
    world: World, flow: Any, args: tuple[Any, ...], drive: Drive | None, status: str
) -> None:
    """E17: wherever the code's commands are all recorded, it waits for exactly what the state shows as open."""
    execution_id = await run(world, flow, args, drive)
    history = await world.client.handle(execution_id).history()
    run_again = WorkflowRun(execution_id, flow, world.engine.codec)
    replay, state = Replay(run_again, history), ExecutionState(execution_id=execution_id)
    compared = 0
    for recorded, _ in replay.steps():
        advance(state, recorded)
        if not replay._asked and not run_again.paused and run_again.retry is None and not run_again.ended:
            compared += 1
            assert {*state.open, *(step.number for step in state.open_steps)} == set(run_again.pending), recorded
    run_again.close()
    assert compared


# -- what frames show ---------------------------------------------------------------------------------------------------


async def test_locals_are_shown_with_what_changed(world: World) -> None:
    """E17, W5: each frame has the stack with its locals, and what differs from the frame before; secrets are masked."""
    frames = await frames_of(world, await run(world, replayed.orders, ("hunter2",)))
    first = next(frame for frame in frames if frame.event == "execution_started")
    assert [each.function for each in first.tasks[0].stack] == ["orders", "charged"]
    assert (entry(first, "orders").locals["total"], entry(first, "charged").locals["price"]) == ("0", "3")
    assert {change.kind for change in first.changed} == {"added"}
    second = next(frame for frame in frames if frame.event == "step_completed")
    changed = {change.name: (change.before, change.after) for change in entry(second, "orders").changed}
    assert changed["total"] == ("0", "3")
    assert "password" not in changed
    assert entry(second, "orders").locals["password"] == "•••"
    assert [frame.changed for frame in frames if frame.event == "step_scheduled"] == [[]] * 4
    assert not [frame for frame in frames if "hunter2" in repr(frame) or "k-123" in repr(frame)]
    removed = [change for frame in frames for change in frame.changed if change.kind == "removed"]
    assert "order" in [change.name for change in removed]
    assert all(each.file == replayed.__file__ for frame in frames for task in frame.tasks for each in task.stack)


async def test_watched_paths_follow_the_locals(world: World) -> None:
    """W5: a watch shows its value in each frame that has it, without running code, and hides secrets."""
    watch = ["total", "order.items[0]", "order.prices['n3']", "order.api_key", "password", "order.nothing", "nobody"]
    frames = await frames_of(world, await run(world, replayed.orders, ("hunter2",)), watch=watch)
    assert frames[0].watched == {
        "total": "0", "order.items[0]": "'book'", "order.prices['n3']": "3", "order.api_key": "•••", "password": "•••",
    }  # fmt: skip
    changes = [(c.name, c.before, c.after) for frame in frames for c in frame.watched_changed if c.name == "total"]
    assert changes == [("total", None, "0"), ("total", "0", "3"), ("total", "3", "7"), ("total", "7", None)]
    assert "order.items[0]" not in frames[-3].watched


async def test_a_task_that_is_only_a_step_shows_its_call(world: World) -> None:
    """E17: the branches of a `gather` of steps are shown as calls with arguments, not as the engine's own functions."""
    frames = await frames_of(world, await run(world, primitives.gathers))
    tasks = frames[0].tasks
    assert [task.stack[0].function for task in tasks] == ["gathers", "echo", "slow", "in_thread", "sleep"]
    assert tasks[2].stack[0].locals == {"value": "2"}
    assert tasks[1].stack[0].file == primitives.__file__


async def test_frames_are_bounded(world: World) -> None:
    """E17: thousands of open branches make no larger frames than some dozens, and are counted."""

    @workflow("wide")
    async def wide(count: int) -> int:
        import asyncio

        return len(await asyncio.gather(*(replayed.echo(number) for number in range(count))))

    frames = await frames_of(world, await run(world, wide, (300,)))
    widest = max(frames, key=lambda frame: frame.open_count)
    assert (widest.open_count, widest.task_count) == (300, 301)
    assert (len(widest.open), len(widest.tasks)) == (MAX_OPEN, MAX_TASKS)


async def test_a_frame_says_in_words_what_happened(world: World) -> None:
    """W5: each event's line names what it is about: the step, the attempt, the error."""
    frames = await frames_of(world, await run(world, replayed.retries))
    assert [frame.summary for frame in frames if frame.event == "step_failed"] == [
        "third_time (attempt 1): ConnectionError: not yet; again in 0.01 s",
        "third_time (attempt 2): ConnectionError: not yet; again in 0.01 s",
    ]
    assert [frame.summary for frame in frames if frame.event == "step_completed"] == ["third_time (attempt 3)"]


# -- ends, differences, refusals ------------------------------------------------------------------------------------------


async def test_an_open_execution_is_told_to_be_open(world: World) -> None:
    """W5: the replay of an execution that still waits says so, and shows what it waits for."""
    handle = await world.client.start(replayed.matches)
    await world.until_status(handle, "waiting")
    replay = await replay_execution(world.engine, handle.id)
    frames = list(replay)
    assert replay.report is not None
    assert (replay.report.outcome, replay.report.is_open, replay.report.recorded) == ("open", True, "")
    assert [(wait.kind, wait.name) for wait in frames[-1].open] == [("signal", "go")]
    await signals(world, handle)
    assert await handle.result(PATIENCE_S) == [5, 1]


async def test_a_replay_stops_at_the_event_asked_for(world: World) -> None:
    """W5: `to_version` shows the state there, and claims nothing about the end."""
    execution_id = await run(world, replayed.orders, ("hunter2",))
    whole = await frames_of(world, execution_id)
    for version in range(1, len(whole)):
        replay = await replay_execution(world.engine, execution_id, to_version=version)
        assert list(replay) == whole[:version]
        assert replay.report is not None
        assert (replay.report.outcome, replay.report.events) == ("stopped", version)


async def test_another_result_of_the_same_path_is_reported_as_different(world: World) -> None:
    """W5: code that takes the recorded path to another end is told with both ends."""

    @workflow("doubles")
    async def triples(number: int) -> int:
        return 3 * int(await replayed.echo(number))

    @workflow("doubles")
    async def refuses(number: int) -> int:
        await replayed.echo(number)
        raise replayed.Declined("not any more")

    execution_id = await run(world, replayed.doubles, (4,))
    report = await check_execution(world.engine, execution_id, definition=triples)
    assert (report.outcome, report.fits, report.code_origin) == ("different", False, "given")
    assert (report.recorded, report.replayed) == ("completed  8", "completed  12")
    report = await check_execution(world.engine, execution_id, definition=refuses)
    assert report.replayed == "failed  Declined: not any more"


async def test_another_path_is_a_mismatch_with_both_lines(world: World) -> None:
    """E16: code that asks for another step names the first differing event, and a replay without frames agrees."""

    @workflow("doubles")
    async def releases(number: int) -> int:
        await replayed.release(str(number))
        return 2 * int(await replayed.echo(number))

    execution_id = await run(world, replayed.doubles, (4,))
    with pytest.raises(HistoryMismatch) as caught:
        await frames_of(world, execution_id, definition=releases)
    assert caught.value.version == 2
    assert caught.value.recorded_line.startswith("replayed.py:")
    assert caught.value.requested_line.startswith("test_replay_execution.py:")
    with pytest.raises(HistoryMismatch, match="at event 2"):
        await check_execution(world.engine, execution_id, definition=releases)


async def test_an_id_that_is_not_there_is_refused(world: World) -> None:
    """E14: an unknown execution is an error of its own."""
    with pytest.raises(ExecutionNotFound):
        await replay_execution(world.engine, "exec-nope")


async def test_code_that_is_neither_loaded_nor_stored_is_refused(world: World) -> None:
    """E15: without the version that ran, nothing else is taken for it."""
    execution_id = await run(world, replayed.retries)
    row = await world.store.get_execution(execution_id)
    assert row is not None
    other = World(world.store)
    row.code = "0" * 64
    from cerebelum.engine.application.code_that_ran import code_that_ran

    with pytest.raises(CodeNotStored):
        await code_that_ran(other.engine, row, [])


@pytest.mark.parametrize("text", ["", "order.", "order[", "order()", "a = b", "order[0", "1x", "__import__('os')"])
async def test_a_watch_that_is_no_expression_is_refused(world: World, text: str) -> None:
    """W5: a watch is checked before anything is replayed."""
    execution_id = await run(world, replayed.retries)
    with pytest.raises(ValueError, match="cannot watch"):
        await replay_execution(world.engine, execution_id, watch=[text])
    with pytest.raises(ValueError, match="counted from 1"):
        await replay_execution(world.engine, execution_id, to_version=0)
