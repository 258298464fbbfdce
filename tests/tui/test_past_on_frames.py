"""What the replay screen shows of a past is what a fresh replay shows, however one came there and while more comes."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cerebelum import wait_for_signal, workflow
from cerebelum.engine.application.client import Handle
from cerebelum.engine.application.replay import replay_execution
from cerebelum.engine.domain.projection import reconstruct
from cerebelum.engine.runtime.frames import Frame
from cerebelum.tui.replay.past import Past
from cerebelum_cli.composition import reading
from tests.engine.world import World
from tests.flows import defined, graphs, primitives, replayed, travelled
from tests.flows.plain import replayed as plain_replayed
from tests.tui.walker import Walker, make_app

FLOWS: list[tuple[Any, tuple[Any, ...]]] = [
    (travelled.process_order, ()),
    (primitives.gathers, ()),
    (replayed.orders, ("hunter2",)),
    (replayed.compensates, ()),
    (replayed.begins_anew, ()),
    (plain_replayed.retries, ()),
    (graphs.at_once, ()),
    (defined.doubles, ({"numbers": [1, 2, 3]},)),
]
MOVES = ("n", "p", "f", "F", "s", "S", "c", "b", "B", "/")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An engine on a store in memory."""
    world = await World.open("memory://")
    yield world
    await world.close()


def quiet() -> None:
    """Nobody is told."""


async def has_grown(world: World, handle: Handle[Any], count: int) -> None:
    await world.until(handle, lambda view: view.row.last_version >= count)


async def opened(world: World, execution_id: str) -> Past:
    past = Past(execution_id)
    await past.catch_up(world.engine)
    await past.feed(world.engine)
    await past.frames_made(quiet)
    return past


async def fresh_frames(world: World, execution_id: str, watch: list[str]) -> list[Frame]:
    """Return for each event the last frame of a replay that ends there, without the logs, which stand in a pane."""
    history = await world.client.handle(execution_id).history()
    found = []
    for version in range(1, len(history) + 1):
        *_, last = await replay_execution(world.engine, execution_id, to_version=version, watch=watch)
        found.append(replace(last, log_count=0, log_new=0, logs=[]))
    return found


def gone_to(past: Past, at: int, move: Any) -> int:
    """Return where a key leads, asked of the past as the screen asks it."""
    index, last = past.index, len(past.index)
    frame = past.standing(at)
    places = {(entry.file, entry.line) for task in frame.tasks for entry in task.stack} if frame is not None else set()
    names = [entry.locals for task in frame.tasks for entry in task.stack] if frame is not None else []
    found: int | None
    match move:
        case "n" | "p":
            found = max(0, min(at + (1 if move == "n" else -1), last))
        case "f" | "F":
            found = index.failure(at, 1 if move == "f" else -1)
        case "s" | "S":
            found = index.same_step(at, 1 if move == "s" else -1)
        case "c":
            found = past.last_change(next(iter(names[-1]), "") if names else "", at)
        case "b" | "B":
            found = past.on_lines(places, at, 1 if move == "b" else -1)
        case "/":
            found = next((version for version in range(at + 1, last + 1) if "step" in index.text(version)), None)
        case _:
            found = int(move * last)
    return at if found is None else found


@pytest.mark.parametrize("flow, args", FLOWS, ids=lambda value: getattr(value, "name", ""))
async def test_after_any_walk_the_past_is_that_of_a_fresh_replay(
    world: World, flow: Any, args: tuple[Any, ...]
) -> None:
    """E17, W7: after any steps, jumps, same steps, failures, causes, breakpoints and searches the frame is a fresh one's."""
    watch = ["total", "len(numbers)"]
    handle = await world.client.start(flow, *args)
    await world.until(handle, lambda view: view.row.ended)
    history = await handle.history()
    wanted = await fresh_frames(world, handle.id, watch)
    past = await opened(world, handle.id)
    for text in watch:
        past.add_watch(text)
    await past.frames_made(quiet)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(MOVES) | st.floats(0, 1), max_size=30))
    def walk(moves: list[Any]) -> None:
        at = 0
        for move in moves:
            at = gone_to(past, at, move)
            assert past.frame(at) == (wanted[at - 1] if at else None)
            assert past.status(at) == reconstruct(handle.id, history[:at]).status
            stood = [frame for frame in wanted[:at] if any(task.stack for task in frame.tasks)]
            assert past.standing(at) == (stood[-1] if stood else None)

    try:
        walk()
        assert past.made == len(history)
        assert past.problem == ""
    finally:
        past.close()


