"""The timeline: its axis, its lines, and every key of it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.connect import open_store
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.ports.store import Batch, Start
from cerebelum.tui.dialogs import Help
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.graph.screen import GraphScreen
from cerebelum.tui.replay.screen import ReplayScreen
from cerebelum.tui.timeline.axis import FOLD_CELLS, Axis, fold_text, short_text
from cerebelum.tui.timeline.screen import TimelineScreen
from tests.engine.world import World
from tests.flows import drawn, ledger, travelled
from tests.tui.walker import Walker, make_app

ORDER = "order-1042"
START_US = 1_795_255_200_000_000
S = 1_000_000


# -- the axis ---------------------------------------------------------------------------------------------------------
@given(
    st.lists(st.integers(0, 10_000 * S), min_size=2, max_size=20, unique=True),
    st.lists(st.booleans(), min_size=20, max_size=20),
    st.integers(1, 500),
)
def test_time_never_goes_back_on_an_axis(instants: list[int], idle: list[bool], cells: int) -> None:
    """W7: later instants lie at the same cell or further right, all within the axis, and a cell's instant lies in it."""
    instants.sort()
    gaps = [gap for gap, is_idle in zip(pairwise(instants), idle, strict=False) if is_idle]
    axis = Axis(instants[0], instants[-1], gaps, cells)
    where = [axis.cell(at_us) for at_us in instants]
    assert where == sorted(where)
    assert where[0] == 0
    assert where[-1] == cells - 1
    assert axis.cell(instants[0] - 5) == 0
    assert axis.cell(instants[-1] + 5) == cells - 1
    begins = [axis.instant_us(cell) for cell in range(cells + 1)]
    assert begins == sorted(begins)
    assert (begins[0], begins[-1]) == (instants[0], instants[-1])
    for fold in axis.folds:
        assert (fold.from_us, fold.to_us) in gaps
        assert 0 <= fold.cell <= cells - FOLD_CELLS + 1
    for first in (0, cells // 2):
        ticks = axis.ticks(first, cells - first)
        assert [cell for cell, _ in ticks] == sorted({cell for cell, _ in ticks})
        assert all(first <= cell < cells for cell, _ in ticks)


def test_a_long_idle_time_takes_the_room_of_its_sign() -> None:
    """W7: of a minute in which nothing ran, eleven cells are left; what ran has the rest; a short one is not folded."""
    axis = Axis(0, 62 * S, [(2 * S, 60 * S)], 100)
    assert [(fold.from_us, fold.to_us) for fold in axis.folds] == [(2 * S, 60 * S)]
    assert axis.cell(60 * S) - axis.cell(2 * S) == FOLD_CELLS
    assert axis.cell(2 * S) == pytest.approx(44, abs=1)
    assert Axis(0, 10 * S, [(2 * S, 3 * S)], 100).folds == []
    assert Axis(0, 10 * S, [(0, 10 * S)], 100).folds == []  # never all of it
    assert len(Axis(0, 1_000 * S, [(n * S, n * S + S - 5) for n in range(1_000)], 100).folds) < 10


def test_ticks_say_the_time_since_the_beginning() -> None:
    """W7: round numbers, as exact as they are apart, none of them inside of a fold."""
    assert [label for _, label in Axis(0, S, [], 100).ticks(0, 100)] == [
        "0", "200ms", "400ms", "600ms", "800ms",
    ]  # fmt: skip
    assert [label for _, label in Axis(0, 2 * 3600 * S, [], 60).ticks(0, 60)] == ["0s", "30m", "1h00m", "1h30m"]
    assert [label for _, label in Axis(0, 200, [], 100).ticks(0, 100)][:2] == ["0", "50µs"]
    folded = Axis(0, 62 * S, [(2 * S, 60 * S)], 100)
    cells = [cell for cell, _ in folded.ticks(0, 100)]
    assert not [cell for cell in cells if 44 <= cell < 44 + FOLD_CELLS - 1]
    assert any(label.startswith(("60", "61", "1m")) for _, label in folded.ticks(0, 100))
    assert Axis(0, 400 * 86_400 * S, [], 100).ticks(0, 100)[1][1] == "64d00h"


@pytest.mark.parametrize(
    "duration_us, text",
    [
        (0, "0µs"), (850, "850µs"), (2_400, "2.4ms"), (46_000, "46ms"), (2_790_000, "2.79s"), (8 * S, "8s"),
        (12_340_000, "12.3s"), (62 * S, "1m02s"), (11_100 * S, "3h05m"), (1_051_200 * S, "12d04h"),
    ],
)  # fmt: skip
def test_durations_fit_their_column(duration_us: int, text: str) -> None:
    """W7: seven cells hold any duration of the first thousand days, and a fold's sign its own."""
    assert short_text(duration_us) == text
    assert len(short_text(duration_us)) <= 7
    assert len(fold_text(duration_us)) == FOLD_CELLS
    assert text in fold_text(duration_us)


# -- the screen -------------------------------------------------------------------------------------------------------
@pytest.fixture
async def walker(store_url: str) -> AsyncIterator[Walker]:
    """Someone before the timeline of a failed order, over its replay at event 6."""
    async with Walker.at(make_app(store_url, ORDER, 6), (160, 50)) as walker:
        await walker.press("g")
        yield walker


def screen(walker: Walker) -> TimelineScreen:
    found = walker.app.screen
    assert isinstance(found, TimelineScreen)
    return found


def lines(walker: Walker) -> list[str]:
    return [line for line in walker.text("#chart").splitlines() if line.strip()]


async def test_a_line_for_each_step_with_its_attempts(walker: Walker) -> None:
    """W7: each step has a line with its sign, its name and attempts, how long it took, and its bar; failures are ✗."""
    shown = lines(walker)
    assert [line.split()[:2] for line in shown] == [
        ["✓", "reserve_stock"], ["▌✓", "charge_card"], ["✓", "notify"], ["✓", "notify"], ["✗", "ship"],
    ]  # fmt: skip
    assert "\N{MULTIPLICATION SIGN}2" in shown[1]
    assert "80ms" in shown[1]
    assert shown[1].count("✗") == 1  # the attempt that failed
    assert shown[4].count("✗") == 3  # the step, and both attempts
    for line in shown:
        assert "█" in line
        assert "░" in line
    assert "╌" in shown[1]
    assert screen(walker).version == 6
    assert "✓ step_completed  charge_card (attempt 2)" in walker.text("#detail")
    assert "attempt 2 of 3 · queued 20ms · ran 40ms · waited for retries 20ms" in walker.text()


async def test_where_one_stands_is_a_vertical_line(walker: Walker) -> None:
    """W7: the event one stands at is marked in the axis and on every line, at one column."""
    column = walker.text("#scale").index("▼")
    for number, line in enumerate(lines(walker)):
        if number != 1:  # its own bar ends there
            assert line[column] == "│"
    await walker.press("h")
    assert walker.text("#scale").index("▼") < column


async def test_walking_through_lines_and_events(walker: Walker) -> None:
    """W7: j and k go to lines, where they begin or failed; h and l to events; brackets to failures; the two stay together."""
    shown = screen(walker)
    for key, line, version in (
        ("home", 0, 2), ("j", 1, 4), ("down", 2, 7), ("k", 1, 4), ("up", 0, 2), ("up", 0, 2), ("end", 4, 13),
        ("j", 4, 13), ("pageup", 0, 2), ("pagedown", 4, 13), ("l", 4, 14), ("right", 4, 14), ("h", 4, 13),
        ("left", 4, 12), ("[", 1, 5), ("]", 4, 12), ("]", 4, 13),
    ):  # fmt: skip
        await walker.press(key)
        assert (key, shown.chart.cursor, shown.version) == (key, line, version)
    await walker.press("]", "]")
    assert "nothing failed after this event" in walker.said
    await walker.press(":")
    await walker.enter("3")
    assert (shown.version, shown.chart.cursor) == (3, 0)
    for _ in range(4):
        await walker.press("h")
    assert shown.version == 0
    assert "before the first event" in walker.text("#detail")


async def test_zooming_and_scrolling(walker: Walker) -> None:
    """W7: + and - zoom around where one stands, L and H scroll, 0 shows the whole, and the event stays where it is."""
    shown, chart = screen(walker), screen(walker).chart
    await walker.press("L")
    assert "all of it is shown" in walker.said
    here = chart.here_cell
    for key in ("+", "="):
        await walker.press(key)
        assert chart.here_cell == pytest.approx(here, abs=1)
    assert shown.zoom == 4
    assert "zoom 4" in walker.text("#heading")
    left = chart.left
    await walker.press("L")
    assert chart.left > left
    await walker.press("H", "shift+right", "shift+left")
    assert chart.left == pytest.approx(left, abs=1)
    await walker.press("end")  # a line that was not to be seen
    assert 0 <= chart.here_cell < chart.plot_cells
    await walker.press("-")
    assert shown.zoom == 2
    await walker.press("0")
    assert (shown.zoom, chart.left) == (1, 0)
    await walker.press("-")
    assert "all of it is shown" in walker.said
    for _ in range(30):
        await walker.pilot.press("plus")
    await walker.still()
    assert "nothing finer" in walker.said
    assert 0 <= chart.here_cell < chart.plot_cells


async def test_enter_goes_back_to_the_replay_that_lies_below(walker: Walker) -> None:
    """W7: enter shows the replay at the event; g leads back to the same place, and m to the graph in its stead."""
    await walker.press("home", "j", "enter")
    assert walker.sees(ReplayScreen)
    assert walker.replay.version == 4
    assert len(walker.app.screen_stack) == 3
    await walker.press("g", "m")
    assert walker.sees(GraphScreen)
    await walker.press("g")
    assert screen(walker).version == 4
    assert len(walker.app.screen_stack) == 4
    await walker.press("g")
    assert "this is the timeline" in walker.said
    await walker.press("escape", "q")
    assert walker.sees(ExecutionsScreen)


async def test_it_is_reached_from_the_list(store_url: str) -> None:
    """W6, W7: g and :timeline open it for the marked execution, at its failure; enter opens a replay, help its keys."""
    async with Walker.at(make_app(store_url), (80, 24)) as walker:
        await walker.press("j", "g")
        assert screen(walker).version == 13
        await walker.press("enter")
        assert walker.replay.version == 13
        await walker.press("q", "q", ":")
        await walker.enter("timeline")
        assert walker.sees(TimelineScreen)
        await walker.press("?")
        assert isinstance(walker.app.screen, Help)
        await walker.press("escape", "T", "q")
        assert walker.app.theme == "cerebelum-light"


async def test_hostile_names_are_harmless(store_url: str) -> None:
    """W7: what a step and its error are called cannot act on the terminal."""
    async with Walker.at(make_app(store_url, "order-1041"), (160, 50)) as walker:
        await walker.press("g")
        for size in ((30, 9), (80, 24), (160, 50)):
            await walker.pilot.resize_terminal(*size)
            await walker.still()
            shown = walker.text()
            assert shown.replace("\n", "") == visible(shown.replace("\n", ""))
        assert "shout" in walker.text("#chart")


async def hostile_step(url: str, names: list[str]) -> None:
    """Write an execution whose steps have these names."""
    store = open_store(url)
    await store.open()
    try:
        events: list[ev.Event] = [ev.ExecutionStarted(workflow="w")]
        for number, name in enumerate(names, 1):
            events.append(ev.StepScheduled(number=number, name=name))
            events.append(ev.StepCompleted(number=number))
        history = [
            ev.RecordedEvent(version, event.type, ev.encode_event(event), START_US + version * 7_000_000)
            for version, event in enumerate(events, 1)
        ]
        row = ExecutionRow(
            id="odd", workflow="w", status="cancelled", inserted_at_us=START_US, last_version=len(history)
        )  # fmt: skip
        await store.commit(Batch(id="odd", starts=[Start(row=row, events=history)]))
    finally:
        await store.close()


async def test_any_width_shows_something_sensible(store_url: str) -> None:
    """W6, W7: wide, combining and hostile names in random sizes: no crash, no line longer than the screen."""
    await hostile_step(store_url, ["日本語の工程" * 5, "a\u0301" * 40, travelled.HOSTILE, "", "x" * 300])
    chance = random.Random(7)
    async with Walker.at(make_app(store_url, "odd"), (80, 24)) as walker:
        await walker.press("g")
        for _ in range(12):
            await walker.pilot.resize_terminal(chance.randint(1, 200), chance.randint(1, 60))
            await walker.press(chance.choice(("j", "k", "plus", "minus", "l", "h", "end", "home", "L", "0")))
            shown = walker.text()
            assert shown.replace("\n", "") == visible(shown.replace("\n", ""))
        await walker.pilot.resize_terminal(100, 24)
        await walker.press("0")
        assert len(lines(walker)) == 5


async def test_what_runs_grows_and_what_comes_is_shown(store_url: str) -> None:
    """W7: what runs grows by itself, and what another process records comes in by itself."""
    world = await World.open(store_url)
    try:
        handle = await world.client.start(drawn.stands, id="grows")
        await world.at_gate(handle)
        async with Walker.at(make_app(store_url, "grows"), (120, 30)) as walker:
            await walker.press("g")
            shown = screen(walker)
            await walker.until(lambda: "slow" in walker.text("#chart") and shown.spans[-1].status == "running")
            assert shown.spans[-1].is_open
            assert lines(walker)[1].rstrip().endswith("▶")
            before = shown.chart.now_us
            await walker.until(lambda: shown.chart.now_us > before)
            await walker.press("end", "l", "l", "l")
            known = len(shown.story)
            assert shown.version == known
            ledger.gate(handle.id).set()
            await handle.result(20)
            await walker.until(lambda: "COMPLETED" in walker.text("#heading"))
            assert shown.version == len(shown.story) > known  # it follows
            assert "ship" in lines(walker)[2]
            assert [span.status for span in shown.spans] == ["completed"] * 3
    finally:
        await world.close()


async def test_an_idle_time_is_folded(store_url: str) -> None:
    """W7: a minute of sleep between short steps is folded, said in the axis, on its line, and in the heading."""
    store = open_store(store_url)
    await store.open()
    try:
        events: list[tuple[float, ev.Event]] = [
            (0, ev.ExecutionStarted(workflow="w")), (0, ev.StepScheduled(number=1, name="before")),
            (1, ev.StepCompleted(number=1)), (1, ev.TimerStarted(number=2, due_us=START_US + 59 * S)),
            (59, ev.TimerFired(number=2)), (59, ev.StepScheduled(number=3, name="after")),
            (60, ev.StepCompleted(number=3)), (60, ev.ExecutionCompleted(number=4)),
        ]  # fmt: skip
        history = [
            ev.RecordedEvent(version, event.type, ev.encode_event(event), START_US + int(at_s * S))
            for version, (at_s, event) in enumerate(events, 1)
        ]
        row = ExecutionRow(
            id="naps", workflow="w", status="completed", inserted_at_us=START_US, last_version=len(history)
        )  # fmt: skip
        await store.commit(Batch(id="naps", starts=[Start(row=row, events=history)]))
    finally:
        await store.close()
    async with Walker.at(make_app(store_url, "naps"), (100, 24)) as walker:
        await walker.press("g")
        assert "⋯ 58s ⋯" in walker.text("#scale")
        before, sleep, after = lines(walker)
        assert "⋯ 58s ⋯" in sleep
        assert "folded 58s" in walker.text("#heading")
        assert before.count("█") > 20
        assert after.count("█") > 20


async def test_clicks(walker: Walker) -> None:
    """W7: a click on a name marks its line, one on the chart goes to the event of that time."""
    shown = screen(walker)
    await walker.pilot.click("#chart", offset=(4, 0))
    await walker.still()
    assert (shown.chart.cursor, shown.version) == (0, 2)
    axis = shown.chart.axis
    assert axis is not None
    cell = axis.cell(shown.story.at_us(9))
    await walker.pilot.click("#chart", offset=(shown.chart.plot_start + cell, 0))
    await walker.still()
    assert shown.version == 9
    await walker.press("y", "z")  # keys that mean nothing here


async def test_a_removed_execution_is_told(store_url: str) -> None:
    """W6: an execution that is not there is said to be missing, and the screen can be left."""
    app = make_app(store_url)
    async with Walker.at(app, (80, 24)) as walker:
        await app.push_screen(TimelineScreen("nobody", None))
        await walker.until(lambda: "no execution 'nobody'" in walker.said)
        await walker.press("j", "k", "l", "h", "+", "-", "0", "L", "H", "]", "end", "home", "q")
        assert walker.sees(ExecutionsScreen)
