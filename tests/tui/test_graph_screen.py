"""The graph with an execution laid over it: as it was at any event, live, and every key of it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from cerebelum.connect import open_store
from cerebelum.engine.application.graphs import draw_execution
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.drawing import DrawnEdge, DrawnNode, drawing
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.overlay import with_execution
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.ports.store import Batch, Start
from cerebelum.tui.dialogs import Help
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.graph.laid_over import LaidOver, TooLarge
from cerebelum.tui.graph.screen import GraphScreen
from cerebelum.tui.replay.screen import ReplayScreen
from cerebelum.tui.timeline.screen import TimelineScreen
from tests.engine.world import World
from tests.flows import drawn, ledger
from tests.tui.walker import Walker, make_app

ORDER = "order-1042"
START_US = 1_795_255_200_000_000


@pytest.fixture
async def walker(store_url: str) -> AsyncIterator[Walker]:
    """Someone before the graph of a failed order, over its replay at event 9."""
    async with Walker.at(make_app(store_url, ORDER, 9), (160, 50)) as walker:
        await walker.press("m")
        yield walker


def screen(walker: Walker) -> GraphScreen:
    found = walker.app.screen
    assert isinstance(found, GraphScreen)
    return found


async def test_at_every_event_it_is_the_graph_as_it_was_then(walker: Walker) -> None:
    """W7, L7: forward and back through all events, each node's state is that of the events up to there alone."""
    shown = screen(walker)
    await walker.press("home")
    history = shown.story.events
    for key in ("j", "k"):
        for _ in range(len(history) + 1):
            there = shown.canvas.drawing
            assert there is not None
            then = await shown.laid_over.at(shown.version)
            assert then is not None
            assert shown.shown == shown.version
            assert there == with_execution(then.plain, history[: shown.version])
            await walker.press(key)
    assert shown.version == 0


async def test_a_node_says_what_it_did(walker: Walker) -> None:
    """L7, W9: status, how long, when and the attempt stand in the box and beside it; what was not reached is dashed."""
    await walker.press("]", "]", "end")
    shown = walker.text("#canvas")
    assert "✓ 20ms a2" in shown  # charge_card
    assert "✗ 20ms a2" in shown  # ship
    assert "┆ End ┆" in shown
    assert "┏" in shown  # the critical path
    panel = walker.text("#panel")
    for text in ("Ship", "✗ failed", "on the critical path", "20ms", "attempt   2", "AddressError: bad zip 'ABC'",
                 "2026-11-21 10:03:00.520Z"):  # fmt: skip
        assert text in panel
    await walker.press("home")
    assert "┆" not in walker.text("#canvas")
    assert "✓" not in walker.text("#canvas")
    assert "has not run by this event" in walker.text("#panel")
    await walker.press("up", "up", "up", "up", "up", "up")
    assert "leaves no record of its own" in walker.text("#panel")


async def test_walking_in_time_takes_the_mark_along(walker: Walker) -> None:
    """W7: j and k go to events and mark their node; h and l to those of the marked node; brackets to failures."""
    shown = screen(walker)
    for key, version, node in (
        ("home", 0, "notify"), ("j", 1, "notify"), ("j", 2, "reserve_stock"), ("l", 3, "reserve_stock"),
        ("l", 3, "reserve_stock"), ("h", 2, "reserve_stock"), ("]", 5, "charge_card"), ("h", 4, "charge_card"),
        ("]", 5, "charge_card"), ("]", 12, "ship"), ("[", 5, "charge_card"), ("k", 4, "charge_card"), ("end", 14, "charge_card"),
    ):  # fmt: skip
        await walker.press(key)
        assert (key, shown.version, shown.canvas.marked) == (key, version, node)
    await walker.press("l")
    assert "no later event of this node" in walker.said
    await walker.press(":")
    await walker.enter("13")
    assert (shown.version, shown.canvas.marked) == (13, "ship")
    assert "✗ step_failed  ship (attempt 2)" in walker.text()


async def test_walking_from_node_to_node(walker: Walker) -> None:
    """W8: arrows go where they point, tab through all in the order one reads, and the event stays where it is."""
    shown = screen(walker)
    canvas = shown.canvas
    assert canvas.marked == "notify"
    for key, node in (
        ("right", "notify_2"), ("right", "notify_2"), ("left", "notify"), ("left", "notify"), ("up", "fork"),
        ("up", "charge_card"), ("down", "fork"), ("down", "notify"), ("down", "join"), ("down", "ship"), ("down", "end"),
        ("down", "end"), ("tab", "start"), ("tab", "reserve_stock"), ("shift+tab", "start"), ("shift+tab", "end"),
    ):  # fmt: skip
        await walker.press(key)
        assert (key, canvas.marked) == (key, node)
    assert shown.version == 9
    assert "▛" in walker.text("#canvas")


