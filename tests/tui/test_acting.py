"""Signals and cancelling, from the list and from the replay."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.acting.signal_dialog import SignalDialog
from cerebelum.tui.app import CerebelumApp
from cerebelum.tui.dialogs import Confirm
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.replay.screen import ReplayScreen
from cerebelum_cli.composition import opened, reading
from tests.engine.world import World
from tests.flows import travelled
from tests.tui.walker import NAMES, Walker, make_app


async def type_in(walker: Walker, text: str) -> None:
    await walker.pilot.press(*(NAMES.get(each, each) for each in text))
    await walker.still()


def value_of(walker: Walker, name: str) -> str:
    return walker.app.screen.query_one(name, Input).value


async def test_a_signal_is_sent_from_the_replay(tmp_path: Path) -> None:
    """W8: s names the signal that is waited for, takes JSON, refuses what is none and keeps it, and sends on enter."""
    url = f"sqlite:///{tmp_path}/live.db"
    world = await World.open(url)
    try:
        handle = await world.client.start(travelled.refund, id="waits")
        await world.until_status(handle, "waiting")
        async with Walker.at(make_app(url, "waits"), (80, 24)) as walker:
            await walker.press("s")
            assert walker.sees(SignalDialog)
            await walker.until(lambda: value_of(walker, "#name") == "approve")
            assert "it waits for approve" in walker.text()
            await type_in(walker, "yes")
            await walker.press("enter")
            assert "'yes' is not JSON" in walker.text()
            assert value_of(walker, "#value") == "yes"
            await walker.press("home", '"', "end", '"')
            assert "is not JSON" not in walker.text()
            await walker.press("enter")
            await walker.until(lambda: walker.sees(ReplayScreen))
            assert "sent signal 'approve' to waits" in walker.said
            assert await handle.result(20) == "refund of order-1: yes"
            await walker.until(lambda: walker.replay.past.row is not None and walker.replay.past.row.ended)
            await walker.press("s")
            assert "a signal would reach nobody" in walker.said
            await walker.press("x")
            assert "nothing to cancel" in walker.said
    finally:
        await world.close()


async def test_a_signal_without_a_name_or_a_value(tmp_path: Path) -> None:
    """W8: a name is needed, a value is not; escape sends nothing; tab goes round the lines."""
    url = f"sqlite:///{tmp_path}/live.db"
    world = await World.open(url)
    try:
        handle = await world.client.start(travelled.refund, id="waits")
        await world.until_status(handle, "waiting")
        async with Walker.at(make_app(url), (80, 24)) as walker:
            await walker.press("s")
            await walker.until(lambda: value_of(walker, "#name") == "approve")
            await walker.press("tab", "shift+tab")
            focused = walker.app.focused
            await walker.press(*("tab",) * 2)
            assert walker.app.focused is focused
            await walker.press("escape")
            assert walker.sees(ExecutionsScreen)
            await walker.press("s")
            await walker.until(lambda: value_of(walker, "#name") == "approve")
            walker.app.screen.query_one("#name", Input).value = ""
            await walker.press("enter")
            assert "a signal has a name" in walker.text()
            walker.app.screen.query_one("#name", Input).value = "approve"
            await walker.press("enter")
            await walker.until(lambda: walker.sees(ExecutionsScreen))
            assert "sent signal 'approve' to waits" in walker.said
            assert await handle.result(20) == "refund of order-1: None"
    finally:
        await world.close()


async def test_it_is_cancelled_from_the_replay(tmp_path: Path) -> None:
    """W8: x asks as in the list; no leaves it as it is, yes cancels it, and the replay shows it."""
    url = f"sqlite:///{tmp_path}/live.db"
    world = await World.open(url)
    try:
        handle = await world.client.start(travelled.refund, id="waits")
        await world.until_status(handle, "waiting")
        async with Walker.at(make_app(url, "waits"), (80, 24)) as walker:
            await walker.press("x")
            assert isinstance(walker.app.screen, Confirm)
            assert "Cancel waits (refund, waiting)?" in walker.app.screen.question
            await walker.press("n")
            assert "left as it is" in walker.said
            await walker.press("t", "x", "y")
            await world.until_status(handle, "cancelled")
            await walker.until(lambda: "CANCELLED" in walker.text("#heading"))
    finally:
        await world.close()


async def test_a_refused_write_is_said_where_it_was_asked_for(store_url: str, tmp_path: Path) -> None:
    """W8: where nothing may be written, the dialog says why and keeps what was typed; hostile text acts on nothing."""
    app = CerebelumApp(lambda: reading(store_url), lambda: opened(f"sqlite:///{tmp_path}/elsewhere.db"))
    async with Walker.at(app, (80, 24)) as walker:
        await walker.press("s")
        await walker.until(lambda: value_of(walker, "#name") == "approve")
        await type_in(walker, '{"by": "ann"}')
        await walker.press("enter")
        await walker.until(lambda: "there is no store" in walker.text())
        assert value_of(walker, "#value") == '{"by": "ann"}'
        dialog = walker.app.screen
        assert isinstance(dialog, SignalDialog)
        dialog._refuse("\x1b[2J\u202e")
        assert visible(dialog.said) == dialog.said
        await walker.press("escape")
        assert walker.sees(ExecutionsScreen)
