"""Breakpoints in the replay: set on lines of the code that ran, seen without colour, run to forwards and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cerebelum.engine.application.replay import replay_execution
from cerebelum.engine.runtime.frames import Frame
from cerebelum.tui.replay.source_pane import BREAKPOINT, SourcePane
from cerebelum_cli.composition import reading
from tests.tui.walker import Walker, make_app

ORDER = "order-1042"


@pytest.fixture
async def frames(store_url: str) -> list[Frame]:
    """Those of a fresh replay of a failed order."""
    async with reading(store_url) as engine:
        return list(await replay_execution(engine, ORDER))


@pytest.fixture
async def walker(store_url: str) -> AsyncIterator[Walker]:
    """Someone before its replay, wide."""
    async with Walker.at(make_app(store_url, ORDER), (160, 50)) as walker:
        yield walker


def on_line(frames: list[Frame], *lines: int) -> list[int]:
    """Return the events in which any task stands on one of the lines."""
    return [
        frame.version
        for frame in frames
        if any(entry.line in lines for task in frame.tasks for entry in task.stack)
    ]  # fmt: skip


def line_of(frames: list[Frame], version: int) -> int:
    return frames[version - 1].tasks[0].stack[-1].line


def marked_lines(walker: Walker) -> list[str]:
    return [line for line in walker.text("#source").split("\n") if f"{BREAKPOINT} " in line]


async def test_n_and_capital_n_run_to_the_events_on_a_breakpoint(walker: Walker, frames: list[Frame]) -> None:
    """W7: b sets a breakpoint on the line one stands on; n and N go through all events that stand there, and no others."""
    await walker.press("home", "j", "j")
    line = line_of(frames, 2)
    await walker.press("b")
    assert f"breakpoint on travelled.py:{line}" in walker.said
    (marked,) = marked_lines(walker)
    assert f"▶{line}{BREAKPOINT} " in marked
    await walker.press("end", "b", "home")
    assert "stands" in walker.said or walker.replay.version == 0
    stops = on_line(frames, *[place[1] for place in walker.replay.breakpoints])
    went = []
    for _ in stops:
        await walker.press("n")
        went.append(walker.replay.version)
    assert went == stops
    await walker.press("n")
    assert "no later event stands on a line with a breakpoint" in walker.said
    assert walker.replay.version == stops[-1]
    back = []
    for _ in stops[1:]:
        await walker.press("N")
        back.append(walker.replay.version)
    assert back == stops[-2::-1]
    await walker.press("N")
    assert "no earlier event" in walker.said


async def test_a_line_is_named_by_its_number(walker: Walker, frames: list[Frame]) -> None:
    """W7: 70b is the line 70, stood on or not; typed again it is cleared; a line that is not there is told."""
    await walker.press("home", "j")
    line = line_of(frames, len(frames) - 2)
    await walker.press(*str(line), "b")
    assert walker.replay.version == 1
    assert f"breakpoint on travelled.py:{line}" in walker.said
    await walker.press("n")
    assert walker.replay.version == on_line(frames, line)[0]
    await walker.press("7", "j", *str(line), "b")  # the number of a walk is used up by it
    assert f"no breakpoint on travelled.py:{line} any more · none is left" in walker.said
    assert marked_lines(walker) == []
    await walker.press(*"9999", "b")
    assert "there is no line 9,999 in travelled.py: it has " in walker.said
    await walker.press("n")
    assert "nothing was searched for yet: /  and no breakpoint is set: b" in walker.said


async def test_other_tasks_count_as_well(walker: Walker, frames: list[Frame]) -> None:
    """W7: an event in which any task stands on the line is one to stop at, not the first task's alone."""
    several = next(frame for frame in frames if len(frame.tasks) > 1)
    line = several.tasks[-1].stack[-1].line
    await walker.press("home", "j", *str(line), "b", "n")
    assert walker.replay.version == on_line(frames, line)[0] <= several.version


async def test_what_was_asked_for_last_decides(walker: Walker, frames: list[Frame]) -> None:
    """W7: after a search n goes to matches, after a breakpoint to that; once all are cleared, to matches again."""
    await walker.press("home", "j", "b", "/")
    await walker.enter("notify")
    first = walker.replay.version
    await walker.press("n")
    second = walker.replay.version
    assert "notify" in frames[second - 1].summary
    await walker.press("home", "j", "j", "b")  # a second time on the same line: cleared, none is left
    await walker.press("home", "n")
    assert walker.replay.version == first
    await walker.press("b")
    stops = on_line(frames, line_of(frames, first))
    await walker.press("home", "n")
    assert walker.replay.version == stops[0]
    await walker.press("/", "enter")
    assert walker.replay.version in (first, second)
    await walker.press("N", "?")
    assert "breakpoint" in walker.text()


async def test_where_no_code_stands(walker: Walker) -> None:
    """W7: before the first event there is no line to mark, which is told rather than done."""
    await walker.press("home", "b")
    assert "no code stands anywhere at this event" in walker.said
    assert walker.replay.breakpoints == set()
    await walker.press("5", "b")
    assert walker.replay.breakpoints == set()


async def test_the_line_marked_in_a_narrow_window(store_url: str, frames: list[Frame]) -> None:
    """W7: with the source alone beside the events, J and K move a mark over its lines, with a sign of its own."""
    async with Walker.at(make_app(store_url, ORDER, at=4), (80, 24)) as walker:
        here = line_of(frames, 4)
        pane = walker.replay.query_one(SourcePane)
        assert pane.marked == here
        await walker.press("J", "J", "J", "K")
        assert pane.marked == here + 2
        assert f">{here + 2}" in walker.text("#source")
        assert f"▶{here}" in walker.text("#source")
        await walker.press("b")
        (marked,) = marked_lines(walker)
        assert f"{here + 2}{BREAKPOINT}" in marked
        await walker.press("y")
        assert walker.app.clipboard.endswith(f"travelled.py:{here + 2}")
        await walker.press("j", "k")
        assert pane.marked == here  # another event begins at the line on which it stands
        await walker.press("tab", "b")  # beside anything else it is the line on which code stands
        assert f"breakpoint on travelled.py:{here}" in walker.said
        await walker.press("shift+tab", *(["K"] * 200))
        assert pane.marked == 1
        await walker.press(*(["J"] * 200))
        assert pane.marked == pane.count


async def test_a_click_marks_a_line(walker: Walker, frames: list[Frame]) -> None:
    """W7: a click on a line of the source marks it, for b and e."""
    pane: Any = walker.replay.query_one(SourcePane)
    await walker.pilot.click("#source", offset=(10, 3))
    await walker.still()
    marked = pane.marked
    assert marked == round(pane.scroll_offset.y) + 3  # below the border
    assert f">{marked}" in walker.text("#source").split("\n")[3]
    await walker.press("b")
    assert f"travelled.py:{marked}" in walker.said
    assert len(marked_lines(walker)) == 1
    await walker.press("b")
    assert marked_lines(walker) == []
