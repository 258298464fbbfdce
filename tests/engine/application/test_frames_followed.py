"""Frames of an execution that is still going on: the pass goes on with it, and shows what a fresh replay shows."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cerebelum.engine.application.code_that_ran import codes_that_ran
from cerebelum.engine.application.frame_index import WatchedChanges
from cerebelum.engine.application.frames import Frames
from cerebelum.engine.application.replay import ExecutionReplay, replay_execution
from cerebelum.engine.application.standing import Standing
from cerebelum.engine.application.stored_history import StoredHistory, read_events
from cerebelum.engine.application.versions import neighbour
from cerebelum.engine.authoring.workflow import workflow
from cerebelum.engine.domain.events import CodeChanged, RecordedEvent, encode_event
from cerebelum.engine.runtime.frames import Frame, StackEntry, TaskStack
from cerebelum.engine.runtime.rendering import Change
from tests.engine.world import World
from tests.flows import defined, graphs, primitives, replayed
from tests.flows.plain import replayed as plain_replayed

WATCHES = ("total", "len(numbers)", "n > 1")
FLOWS: list[tuple[Any, tuple[Any, ...]]] = [
    (primitives.gathers, ()),
    (primitives.draws, ()),
    (replayed.orders, ("hunter2",)),
    (replayed.compensates, ()),
    (replayed.begins_anew, ()),
    (replayed.parent, ()),
    (plain_replayed.retries, ()),
    (graphs.at_once, ()),
    (graphs.Rounds, ({"n": 0},)),
    (defined.doubles, ({"numbers": [1, 2, 3]},)),
]


class CountedReplay(ExecutionReplay):
    """Counts its passes."""

    passes = 0

    def _pass(self) -> Any:
        self.passes += 1
        return super()._pass()


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


async def events_of(world: World, execution_id: str) -> list[RecordedEvent]:
    return [recorded async for recorded in read_events(world.engine, execution_id)]


async def followed(world: World, execution_id: str, events: list[RecordedEvent], **options: Any) -> CountedReplay:
    """Return a replay of the first events, on a history that can grow."""
    row = await world.store.get_execution(execution_id)
    assert row is not None
    history = StoredHistory(memory_bytes=300)  # so that it goes on from memory to disk
    for recorded in events:
        history.append(recorded)
    spans, _ = await codes_that_ran(world.engine, row, await events_of(world, execution_id))
    return CountedReplay(row, history, spans, world.engine.codec, **options)


def without_logs(frame: Frame) -> Frame:
    return replace(frame, log_count=0, log_new=0, logs=[])


@pytest.mark.parametrize("flow, args", FLOWS, ids=lambda value: getattr(value, "name", ""))
@pytest.mark.parametrize("at_once", [1, 3])
async def test_a_pass_that_is_fed_shows_what_a_fresh_one_shows(
    world: World, flow: Any, args: tuple[Any, ...], at_once: int
) -> None:
    """E17, W7: fed with the events as they come, one pass makes the frames that a replay of them all makes."""
    execution_id = await ran(world, flow, *args)
    events = await events_of(world, execution_id)
    fresh = await replay_execution(world.engine, execution_id, watch=WATCHES)
    wanted = [without_logs(frame) for frame in fresh]
    replay = await followed(world, execution_id, events[:1], watch=WATCHES)
    history = replay._history
    assert isinstance(history, StoredHistory)
    with Frames(replay, follow=True) as frames:
        for first in range(1, len(events), at_once):
            assert frames.wait(timeout_s=20)
            assert frames.is_current
            assert not frames.done
            for recorded in events[first : first + at_once]:
                history.append(recorded)
            assert frames.grow()
            assert frames.total == len(history)
        assert frames.wait(timeout_s=20)
        assert frames.error is None
        assert [frames.at(version) for version in range(1, len(events) + 1)] == wanted
        assert replay.passes == 1
        with frames.watching("total") as others:  # of what was fed as well, and it may be fed in turn
            assert others.at(len(events), timeout_s=20).version == len(events)
            assert not others.done
    assert frames.done


async def test_a_change_of_code_or_an_unknown_patch_takes_a_new_pass(world: World) -> None:
    """E16, W7: what decides over events that were shown already is not fed to the pass, and nothing has changed then."""
    execution_id = await ran(world, replayed.patches)
    events = await events_of(world, execution_id)
    marker = next(number for number, event in enumerate(events) if event.type == "version_marker")
    for known, came, grows in [
        (events[:marker], events[marker:], False),
        (events[: marker + 1], events[marker + 1 :], True),
        (events[:1], [RecordedEvent(2, "code_changed", encode_event(CodeChanged(before="a", after="b")), 1)], False),
    ]:
        replay = await followed(world, execution_id, known)
        history = replay._history
        assert isinstance(history, StoredHistory)
        with Frames(replay, follow=True) as frames:
            assert frames.wait(timeout_s=20)
            assert frames.error is None
            for recorded in came:
                history.append(recorded)
            assert frames.grow() is grows
            assert frames.total == len(history if grows else known)
            assert frames.wait(timeout_s=20)
            assert not frames.done


async def test_a_pass_that_has_ended_is_not_fed(world: World) -> None:
    """W7: one that does not follow, that met a difference, or that was ended says that it takes a new one."""

    @workflow("doubles")
    async def elsewhere(number: int) -> int:
        return int(await replayed.reserve("a"))

    execution_id = await ran(world, replayed.doubles, 4)
    events = await events_of(world, execution_id)
    with Frames(await followed(world, execution_id, events[:2])) as frames:
        assert frames.wait(timeout_s=20)
        assert not frames.grow()
    other = await replay_execution(world.engine, execution_id, definition=elsewhere)
    with Frames(other, follow=True) as frames:
        assert frames.wait(timeout_s=20)
        assert frames.error is not None
        assert frames.is_current
        assert not frames.grow()
    with Frames(await followed(world, execution_id, events[:2]), follow=True) as frames:
        assert frames.at(2, timeout_s=20).version == 2
        frames.end()
        assert not frames.grow()
        assert frames.at(1).version == 1  # what was made stays


@workflow
async def talks() -> str:
    sys.stdout.write("about to wait\n")
    found = str(await replayed.echo("a"))
    sys.stdout.write("at the end\n")
    return found


async def test_a_replay_says_nothing_at_its_last_event_either(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """E13, W7: what workflow code prints is not printed again by a replay, wherever it stops."""
    execution_id = await ran(world, talks)
    capfd.readouterr()
    events = await events_of(world, execution_id)
    for count in range(1, len(events) + 1):
        assert len(list(await followed(world, execution_id, events[:count]))) == count
    assert capfd.readouterr().out == ""


# -- the index ------------------------------------------------------------------------------------------------------------

LINES = st.lists(st.lists(st.integers(1, 4), max_size=3), max_size=30)


def standing_on(version: int, lines: list[int]) -> Frame:
    tasks = [
        TaskStack(task=f"t{number}", stack=[StackEntry(file="a.py", line=line, function="f", locals={})])
        for number, line in enumerate(lines)
    ]
    return Frame(version=version, event="step_completed", status="running", at_us=0, tasks=tasks)


@given(LINES, st.sets(st.integers(1, 5), max_size=3))
def test_where_code_stood_is_found_as_by_looking_at_every_frame(lines: list[list[int]], wanted: set[int]) -> None:
    """W7: the next and previous event on some lines, and the last that stood anywhere, are those a search of all gives."""
    standing = Standing()
    for version, stood in enumerate(lines, 1):
        standing.add(standing_on(version, stood))
    on = [version for version, stood in enumerate(lines, 1) if wanted & set(stood)]
    anywhere = [version for version, stood in enumerate(lines, 1) if stood]
    places = {("a.py", line) for line in wanted} | {("b.py", 1)}
    for version in range(len(lines) + 2):
        assert standing.on(places, version, 1) == neighbour(on, version, 1)
        assert standing.on(places, version, -1) == neighbour(on, version, -1)
        assert standing.last(version) == neighbour(anywhere, version + 1, -1)


def test_all_changes_of_a_watch_can_be_read_from_any_place() -> None:
    """W7: those near an event are read without the others, however many there are."""
    changes, versions = WatchedChanges(), list(range(3, 3_000, 7))
    for version in versions:
        changes.add(version, Change(name="total", kind="added", after=str(version)))
    assert len(changes) == len(versions)
    assert (changes.position(3), changes.position(4), changes.position(10**6)) == (0, 1, len(versions))
    assert (changes.before(3), changes.before(11)) == (None, 10)
    found = changes.read(changes.position(1_000), 5)
    assert [version for version, _ in found] == [version for version in versions if version >= 1_000][:5]
    assert all(change.after == str(version) for version, change in found)
    assert changes.read(len(versions), 5) == []