async def test_scrolling_in_both_directions(store_url: str) -> None:
    """W8: J, K, H and L scroll a drawing that is larger than the screen; the marked node is brought to the screen."""
    async with Walker.at(make_app(store_url, ORDER, 9), (34, 20)) as walker:
        await walker.press("m")
        canvas = screen(walker).canvas
        assert canvas.virtual_size.width > canvas.size.width
        while canvas.marked != "start":
            await walker.press("tab")
        for key, other in (("J", "K"), ("L", "H"), ("shift+down", "shift+up"), ("shift+right", "shift+left")):
            before = sum(canvas.scroll_offset)
            await walker.press(key)
            moved = sum(canvas.scroll_offset)
            assert moved > before
            await walker.press(other)
            assert sum(canvas.scroll_offset) < moved
        for node in ("end", "start", "notify_2"):
            while canvas.marked != node:
                await walker.press("tab")
            box, at = canvas.boxes[node], canvas.scroll_offset
            assert at.y <= box.top
            assert box.top + box.height <= at.y + canvas.size.height
            assert "▛" in walker.text("#canvas")


async def test_enter_opens_the_replay_at_the_nodes_last_event(walker: Walker) -> None:
    """W7: enter shows the replay at the marked node's last event by then; of a node that has not run it says so."""
    await walker.press("up", "up", "enter")
    assert walker.sees(ReplayScreen)
    assert walker.replay.version == 6  # charge_card completed
    assert len(walker.app.screen_stack) == 3
    await walker.press("m", "tab", "tab", "tab", "tab", "tab", "enter")
    assert walker.sees(GraphScreen)
    assert "no event up to here" in walker.said


async def test_the_ends_lead_to_the_first_and_the_present_event(walker: Walker) -> None:
    """W7: enter at the start goes to the first event."""
    while screen(walker).canvas.marked != "start":
        await walker.press("tab")
    await walker.press("enter")
    assert walker.replay.version == 1


async def test_it_is_reached_from_the_list(store_url: str) -> None:
    """W6, W8: m and :graph open it for the marked execution; g leads to the timeline, ? to its keys, T changes its looks."""
    async with Walker.at(make_app(store_url), (80, 24)) as walker:
        await walker.press("j", "m")
        assert screen(walker).version == 13
        assert screen(walker).canvas.marked == "ship"
        await walker.press("g")
        assert walker.sees(TimelineScreen)
        await walker.press("m", "m")
        assert "this is the graph" in walker.said
        await walker.press("enter")
        assert walker.replay.version == 13
        await walker.press("q", "escape", ":")
        await walker.enter("graph")
        await walker.press("?")
        assert isinstance(walker.app.screen, Help)
        await walker.press("escape", "T", "q")
        assert walker.sees(ExecutionsScreen)


async def test_it_follows_what_another_process_records(store_url: str) -> None:
    """L12, L8, W8: by the feed that all use, each event changes the drawing; a running node is active, with progress."""
    world = await World.open(store_url)
    try:
        handle = await world.client.start(drawn.stands, id="live")
        await world.at_gate(handle)
        async with Walker.at(make_app(store_url, "live"), (160, 60)) as walker:
            await walker.press("m")
            await world.until(handle, lambda view: any(step.progress for step in view.steps))
            await walker.until(lambda: "▶ 40% a2" in walker.text("#canvas"))
            shown = screen(walker)
            await walker.until(lambda: shown.canvas.drawing is not None and shown.canvas.drawing.status == "running")
            assert shown.canvas.drawing is not None
            state = shown.canvas.drawing.node("slow").state
            assert state is not None
            assert (state.status, state.attempt, state.active, state.progress) == ("running", 2, True, 40)
            while shown.canvas.marked != "slow":
                await walker.press("tab")
            panel = walker.text("#panel")
            for text in ("▶ running · active", "████████░░░░░░░░░░░░ 40%", "attempt   2"):
                assert text in panel
            assert "┄" in walker.text("#canvas")  # the branch that can no longer come
            ledger.gate(handle.id).set()
            await handle.result(20)
            await walker.until(lambda: "COMPLETED" in walker.text("#heading"))
            await walker.still()
            assert shown.version == len(shown.story)
            assert shown.canvas.drawing == await draw_execution(world.engine, handle.id)
            assert shown.canvas.marked == "slow"  # what one looked at
    finally:
        await world.close()


async def test_hostile_text_is_harmless_in_any_size(store_url: str) -> None:
    """W8: names and errors cannot act on the terminal, and no size from one cell on breaks the drawing."""
    chance = random.Random(11)
    async with Walker.at(make_app(store_url, "order-1041"), (160, 50)) as walker:
        await walker.press("m")
        for _ in range(12):
            await walker.pilot.resize_terminal(chance.randint(1, 200), chance.randint(1, 60))
            await walker.press(chance.choice(("j", "k", "h", "l", "tab", "up", "down", "left", "right", "J", "L", "]")))
            shown = walker.text().replace("\n", "")
            assert shown == visible(shown)


