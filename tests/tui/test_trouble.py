"""The store is locked, gone, emptied or damaged while a screen is open, and text is hostile."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.errors_store import StoreUnreachable
from cerebelum.engine.domain.terminal_text import visible
from tests.tui.walker import Walker, make_app


async def test_a_locked_store_is_still_shown(store_file: Path, store_url: str) -> None:
    """W6: while another process holds the store for writing, one reads and walks as ever."""
    with closing(sqlite3.connect(store_file)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with Walker.at(make_app(store_url)) as walker:
            assert len(walker.executions.table.listing.rows) == 5
            await walker.press("j", "enter")
            assert "event" in walker.text("#heading")
            await walker.press("home", "j", "q")


async def test_a_store_that_is_gone_comes_back(store_file: Path, store_url: str) -> None:
    """W6: a store that cannot be reached is told in the last line; what was read stays, and it goes on when it is back."""
    app = make_app(store_url)
    async with Walker.at(app) as walker:

        async def fails(_: Engine) -> None:
            raise StoreUnreachable("orders.db is gone\n  help: bring it back")

        await app.read(fails)
        await walker.until(lambda: "is gone; what is shown may be old" in walker.text("#status"))
        assert len(walker.executions.table.listing.rows) == 5
        walker.executions.news()
        await walker.until(lambda: app.trouble == "")
        await walker.until(lambda: "enter replay" in walker.text("#status"))


async def test_a_store_that_is_gone_before_it_opens(store_file: Path, store_url: str) -> None:
    """W6: the interface waits for a store that is not there yet, says so, and shows it once it is."""
    aside = store_file.with_suffix(".aside")
    os.rename(store_file, aside)  # noqa: PTH104 - no Path of an async test
    app = make_app(store_url)
    async with app.run_test(size=(120, 30)) as pilot:
        walker = Walker(app, pilot)
        await walker.until(lambda: "there is no store" in walker.text("#status"))
        os.rename(aside, store_file)  # noqa: PTH104
        await walker.until(lambda: "order-1042" in walker.text("#table"))
        await walker.still()
        await walker.until(lambda: "enter replay" in walker.text("#status"))


async def test_a_store_that_is_emptied(store_file: Path, store_url: str) -> None:
    """W6, W7: what was removed leaves the list; a replay of it stays, says that it is gone, and can be left."""
    async with Walker.at(make_app(store_url, "order-1042")) as walker:
        with closing(sqlite3.connect(store_file)) as other:
            for table in ("history", "logs", "executions"):
                other.execute(f"DELETE FROM {table}")
            other.commit()
        await walker.until(lambda: "no execution 'order-1042'" in walker.said)
        await walker.press("k", "tab", "tab", "home")
        await walker.press("q")
        await walker.until(lambda: walker.executions.table.count == 0)
        await walker.press("j", "enter", "p", "y", "end")
        assert walker.executions.table.count == 0


async def test_an_unreadable_file_is_told(store_file: Path, store_url: str) -> None:
    """W6: a file that was overwritten while open is told as what it is, and the screen lives."""
    async with Walker.at(make_app(store_url)) as walker:
        store_file.write_bytes(b"no database" * 4096)  # noqa: ASYNC240 - a moment
        walker.executions.news()
        await walker.until(lambda: bool(walker.app.trouble))
        await walker.press("j", "k")
        assert len(walker.executions.table.listing.rows) == 5


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_hostile_text_cannot_act(store_url: str, size: tuple[int, int]) -> None:
    """W6, W7: controls, bidi marks and invisible characters in locals, logs, errors and payloads are shown, never sent."""
    app = make_app(store_url, "order-1041")
    async with Walker.at(app, size) as walker:
        shown = []
        await walker.press("home")
        for _ in range(6):
            await walker.press("j")
            for _ in range(6):
                await walker.press("tab")
                shown.append(walker.text())
        await walker.press("w")
        await walker.enter("again")
        shown.append(walker.text())
        await walker.press("q")
        await walker.press("j", "j")
        shown.append(walker.text())
    everything = "".join(shown)
    assert "\\x1b[2J" in everything
    assert "\\u202etxt.exe" in everything
    for text in shown:
        assert visible(text) == text


async def test_hostile_ids_and_filters(store_url: str) -> None:
    """W6: what is typed or pasted is shown as harmlessly as what is stored."""
    async with Walker.at(make_app(store_url)) as walker:
        walker.executions.filter_by("\x1b[2J\u202e")
        await walker.still()
        assert "\\x1b[2J\\u202e" in walker.text("#heading")
        walker.executions.filter_by("status:\x1b]0;x\x07")
        assert visible(walker.said) == walker.said
        await walker.base.run_command("goto \x1b[2J")
        assert visible(walker.said) == walker.said
