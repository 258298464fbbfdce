"""The second screen: an execution's past, and every key that moves through it."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cerebelum.connect import open_store
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.projection import reconstruct
from cerebelum.tui.replay.editor import editor_command
from cerebelum.tui.replay.past import on_disk
from cerebelum.tui.replay.tab_bar import TABS, TabBar
from tests.engine.world import World
from tests.flows import travelled
from tests.tui.walker import Walker, make_app

ORDER = "order-1042"


async def read_history(url: str, execution_id: str) -> list[RecordedEvent]:
    store = open_store(url, read_only=True)
    await store.open()
    try:
        return await store.read_history(execution_id)
    finally:
        await store.close()


@pytest.fixture
async def walker(store_url: str) -> AsyncIterator[Walker]:
    """Someone before the replay of a failed order, wide."""
    async with Walker.at(make_app(store_url, ORDER), (160, 50)) as walker:
        yield walker


@pytest.fixture
async def history(store_url: str) -> list[RecordedEvent]:
    """What the store has of the order."""
    return await read_history(store_url, ORDER)


async def test_three_forward_and_one_back_is_the_state_of_two_events(
    walker: Walker, history: list[RecordedEvent]
) -> None:
    """W7: after three forward and one backward key, the state shown is what the first two events alone give."""
    await walker.press("home", "j", "j", "j", "k")
    state = reconstruct(ORDER, history[:2])
    assert walker.replay.version == state.version == 2
    assert f"{state.status.upper()} · event 2/{len(history)}" in walker.text("#heading")
    frame = walker.replay.past.frame(2)
    assert frame is not None
    assert [wait.name for wait in frame.open] == [step.name for step in state.open_steps] == ["reserve_stock"]


async def test_every_event_shows_the_status_that_the_history_gives(
    walker: Walker, history: list[RecordedEvent]
) -> None:
    """W7, E17: forward through all events and back again, the status shown is that of the events up to there."""
    await walker.press("home")
    expected = [reconstruct(ORDER, history[:count]).status for count in range(len(history) + 1)]
    forth, back = [], []
    for _ in expected:
        forth.append(walker.replay.past.status(walker.replay.version))
        assert forth[-1].upper() in walker.text("#heading")
        await walker.press("j")
    for _ in expected:
        back.append(walker.replay.past.status(walker.replay.version))
        await walker.press("k")
    assert forth == expected
    assert back == expected[::-1]


async def test_it_begins_where_it_failed(walker: Walker, history: list[RecordedEvent]) -> None:
    """W7: a failed execution opens at the failure behind its end, with the line that waited and its locals."""
    assert history[walker.replay.version - 1].type == "step_failed"
    assert "▶" in walker.text("#source")
    assert "tracking = await ship(zip_code)" in walker.text("#source")
    assert "charge: Charge(id='ch_91', amount=42)" in walker.text("#locals")
    assert "s3cret" not in walker.text("#locals")


async def test_walking_by_steps_failures_and_numbers(walker: Walker, history: list[RecordedEvent]) -> None:
    """W7: h and l stay with the step, brackets go from failure to failure, 12G and counts go where they say."""
    types = [event.type for event in history]
    failures = [version for version, kind in enumerate(types, 1) if kind.endswith("failed")]
    await walker.press("home", "]")
    assert walker.replay.version == failures[0]
    await walker.press("]")
    assert walker.replay.version == failures[1]
    await walker.press("[")
    assert walker.replay.version == failures[0]
    await walker.press("[")
    assert "nothing failed before" in walker.said
    await walker.press("l")
    assert types[walker.replay.version - 1] == "step_completed"  # the same step's next attempt
    await walker.press("left", "h")
    assert types[walker.replay.version - 1] == "step_scheduled"
    await walker.press("h")
    assert "no earlier event of the same step" in walker.said
    await walker.press("right")
    assert walker.replay.version == failures[0]
    await walker.press("1", "2", "G")
    assert walker.replay.version == 12
    await walker.press("3", "k")
    assert walker.replay.version == 9
    await walker.press("9", "9", "9", "G")
    assert walker.replay.version == len(history)
    assert "there is no event 999" in walker.said
    await walker.press("home")
    assert walker.replay.version == 0
    await walker.press("G")
    assert walker.replay.version == len(history)
    await walker.press("home", "pagedown", "pageup", "down", "down", "up")
    assert walker.replay.version == 1
    await walker.press("end", ":")
    await walker.enter("4")
    assert walker.replay.version == 4


async def test_time_plays(walker: Walker, history: list[RecordedEvent]) -> None:
    """W7: space plays from the beginning and stops, + and - change the speed, and the end stops it."""
    await walker.press("end", "-", "-", "-", "space")
    assert "▶ 1/s" in walker.text("#heading")
    await walker.press("space")
    assert "▶ 1/s" not in walker.text("#heading")
    await walker.press("space", "+", "=", "+", "+", "+", "+", "+")
    assert "64 events a second" in walker.said
    await walker.until(lambda: not walker.replay.is_playing)
    assert walker.replay.version == len(history)


async def test_every_tab(walker: Walker) -> None:
    """W7: tab goes round source, context, payload, logs and watches; each shows the event, its future dim or absent."""
    bar = walker.replay.query_one(TabBar)
    seen = []
    for _ in range(5):
        seen.append(bar.active)
        await walker.press("tab")
    assert seen == [name for name in TABS if name != "locals"]
    assert bar.active == "source"
    await walker.press("home", "2", "j", "tab")
    assert "open      step reserve_stock" in walker.text("#context")
    await walker.press("tab")
    assert '"name": "reserve_stock"' in walker.text("#payload")
    await walker.press("J", "K", "y")
    assert '"reserve_stock"' in walker.app.clipboard
    await walker.press("tab")
    assert "logs · 0 of " in str(walker.replay.query_one("#logs").border_title)
    await walker.press("end")
    lines = len(walker.replay.past.logs)
    assert f"logs · {lines} of {lines} so far" in str(walker.replay.query_one("#logs").border_title)
    assert "charging 42" in walker.text("#logs")
    await walker.press("y")
    assert "reserving lamp" in walker.app.clipboard
    await walker.press("tab")
    assert "nothing is watched" in walker.text("#watches")
    await walker.press("shift+tab")
    assert bar.active == "logs"


async def test_the_cause_of_a_value(walker: Walker) -> None:
    """W7: c goes to the event at which the marked local got its value, and again to the one before."""
    await walker.press("J", "J")
    selected = walker.replay.beside
    assert "total" in walker.text("#locals").split("\n")[selected.cursor + 1]  # below the border
    await walker.pilot.click("#locals", offset=(4, 3))
    await walker.press("c")
    assert "~ total: 0 → 42" in walker.text("#locals")
    assert "locals · 2 changed" in str(walker.replay.query_one("#locals").border_title)
    changed_at = walker.replay.version
    await walker.press("c")
    assert walker.replay.version < changed_at
    assert "+ total: 0" in walker.text("#locals")
    await walker.press("c")
    assert "total did not change before" in walker.said
    await walker.press("K", "y")
    assert "copied token" in walker.said
    assert walker.app.clipboard == "•••"


async def test_a_watch_over_the_whole_past(walker: Walker) -> None:
    """W7: w follows a path over all events; its changes are listed, c goes to them; what is no path is refused."""
    await walker.press("w")
    await walker.enter("charge.amount")
    assert "charge.amount: gone, it was 42" in walker.text("#watches")
    await walker.press("[", "[")
    assert "charge.amount: not there yet" in walker.text("#watches")
    await walker.press("j")
    assert "+ charge.amount: 42" in walker.text("#watches")
    await walker.press("w")
    await walker.enter("open('x')")
    assert "cannot watch" in walker.said
    await walker.press("w")
    await walker.enter("total")
    shown = walker.text("#watches")
    assert shown.count("event") == 5  # the charge came and went; the total came, changed and went
    await walker.press("J", "c")
    assert "total: 0 → 42" in walker.text("#watches")
    await walker.press("w", "enter", "w", "escape")
    assert walker.replay.past.watches == ["charge.amount", "total"]


async def test_searching(walker: Walker, history: list[RecordedEvent]) -> None:
    """W7: / finds in the events' lines, n and N go on round both ends, and nothing found is told."""
    await walker.press("home", "n")
    assert "nothing was searched for yet" in walker.said
    await walker.press("/")
    await walker.enter("NOTIFY")
    found = [walker.replay.version]
    for _ in range(3):
        await walker.press("n")
        found.append(walker.replay.version)
    assert found == sorted(set(found))
    await walker.press("n")
    assert walker.replay.version == found[0]
    assert "went on from the first event" in walker.said
    await walker.press("N")
    assert walker.replay.version == found[-1]
    await walker.press("/", *("backspace",) * 6)
    await walker.enter("never there")
    assert "no event has" in walker.said


