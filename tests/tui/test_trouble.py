"""The store is locked, gone, emptied or damaged while a screen is open, and text is hostile."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

import pytest

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.errors_store import StoreUnreachable
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.places import PLACES, Place
from cerebelum_cli.composition import reading
from tests.servers.postgres import PostgresServer
from tests.tui import frozen
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


# -- the store changes under an open screen ----------------------------------------------------------------------------
SCREENS = [pytest.param(None, id="list"), pytest.param("order-1042", id="replay")]


def holds(walker: Walker, execution_id: str | None) -> bool:
    """Return whether a screen still has what it had read."""
    if execution_id is None:
        return len(walker.executions.table.listing.rows) == 5
    return len(walker.replay.past.index) == 14 and walker.replay.version == 11


async def at_its_place(walker: Walker, execution_id: str | None) -> None:
    """Go somewhere that is not where a screen begins."""
    await walker.press(*(("j", "j") if execution_id is None else ("home", *"11G")))
    assert holds(walker, execution_id)


async def still_there(walker: Walker, execution_id: str | None, said: str) -> None:
    """The sentence is on the screen, what was read can be walked, and nothing is lost by it."""
    await walker.until(lambda: said in walker.base.status.trouble)  # the line cuts it where it is long
    await walker.until(lambda: walker.text("#status").strip().startswith("✗ "))
    await walker.pilot.press("j", "k", "j", "k", "question_mark", "escape")
    assert holds(walker, execution_id)


async def well_again(walker: Walker, execution_id: str | None) -> None:
    """The sentence leaves by itself, and what is read is shown."""
    await walker.until(lambda: walker.app.trouble == "" and "✗" not in walker.text("#status"))
    await walker.still()
    assert holds(walker, execution_id)


def change(file: Path, *statements: str) -> None:
    """Write to the store as another process does."""
    with closing(sqlite3.connect(file)) as other:
        for statement in statements:
            other.execute(statement)
        other.commit()


@pytest.mark.parametrize("execution_id", SCREENS)
async def test_a_store_that_another_holds_alone(store_file: Path, store_url: str, execution_id: str | None) -> None:
    """W6, W7: while another process holds it EXCLUSIVE, nothing is noticed where one reads, and it says so where one acts."""
    app = make_app(store_url, execution_id)
    with closing(sqlite3.connect(store_file, isolation_level=None)) as other:
        async with Walker.at(app) as walker:
            await at_its_place(walker, execution_id)
            other.execute("BEGIN EXCLUSIVE")
            walker.base.news()
            await walker.still()
            assert app.trouble == ""
            assert holds(walker, execution_id)
            other.execute("ROLLBACK")


@pytest.mark.parametrize("execution_id", SCREENS)
async def test_a_store_that_is_locked_when_it_opens(store_file: Path, store_url: str, execution_id: str | None) -> None:
    """W6, W7: a store that another process keeps to itself is told as such, for as long as it is; then it opens by itself."""
    app = make_app(store_url, execution_id)
    other = sqlite3.connect(store_file, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    async with app.run_test(size=(120, 36)) as pilot:
        walker = Walker(app, pilot)
        await walker.until(lambda: "locked" in app.trouble)
        await walker.until(lambda: "locked" in walker.text("#status"))
        other.close()
        await walker.until(lambda: app.trouble == "")
        await walker.still()
        shown = "order-1042" if execution_id is None else "event 13/14"
        await walker.until(lambda: shown in walker.text())


@pytest.mark.parametrize("execution_id", SCREENS)
async def test_a_file_that_is_deleted(store_file: Path, store_url: str, execution_id: str | None) -> None:
    """W6, W7: a deleted store is noticed though the open file can be read on; once it is back, so is the screen."""
    kept = store_file.with_suffix(".kept")
    shutil.copy(store_file, kept)
    app = make_app(store_url, execution_id)
    async with Walker.at(app) as walker:
        await at_its_place(walker, execution_id)
        os.unlink(store_file)  # noqa: PTH108 - no Path of an async test
        await still_there(walker, execution_id, "is gone: it was moved or deleted; what is shown may be old")
        tries, before = 0, app._look

        def look() -> AbstractAsyncContextManager[Engine]:
            nonlocal tries
            tries += 1
            return before()

        app._look = look
        await walker.until(lambda: tries >= 3)  # reads that wait since the first try get what the last one opens
        await still_there(walker, execution_id, "there is no store at")
        os.rename(kept, store_file)  # noqa: PTH104
        await well_again(walker, execution_id)
        change(store_file, "UPDATE executions SET current_step = 'seen again' WHERE id = 'refund-7'")
        if execution_id is None:
            await walker.until(lambda: "seen again" in walker.text("#table"))


@pytest.mark.parametrize("execution_id", SCREENS)
async def test_a_file_that_is_replaced(store_file: Path, store_url: str, execution_id: str | None) -> None:
    """W6, W7: where another store is put in its place that one is shown; a replay of what it does not have says so and stays."""
    other = store_file.with_suffix(".other")
    shutil.copy(store_file, other)
    change(other, "DELETE FROM executions WHERE id = 'order-1042'", "PRAGMA user_version = 7")
    app = make_app(store_url, execution_id)
    async with Walker.at(app) as walker:
        await at_its_place(walker, execution_id)
        os.replace(other, store_file)  # noqa: PTH105
        await walker.until(lambda: "was replaced by another file" in app.trouble)
        await walker.until(lambda: app.trouble == "")
        if execution_id is None:
            await walker.until(lambda: len(walker.executions.table.listing.rows) == 4)
            assert walker.executions.table.cursor in range(4)
        else:
            await walker.until(lambda: "no execution 'order-1042'" in walker.said)
            assert holds(walker, execution_id)


@pytest.mark.parametrize("execution_id", SCREENS)
async def test_a_store_that_a_newer_release_upgraded(
    store_file: Path, store_url: str, execution_id: str | None
) -> None:
    """W6, W7: a schema that this release does not know is told at once, and nothing more is read of it until it fits."""
    app = make_app(store_url, execution_id)
    async with Walker.at(app) as walker:
        await at_its_place(walker, execution_id)
        change(store_file, "UPDATE alembic_version SET version_num = '0999'")
        await still_there(walker, execution_id, "was made by a newer Cerebelum (schema 0999")
        change(store_file, "UPDATE alembic_version SET version_num = '0002'")
        await well_again(walker, execution_id)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
async def test_every_other_screen_bears_it_too(store_file: Path, store_url: str, place: Place) -> None:
    """W6, W8: upgraded, deleted and back again while it is open: each screen says so, keeps what it shows, and goes on."""
    kept = store_file.with_suffix(".kept")
    shutil.copy(store_file, kept)
    app = make_app(store_url, "order-1042")
    async with Walker.at(app) as walker:
        await walker.base.run_command(place.name) if place.of_one else await app.push_screen(place.make("", None))
        await walker.still()
        if walker.base.query(".asking"):  # compare: with which other one?
            await walker.enter("greet-1")
        shown = walker.text("#heading")
        change(store_file, "UPDATE alembic_version SET version_num = '0999'")
        await walker.until(lambda: "was made by a newer Cerebelum" in walker.base.status.trouble)
        await walker.pilot.press("question_mark", "escape")
        change(store_file, "UPDATE alembic_version SET version_num = '0002'")
        await walker.until(lambda: app.trouble == "")
        os.unlink(store_file)  # noqa: PTH108 - no Path of an async test
        await walker.until(lambda: "moved or deleted" in walker.base.status.trouble)
        os.rename(kept, store_file)  # noqa: PTH104
        await walker.until(lambda: app.trouble == "" and "✗" not in walker.text("#status"))
        await walker.still()
        assert walker.text("#heading") == shown
        await walker.press("j", "k")


@pytest.mark.parametrize("execution_id", SCREENS)
async def test_a_server_that_stops_and_starts(
    postgres: PostgresServer, migrated_postgres_url: str, execution_id: str | None
) -> None:
    """W6, W7: a PostgreSQL that is stopped is told; once it serves again, the screen goes on by itself."""
    await frozen.write(migrated_postgres_url, *await frozen.run_all())
    opened = closed = 0

    @asynccontextmanager
    async def look() -> AsyncIterator[Engine]:
        nonlocal opened, closed
        opened += 1
        try:
            async with reading(migrated_postgres_url) as engine:
                yield engine
        finally:
            closed += 1

    app = make_app(migrated_postgres_url, execution_id)
    app._look = look
    async with Walker.at(app) as walker:
        await at_its_place(walker, execution_id)
        with postgres.stopped("immediate"):
            await walker.until(lambda: bool(app.trouble))
            await still_there(walker, execution_id, "what is shown may be old")
        await well_again(walker, execution_id)
    await walker.until(lambda: opened == closed)  # no connection is left behind