@workflow
async def counts() -> list[str]:
    """Waits for one signal after another."""
    seen: list[str] = []
    while not seen or seen[-1] != "enough":
        seen.append(await replayed.echo(str(await wait_for_signal("next"))))
    return seen


async def test_a_live_past_goes_on_where_its_pass_stands(world: World) -> None:
    """E17, W7, M8: as an execution goes on, its frames are added to by one and the same pass, and are a fresh replay's."""
    handle = await world.client.start(counts)
    past: Past | None = None
    passes = set()
    for number in range(12):
        await world.until_status(handle, "waiting")
        if past is None:
            past = await opened(world, handle.id)
            past.add_watch("len(seen)")
        assert await past.catch_up(world.engine) or number == 0
        await past.feed(world.engine)
        await past.frames_made(quiet)
        passes.add(past._passes.now)
        assert past.made == len(past.index)
        frame = past.frame(past.made)
        assert frame is not None
        assert frame.watched == {"len(seen)": str(number)}
        before = len(await handle.history())
        await handle.signal("next", "enough" if number == 11 else str(number))
        await has_grown(world, handle, before + 3)
    assert past is not None
    await world.until(handle, lambda view: view.row.ended)
    await past.catch_up(world.engine)
    await past.feed(world.engine)
    await past.frames_made(quiet)
    wanted = await fresh_frames(world, handle.id, ["len(seen)"])
    assert [past.frame(version) for version in range(1, past.made + 1)] == wanted
    assert len(passes | {past._passes.now}) == 1
    assert past.status(past.made) == "completed"
    past.close()
    assert past.frame(1) is None


async def test_a_new_watch_shows_the_old_frames_until_the_new_ones_come(world: World) -> None:
    """W7: while a watch is followed over the whole past again, every event keeps its frame."""
    handle = await world.client.start(replayed.orders, "x")
    await world.until(handle, lambda view: view.row.ended)
    past = await opened(world, handle.id)
    count = len(past.index)
    shown = [past.frame(version) for version in range(1, count + 1)]
    for text in ("total", "total > 3", "order"):
        past.add_watch(text)
        assert past.made == count
        assert all(past.frame(version) is not None for version in range(1, count + 1))
        assert past.standing(count) is not None
    await past.frames_made(quiet)
    now = [past.frame(version) for version in range(1, count + 1)]
    assert [replace(frame, watched={}, watched_changed=[], watch_errors={}) for frame in now if frame] == shown
    assert any(frame is not None and set(frame.watched) == {"total", "total > 3", "order"} for frame in now)
    assert past.watched("total").before(count + 1) == past.watched("total > 3").before(count + 1)
    with pytest.raises(ValueError, match="cannot watch"):
        past.add_watch("open('x')")
    past.close()


