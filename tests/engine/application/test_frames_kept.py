"""Hostile values in frames, and how frames, histories and logs are kept."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.engine.application.frame_store import BLOCK_FRAMES, FrameStore
from cerebelum.engine.application.replay import ExecutionReplay, replay_execution
from cerebelum.engine.application.spool import Spool
from cerebelum.engine.application.stored_history import StoredHistory
from cerebelum.engine.authoring.workflow import workflow
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.terminal_text import visible
from tests.engine.world import World
from tests.flows import primitives, replayed


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


# -- hostile values -----------------------------------------------------------------------------------------------------


class Blocks:
    def __repr__(self) -> str:
        threading.Event().wait()
        return ""


class Spins:
    def __repr__(self) -> str:
        while True:
            pass


class Raises:
    def __repr__(self) -> str:
        raise SystemExit("no")


class Huge:
    def __repr__(self) -> str:
        return "x" * 50_000_000


class Loud(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return "loud"


def blocking_values(count: int) -> list[Any]:
    """Return as many objects, each of a class of its own."""
    return [type(f"Blocks{number}", (Blocks,), {})() for number in range(count)]


class Endless(list[int]):
    def __iter__(self) -> Any:
        while True:
            pass

    def __len__(self) -> int:
        return int(next(iter(self)))


@workflow
async def hostile_locals() -> int:
    blocks, spins, raises, huge = Blocks(), Spins(), Raises(), Huge()
    endless, loud, acting = Endless([1, 2]), Loud("a"), "\x1b[2J\u202e\x9b31m"
    total = 0
    for number in range(3):
        total += await replayed.echo(number)
    del blocks, spins, raises, huge, endless, loud, acting
    return total


@workflow
async def many_that_block() -> int:
    blocking = blocking_values(15)
    return int(await replayed.echo(len(blocking)))


async def test_many_values_that_block_are_borne(world: World) -> None:
    """E13, W5: a frame of fifteen classes whose `repr` never returns is made in about a second."""
    replay = await fresh(world, await ran(world, many_that_block))
    frames = list(replay)
    assert replay.report is not None
    assert replay.report.outcome == "same"
    assert frames[0].tasks[0].stack[0].locals["blocking"].count("ReprTookTooLong") >= 5


async def test_hostile_values_neither_stop_nor_fail_a_replay(world: World) -> None:
    """E13, W5: a `repr` that blocks, spins, raises or never ends costs a moment once, and its neighbours are shown."""
    execution_id = await ran(world, hostile_locals)
    replay = await fresh(world, execution_id)
    frames = list(replay)
    assert replay.report is not None
    assert replay.report.outcome == "same"
    shown = frames[0].tasks[0].stack[0].locals
    assert shown["blocks"] == "<Blocks instance (repr failed: ReprTookTooLong)>"
    assert shown["spins"] == "<Spins instance (repr failed: ReprTookTooLong)>"
    assert shown["raises"] == "<Raises instance (repr failed: SystemExit)>"
    assert len(shown["huge"]) < 1_000
    assert shown["endless"] == "Endless([1, 2])"
    assert "\x1b" not in visible(shown["acting"])
    assert all(frame.changed == [] for frame in frames if frame.event == "step_scheduled")
    assert threading.active_count() < 50
    sys.stdout.flush()


# -- storage ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=40)), st.integers(0, 100))
def test_a_spool_gives_back_what_was_put_in(records: list[bytes], memory_bytes: int) -> None:
    """W5: in memory or on disk, each record is there by its number."""
    spool = Spool(memory_bytes=memory_bytes)
    for record in records:
        spool.append(record)
    assert len(spool) == len(records)
    assert [spool.read(number)[0] for number in range(len(records))] == records
    assert spool.read(0, len(records) + 3) == records
    assert spool.size_bytes == sum(map(len, records))
    spool.close()


@given(st.lists(st.binary(max_size=20), max_size=200), st.integers(0, 400))
def test_a_stored_history_is_the_sequence_of_its_events(data: list[bytes], memory_bytes: int) -> None:
    """E17: iteration, indices and slices are those of a list, wherever the events lie."""
    events = [RecordedEvent(number, "x", each, number) for number, each in enumerate(data, 1)]
    history = StoredHistory(memory_bytes=memory_bytes)
    for event in events:
        history.append(event)
    assert list(history) == events
    assert len(history) == len(events)
    assert history[1:3] == events[1:3]
    if events:
        assert (history[0], history[-1], history[len(events) // 2]) == (events[0], events[-1], events[len(events) // 2])
    with pytest.raises(IndexError):
        history[len(events)]


async def test_blocks_of_frames_give_back_equal_frames(world: World) -> None:
    """W5: frames of full and unfinished blocks, in memory and on disk, are those that were put in, in any order."""
    frames = list(await fresh(world, await ran(world, primitives.gathers)))
    many = (frames * (3 * BLOCK_FRAMES))[: 2 * BLOCK_FRAMES + 7]
    for memory_bytes in (None, 0):
        store = FrameStore(memory_bytes=memory_bytes)
        for frame in many:
            store.append(frame)
        for position in (*range(len(many)), *reversed(range(len(many))), 5, len(many) - 1, BLOCK_FRAMES):
            assert store[position] == many[position]
        with pytest.raises(IndexError):
            store[len(many)]
        assert store.size_bytes
        store.close()
