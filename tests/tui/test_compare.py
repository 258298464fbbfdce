"""Compare: two executions, event by event, and every key of the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.compare.screen import CompareScreen
from cerebelum.tui.compare.side_list import SideList
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.lines import TextPane
from cerebelum.tui.replay.screen import ReplayScreen
from cerebelum_cli.composition import opened
from tests.tui.frozen import FORK, ORDER, mend
from tests.tui.walker import Walker, make_app


@pytest.fixture
async def walker(forked_url: str) -> AsyncIterator[Walker]:
    """Someone before the comparison of the fork with its original, wide."""
    async with Walker.at(make_app(forked_url, FORK), (120, 36)) as walker:
        await walker.press("d")
        yield walker


def compare(walker: Walker) -> CompareScreen:
    screen = walker.app.screen
    assert isinstance(screen, CompareScreen)
    return screen


def line(walker: Walker, side: str) -> str:
    """Return the line under the mark on a side."""
    shown = [each for each in walker.text(side).split("\n") if "▶" in each[:3] or "▷" in each[:3]]
    return next(each for each in shown if "order-1042" not in each)


async def test_a_fork_is_compared_with_its_original(walker: Walker) -> None:
    """W7, E16: it opens at the first difference, which is marked and named, with what differs and the payload below."""
    screen = compare(walker)
    assert screen.found is not None
    assert (screen.found.first.id, screen.found.second.id) == (ORDER, FORK)
    assert screen.at == screen.found.first_divergence
    heading = walker.text("#heading")
    assert f"- {ORDER} · process_order@" in heading
    assert f"+ {FORK} · process_order@" in heading
    assert "forked at event 10" in heading
    assert "they first differ at 6 step_completed charge_card" in heading
    for side in ("#first", "#second"):
        assert "◆" in line(walker, side)
        assert "step_completed" in line(walker, side)
    assert "result.amount: 42 → 5" in walker.text("#detail")
    assert f"event 6 of {FORK}" in walker.text("#detail")


async def test_walking(walker: Walker) -> None:
    """W7: j and k walk pairs on both sides, brackets go from difference to difference, and both ends are ends."""
    screen = compare(walker)
    assert screen.found is not None
    first, last = screen.found.first_divergence, len(screen.found.pairs) - 1
    assert first is not None
    for key, at in (
        ("j", first + 1), ("down", first + 2), ("k", first + 1), ("up", first), ("home", 0), ("k", 0), ("up", 0), ("end", last),
        ("j", last), ("home", 0), ("]", first), ("[", first), ("]", 10), ("]", 11), ("[", 10), ("[", first), ("home", 0),
        ("pagedown", last), ("pageup", 0),
    ):  # fmt: skip
        await walker.press(key)
        assert (key, screen.at) == (key, at)
        for side in screen.query(SideList):
            assert side.cursor == at
    await walker.press("[")
    assert "nothing differs before" in walker.said
    await walker.press("end", "]")
    assert "nothing differs after" in walker.said
    assert "no such event" in line(walker, "#second")


async def test_sides_and_the_replay_of_one(walker: Walker) -> None:
    """W7: tab changes the side, enter opens its replay at its event, or at its last one before."""
    screen = compare(walker)
    assert screen.side == 1
    await walker.press("enter")
    assert walker.sees(ReplayScreen)
    assert (walker.replay.past.execution_id, walker.replay.version) == (FORK, 6)
    await walker.press("q", "end", "enter")
    assert (walker.replay.past.execution_id, walker.replay.version) == (FORK, 10)
    await walker.press("q", "tab")
    assert "▶ - order-1042" in walker.text("#first").split("\n")[0]
    assert f"event 14 of {ORDER}" in walker.text("#detail")
    await walker.press("enter")
    assert (walker.replay.past.execution_id, walker.replay.version) == (ORDER, 14)
    await walker.press("q", "shift+tab")
    assert screen.side == 1
    detail = screen.query_one("#detail", TextPane)
    await walker.press("J", "J", "K")
    assert detail.scroll_offset.y == 1
    await walker.press("home", "]", "y")
    assert "copied what differs" in walker.said
    assert "result.amount: 42 → 5" in walker.app.clipboard
    await walker.pilot.click("#first", offset=(5, 3))
    await walker.still()
    assert (screen.side, screen.at) == (0, 2)
    await walker.press("?", "escape", "escape")
    assert walker.sees(ReplayScreen)


async def test_another_one_is_asked_for(forked_url: str) -> None:
    """W7: what was no fork is compared with what is named; prefixes and @last do as for goto, what is wrong is refused."""
    async with Walker.at(make_app(forked_url), (120, 36)) as walker:
        await walker.press("end", "d")
        assert compare(walker).prompt.has_class("asking")
        assert "compare with" in walker.text()
        await walker.enter("nowhere")
        assert "no execution 'nowhere'" in walker.said
        for text, said in (("greet-1", "is this one"), ("order-104", "order-104")):
            await walker.press("d")
            await walker.enter(text)
            assert said in walker.said
        await walker.press("d")
        await walker.enter("greet-2")
        assert "no event differs" in walker.text("#heading")
        assert "the same" in walker.text("#detail")
        await walker.press("d", "escape", "d")
        await walker.enter("@last")
        assert "they first differ at 1 execution_started" in walker.text("#heading")
        assert compare(walker).found is not None
        assert "code" in compare(walker).query_one("#detail", TextPane).text
        await walker.press(":")
        await walker.enter("theme light")
        assert walker.app.theme == "cerebelum-light"
        await walker.press(":")
        await walker.enter("goto greet-1")
        assert walker.sees(ReplayScreen)
        await walker.press("q", "q")
        assert walker.sees(ExecutionsScreen)
        await walker.press(":")
        await walker.enter("compare")
        assert walker.sees(CompareScreen)


async def test_narrow(forked_url: str) -> None:
    """W7: in 80 by 24 one stands under the other, and the lines are still those of pairs."""
    async with Walker.at(make_app(forked_url, FORK), (80, 24)) as walker:
        await walker.press("d")
        first, second = compare(walker).sides
        assert first.region.y < second.region.y
        assert first.region.x == second.region.x
        shown = walker.text()
        assert "▷◆   6 ✓ step_completed" in shown
        assert "▶◆   6 ✓ step_completed" in shown
        assert "result.amount: 42 → 5" in walker.text("#detail")
        await walker.pilot.resize_terminal(160, 40)
        await walker.still()
        assert first.region.y == second.region.y
        await walker.pilot.resize_terminal(20, 6)
        await walker.press("j", "tab", "]")


async def test_what_comes_is_shown(store_url: str) -> None:
    """W7: an origin that is gone is told; what another process writes is compared as it comes."""
    async with Walker.at(make_app(store_url, ORDER), (120, 36)) as walker:
        await walker.press("d")
        await walker.enter("refund-7")
        found = compare(walker).found
        await walker.press("home")
        async with opened(store_url) as engine:
            from cerebelum.engine.application.control import signal

            await signal(engine, "refund-7", "approve", True)
            await mend(engine)
        await walker.still()
        assert compare(walker).found is found  # a message is no event
        assert compare(walker).at == 0
    import sqlite3

    with sqlite3.connect(store_url.removeprefix("sqlite:///")) as connection:
        connection.execute("DELETE FROM executions WHERE id = ?", (ORDER,))
    connection.close()
    async with Walker.at(make_app(store_url, FORK), (120, 36)) as walker:
        await walker.press("d")
        assert f"{ORDER}, which it was forked from, is not there any more" in walker.said


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_hostile_text(store_url: str, size: tuple[int, int]) -> None:
    """W6: controls and bidi marks in payloads, names, logs and ids are shown, never sent."""
    async with Walker.at(make_app(store_url, "order-1041"), size) as walker:
        await walker.press("d")
        await walker.enter("order-1042")
        shown = [walker.text()]
        for key in ("j", "J", "tab", "j", "j", "]", "]", "end"):
            await walker.press(key)
            shown.append(walker.text())
        everything = "".join(shown)
        for text in shown:
            assert visible(text) == text
        assert "\\x1b" in everything
        await compare(walker)._compare_with("\x1b[2J\u202e")
        assert visible(walker.said) == walker.said
        assert walker.said