async def test_a_fed_pass_that_differs_is_asked_again_from_the_beginning(world: World) -> None:
    """E16, W7: code that does not fit is told with the frames up to there; more events do not begin it again and again."""

    @workflow("counts")
    async def elsewhere() -> str:
        first = await wait_for_signal("next")
        await replayed.echo(str(first))
        return str(await wait_for_signal("other"))

    handle = await world.client.start(counts)
    await world.until_status(handle, "waiting")
    past = await opened(world, handle.id)
    first_pass = past._passes.now
    assert first_pass is not None
    first_pass.replay.spans = tuple(
        replace(span, code=replace(span.code, definition=elsewhere)) for span in first_pass.replay.spans
    )
    past._passes.anew([])  # what it stands on now is other code than what goes on to run
    await past.frames_made(quiet)
    told, last_pass = "", first_pass
    for number in range(3):
        before = len(past.index)
        await handle.signal("next", str(number))
        await has_grown(world, handle, before + 3)
        await world.until_status(handle, "waiting")
        await past.catch_up(world.engine)
        await past.feed(world.engine)
        await past.frames_made(quiet)
        if number == 0:
            assert past._passes.now is not None
            told, last_pass = past.problem, past._passes.now
    assert told.startswith("the code that ran does not fit from here on: ")
    assert past.problem == told
    assert past._passes.now is last_pass
    assert last_pass is not first_pass
    assert 0 < past.made < len(past.index)
    assert past.status(len(past.index)) == "waiting"
    assert past.standing(len(past.index)) == past.frame(past.made)
    await handle.signal("next", "enough")
    await handle.result(20)
    past.close()


async def test_a_screen_that_is_left_makes_no_more_frames(store_url: str) -> None:
    """W7: the threads that make frames end with the screen."""
    async with Walker.at(make_app(store_url), (120, 36)) as walker:
        for _ in range(3):
            await walker.press("enter", "w")
            await walker.enter("total")
            await walker.press("q")
        await walker.until(lambda: not [each for each in threading.enumerate() if each.name == "cerebelum replay"])


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_screen_shows_the_frame_of_the_event_it_names(store_url: str, seed: int) -> None:
    """E17, W7: after each of sixty random keys the locals, the line and the status on the screen are a fresh replay's."""
    chance = random.Random(seed)
    async with reading(store_url) as engine:
        wanted = list(await replay_execution(engine, "order-1042"))
    async with Walker.at(make_app(store_url, "order-1042"), (160, 50)) as walker:
        for _ in range(60):
            await walker.press(chance.choice(["j", "k", "l", "h", "]", "[", "b", "n", "N", "c", "J", "home", "7", "G"]))
            at = walker.replay.version
            stood = [frame for frame in wanted[:at] if frame.tasks and frame.tasks[0].stack]
            heading = walker.text("#heading")
            assert f"event {at}/{len(wanted)}" in heading
            assert (wanted[at - 1].status.upper() if at else "PENDING") in heading
            if not stood:
                assert "nothing has happened yet" in walker.text("#locals")
                continue
            entry = stood[-1].tasks[0].stack[-1]
            assert f":{entry.line} @" in str(walker.replay.query_one("#source").border_title)
            shown = walker.text("#locals")
            assert all(f"{name}: " in shown for name in entry.locals)
            assert all(text in shown for text in entry.locals.values())


async def test_logs_by_the_thousand_are_made_as_they_are_looked_at(store_file: Path, store_url: str) -> None:
    """W7, M7: of many captured lines only those on the screen are made into text, and the newest so far are shown."""
    with closing(sqlite3.connect(store_file)) as connection:
        (columns,) = zip(*((row[1],) for row in connection.execute("PRAGMA table_info(logs)")), strict=True)
        kept = [name for name in columns if name != "id"]
        names = ", ".join(kept)
        copies = 512
        for _ in range(9):
            connection.execute(f"INSERT INTO logs ({names}) SELECT {names} FROM logs WHERE execution_id = 'order-1042'")
        connection.commit()
    async with Walker.at(make_app(store_url, "order-1042"), (120, 36)) as walker:
        await walker.press("end", "tab", "tab", "tab")
        count = len(walker.replay.past.logs)
        assert count > 1_000
        assert f"logs · {count:,} of {count:,} so far" in str(walker.replay.query_one("#logs").border_title)
        assert "charging 42" in walker.text("#logs")
        await walker.press("y")
        assert (walker.app.clipboard.count("charging 42"), walker.app.clipboard.count("reserving lamp")) == (
            2 * copies,
            copies,
        )