async def test_the_editor(walker: Walker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """W7: e says what is missing rather than fail; the command names file and line as the editor wants them."""
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    await walker.press("e")
    assert "not on disk any more" in walker.said
    place = walker.replay.marked_place()
    assert place is not None
    (tmp_path / "tests" / "flows").mkdir(parents=True)
    (tmp_path / on_disk(place[0])).write_text("here\n", encoding="utf-8")
    await walker.press("e")
    assert "set EDITOR" in walker.said
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\n", encoding="utf-8")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("EDITOR", str(editor))
    await walker.press("e")
    assert "cannot be opened from here" in walker.said  # without a terminal there is nothing to step aside from
    await walker.press("home", "e")
    assert "no code stands" in walker.said
    assert editor_command("a.py", 3, {"EDITOR": "vim -u NONE"}) == ["vim", "-u", "NONE", "+3", "a.py"]
    assert editor_command("a.py", 3, {"VISUAL": "code -w", "EDITOR": "vi"}) == ["code", "-w", "--goto", "a.py:3"]
    assert editor_command("a.py", 3, {"EDITOR": "hx"}) == ["hx", "a.py:3"]


async def test_the_tail_follows_what_comes(tmp_path: Path) -> None:
    """W7, M8: with t the newest event is shown as another process records it; without, one stays where one is."""
    url = f"sqlite:///{tmp_path}/live.db"
    world = await World.open(url)
    try:
        handle = await world.client.start(travelled.refund, id="refund-1")
        await world.until_status(handle, "waiting")
        async with Walker.at(make_app(url, "refund-1"), (120, 36)) as walker:
            before = walker.replay.version
            await walker.press("t")
            assert "live" in walker.text("#heading")
            await handle.signal("approve", "yes")
            await walker.until(lambda: "COMPLETED" in walker.text("#heading"))
            await walker.still()
            assert walker.replay.version == len(walker.replay.past.index) > before
            assert walker.replay.past.made == len(walker.replay.past.index)
            await walker.press("t")
            assert "live" not in walker.text("#heading")
            await walker.press("t", "k")
            assert "live" not in walker.text("#heading")
    finally:
        await world.close()


async def test_narrow(store_url: str) -> None:
    """W7: in 80 by 24 the right side stands below, the locals have a tab, and the event is still told in full."""
    async with Walker.at(make_app(store_url, ORDER, at=6), (80, 24)) as walker:
        assert walker.replay.version == 6
        assert "order-1042" in walker.text("#heading")
        assert "[source]" in walker.text("#tabs")
        assert "locals ~" in walker.text("#tabs")
        await walker.press("tab")
        assert "charge: Charge" in walker.text("#locals")
        await walker.press("J", "c")
        await walker.pilot.resize_terminal(160, 40)
        await walker.still()
        assert walker.replay.query_one("#locals").display
        await walker.pilot.resize_terminal(30, 8)
        await walker.still()
        assert "order-1042" in walker.text("#heading")


async def test_the_mouse(walker: Walker, history: list[RecordedEvent]) -> None:
    """W7: a click on an event, on the strip or on a tab goes there; one on a value marks it."""
    await walker.pilot.click("#events", offset=(5, 3))
    await walker.still()
    assert walker.replay.version == 3
    await walker.pilot.click("#strip", offset=(1, 0))
    await walker.still()
    assert walker.replay.version == 1
    await walker.pilot.click("#strip", offset=(158, 0))
    await walker.still()
    assert walker.replay.version == len(history)
    assert "total" in walker.text("#locals").split("\n")[3]
    await walker.pilot.click("#locals", offset=(4, 3))
    await walker.still()
    await walker.press("y")
    assert "copied total" in walker.said
    await walker.pilot.click("#tabs", offset=(12, 0))
    await walker.still()
    assert walker.replay.query_one(TabBar).active == "context"


async def test_without_the_code_that_ran(store_file: Path, store_url: str) -> None:
    """W7, E15: where the store kept no source, events, status and payloads are shown, and what is missing is said."""
    import sqlite3

    with sqlite3.connect(store_file) as connection:
        connection.execute("DELETE FROM workflows")
    connection.close()
    async with Walker.at(make_app(store_url, ORDER), (120, 36)) as walker:
        assert "process_order" in walker.text("#locals")
        await walker.press("home", "j", "j")
        assert "event 2/" in walker.text("#heading")
        assert "WAITING" in walker.text("#heading") or "RUNNING" in walker.text("#heading")
        await walker.press("tab", "tab")
        assert "reserve_stock" in walker.text("#payload")