async def test_hostile_labels_are_harmless(store_url: str) -> None:
    """W8: what a node is called is made visible before it is drawn, and wide letters keep the boxes whole."""
    async with Walker.at(make_app(store_url, ORDER, 9), (100, 40)) as walker:
        await walker.press("m")
        shown = screen(walker)
        odd = drawing(
            "odd",
            [
                DrawnNode(id="start", type="start", label="Start"),
                DrawnNode(id="a", type="step", label="\x1b[2J\u202eowned", name="a"),
                DrawnNode(id="b", type="step", label="日本語の工程" * 9, name="b"),
            ],
            [DrawnEdge(source="start", target="a", label="\x1b]0;x\x07"), DrawnEdge(source="a", target="b")],
        )
        shown.canvas.show(odd, odd)
        await walker.pilot.pause()
        text = walker.text("#canvas")
        assert text.replace("\n", "") == visible(text.replace("\n", ""))
        assert "\\x1b[2J" in text
        assert "日本語" in text


async def test_without_the_code_it_says_why(store_url: str) -> None:
    """W8: where the code that ran was not kept, that is said with what to do, and one still walks to the replay."""
    store = open_store(store_url)
    await store.open()
    try:
        event = ev.ExecutionStarted(workflow="gone", code="0123456789abcdef")
        history = [ev.RecordedEvent(1, event.type, ev.encode_event(event), START_US)]
        row = ExecutionRow(
            id="lost", workflow="gone", code="0123456789abcdef", status="cancelled", inserted_at_us=START_US,
            last_version=1,
        )  # fmt: skip
        await store.commit(Batch(id="lost", starts=[Start(row=row, events=history)]))
    finally:
        await store.close()
    async with Walker.at(make_app(store_url, "lost"), (100, 24)) as walker:
        await walker.press("m")
        shown = walker.text("#canvas")
        assert "there is no graph to show" in shown
        assert "the source of workflow 'gone' @01234567 is missing" in shown
        assert "help: check that version of the file out again" in shown
        await walker.press("j", "k", "tab", "up", "down", "left", "right", "h", "l", "J", "K", "enter")
        assert walker.sees(ReplayScreen)


async def test_a_drawing_that_is_too_large_is_refused(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """W8: beyond so many nodes it says how many there are, instead of standing still."""
    monkeypatch.setattr("cerebelum.tui.graph.laid_over.NODES_MOST", 3)
    async with Walker.at(make_app(store_url, ORDER), (100, 24)) as walker:
        await walker.press("m")
        assert "nodes are too many for a picture (3 at most)" in walker.text("#canvas")
        assert isinstance(screen(walker).laid_over, LaidOver)
        assert issubclass(TooLarge, Exception)


async def test_a_long_history_is_read_between_the_keys(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """W7: of a long history the drawing is made in turns, is the same, and is given up where another is wanted."""
    monkeypatch.setattr("cerebelum.tui.graph.laid_over._TURN", 2)
    monkeypatch.setattr("cerebelum.tui.graph.laid_over._AT_ONCE", 3)
    async with Walker.at(make_app(store_url, ORDER, 9), (100, 40)) as walker:
        await walker.press("m", "k", "k", "j", "end")
        await walker.pilot.press("k", "k", "k", "k", "k")  # faster than it is drawn
        await walker.still()
        shown = screen(walker)
        assert await shown.laid_over.at(3, lambda: False) is None
        then = await shown.laid_over.at(shown.version)
        assert then is not None
        assert shown.shown == shown.version == 9
        assert then.drawn == shown.canvas.drawing == with_execution(then.plain, shown.story.events[:9])


async def test_a_click_marks_a_node(walker: Walker) -> None:
    """W8: the box under the mouse is marked; a click beside marks nothing."""
    canvas = screen(walker).canvas
    box = canvas.boxes["ship"]
    offset = (box.left + 2 + canvas.inset - canvas.scroll_offset.x, box.top + 1 - canvas.scroll_offset.y)
    await walker.pilot.click("#canvas", offset=offset)
    await walker.still()
    assert canvas.marked == "ship"
    await walker.pilot.click("#canvas", offset=(0, 0))
    assert canvas.marked == "ship"


async def test_a_removed_execution_is_told(store_url: str) -> None:
    """W6: an execution that is not there is said to be missing, and the screen can be left."""
    app = make_app(store_url)
    async with Walker.at(app, (80, 24)) as walker:
        await app.push_screen(GraphScreen("nobody", None))
        await walker.until(lambda: "no execution 'nobody'" in walker.said)
        await walker.press("j", "k", "l", "h", "tab", "up", "]", "end", "home", "J", "q")
        assert walker.sees(ExecutionsScreen)
