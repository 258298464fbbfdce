"""The first screen: what it lists, and every key of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from textual.widgets import Input

from cerebelum.connect import open_store
from cerebelum.engine.application import query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Batch, ExecutionFilter
from cerebelum.tui.dialogs import Confirm, Help
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.replay.screen import ReplayScreen
from tests.conftest import urls_of
from tests.engine.world import World
from tests.flows import travelled
from tests.tui.walker import Walker, make_app


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: object) -> str:
    """An empty store of both kinds that processes share."""
    return urls_of(request, tmp_path)()  # type: ignore[arg-type]


async def test_rows_appear_and_change_while_a_flow_runs(url: str) -> None:
    """W6: the list shows what another process starts, and each status it comes to, on SQLite and on PostgreSQL."""
    world = await World.open(url)
    try:
        first = await world.client.start(travelled.greet, id="first")
        await first.result(20)
        async with Walker.at(make_app(url)) as walker:
            table = walker.executions.table
            assert [row.id for row in table.listing.rows] == ["first"]
            waits = await world.client.start(travelled.refund, id="waits")
            await walker.until(lambda: [row.id for row in table.listing.rows] == ["waits", "first"])
            await walker.until(lambda: table.listing.rows[0].status == "waiting")
            await walker.until(lambda: "◷ waiting" in walker.text("#table"))
            assert table.selected is not None
            assert table.selected.id == "first"  # the mark stays with what it was put on
            await waits.signal("approve", True)
            await walker.until(lambda: table.listing.rows[0].status == "completed")
            await walker.until(lambda: walker.executions.counts.get("completed") == 2)
    finally:
        await world.close()


def shows_first(walker: Walker, status: str) -> bool:
    return walker.executions.table.listing.rows[0].status == status


async def test_an_execution_is_paused_resumed_and_cancelled(url: str) -> None:
    """W8, W6: each of the three is asked for, confirmed, and done by the node that runs it; no leaves all as it is."""
    world = await World.open(url)
    try:
        handle = await world.client.start(travelled.refund, id="waits")
        await world.until_status(handle, "waiting")
        async with Walker.at(make_app(url)) as walker:
            for key, status in (("p", "paused"), ("r", "waiting"), ("x", "cancelled")):
                await walker.press(key)
                assert isinstance(walker.app.screen, Confirm)
                assert "waits" in walker.app.screen.question
                await walker.press("n")
                assert "left as it is" in walker.said
                await walker.press(key, "y")
                await world.until_status(handle, status)
                await walker.until(partial(shows_first, walker, status))
            await walker.press("x")
            assert "nothing to cancel" in walker.said
    finally:
        await world.close()


async def test_the_columns_are_those_of_the_list_command(store_url: str) -> None:
    """W6: wide, all columns of `cerebelum list` stand there; narrow, the least wanted are left out and no id is cut."""
    async with Walker.at(make_app(store_url), (160, 30)) as walker:
        for column in ("ID", "WORKFLOW", "STATUS", "STEP", "STARTED", "TOOK", "ERROR"):
            assert column in walker.text("#columns")
        assert "AddressError: bad zip 'ABC'" in walker.text("#table")
        await walker.pilot.resize_terminal(60, 24)
        await walker.still()
        assert "ERROR" not in walker.text("#columns")
        assert "order-1042" in walker.text("#table")
        assert "orders.db" in walker.text("#heading")


async def test_walking(store_url: str) -> None:
    """W6: every key that walks does so, and stops at both ends."""
    async with Walker.at(make_app(store_url), (80, 24)) as walker:
        table = walker.executions.table
        assert [row.id for row in table.listing.rows] == ["refund-7", "order-1042", "order-1041", "greet-2", "greet-1"]
        for key, cursor in (
            ("j", 1), ("down", 2), ("k", 1), ("up", 0), ("up", 0), ("end", 4), ("j", 4), ("home", 0), ("pagedown", 4),
            ("pageup", 0),
        ):  # fmt: skip
            await walker.press(key)
            assert (key, table.cursor) == (key, cursor)


async def test_the_preview_tells_why_and_what_for(store_url: str) -> None:
    """W6: of a failed execution the error, its step and trace; of a waiting one, what it waits for."""
    async with Walker.at(make_app(store_url), (120, 40)) as walker:
        assert "waits for signal approve" in walker.text("#preview")
        await walker.press("j")
        shown = walker.text("#preview")
        assert "AddressError: bad zip 'ABC'" in shown
        assert "ship, attempt 2" in shown
        assert 'File "travelled.py", line 52' in shown
        await walker.pilot.resize_terminal(210, 40)
        await walker.still()
        assert walker.executions.has_class("wide")
        assert "AddressError" in walker.text("#preview")


async def test_the_filter(store_url: str) -> None:
    """W6: status, workflow, id and time filter together; what cannot be understood is refused and changes nothing."""
    async with Walker.at(make_app(store_url)) as walker:

        def ids() -> list[str]:
            return [row.id for row in walker.executions.table.listing.rows]

        await walker.press("/")
        await walker.enter("status:failed")
        assert ids() == ["order-1042", "order-1041"]
        assert "/ status:failed" in walker.text("#heading")
        await walker.press("/")
        await walker.press(*("backspace",) * 20)
        await walker.enter("status:open workflow:refund")
        assert ids() == ["refund-7"]
        await walker.press(":")
        await walker.enter("filter order-104")
        assert ids() == ["order-1042", "order-1041"]
        await walker.press("/")
        await walker.enter(" status:odd")
        assert "no status 'odd'" in walker.said
        assert ids() == ["order-1042", "order-1041"]
        await walker.press("escape")
        assert len(ids()) == 5
        await walker.press("/", "escape")
        assert not walker.executions.prompt.has_class("asking")
        await walker.press("/")
        await walker.enter("since:1m")
        await walker.press("x", "enter", "y")  # nothing is under the cursor: nothing happens
        assert ids() == []


async def test_the_other_keys(store_url: str) -> None:
    """W6: enter opens the replay, y copies the id, T changes the theme, ? shows the keys, ^p the palette, q goes back."""
    app = make_app(store_url)
    async with Walker.at(app) as walker:
        await walker.press("y")
        assert (walker.said, app.clipboard) == ("copied refund-7", "refund-7")
        await walker.press("T")
        assert app.theme == "cerebelum-light"
        await walker.press("?")
        assert walker.sees(Help)
        assert "open the replay" in walker.text()
        await walker.press("j", "k", "escape")
        await walker.press("f1")
        assert walker.sees(Help)
        await walker.press("q", "enter")
        assert walker.sees(ReplayScreen)
        assert walker.replay.past.execution_id == "refund-7"
        await walker.press("q")
        assert walker.sees(ExecutionsScreen)
        await walker.press("ctrl+p")
        await walker.press(*"resume", "escape")
        await walker.press("escape")
        assert walker.sees(ExecutionsScreen)
        await walker.pilot.press("q")
    assert app.return_code == 0


async def test_commands_after_a_colon(store_url: str) -> None:
    """W6: goto takes an id's beginning; an unknown id or command is told, and nothing else happens."""
    app = make_app(store_url)
    async with Walker.at(app) as walker:
        for command, said in (
            ("goto nowhere", "no execution 'nowhere'"),
            ("goto order", "order"),
            ("dance", "no command 'dance'"),
            ("filter status:", "status: needs a value"),
        ):
            await walker.press(":")
            await walker.enter(command)
            assert said in walker.said
        await walker.press(":")
        await walker.enter("theme light")
        assert app.theme == "cerebelum-light"
        await walker.press(":")
        await walker.enter("help")
        await walker.press("escape", ":")
        await walker.enter("goto order-1042")
        assert walker.replay.past.execution_id == "order-1042"
        await walker.press(":")
        assert isinstance(app.focused, Input)
        await walker.enter("quit")
    assert app.return_code == 0


async def test_the_mouse(store_url: str) -> None:
    """W6: a click marks an execution, a second one opens it."""
    async with Walker.at(make_app(store_url)) as walker:
        await walker.pilot.click("#table", offset=(5, 3))
        await walker.still()
        assert walker.executions.table.cursor == 3
        await walker.pilot.click("#table", offset=(5, 3))
        await walker.until(lambda: isinstance(walker.app.screen, ReplayScreen))
        await walker.still()
        assert walker.replay.past.execution_id == "greet-2"


async def test_pages_are_read_as_one_walks(store_url: str, add_rows: Callable[[int], None]) -> None:
    """W6: of many executions a page is read at first, and the next one shortly before its end; new ones come in above."""
    await asyncio.to_thread(add_rows, 1_000)
    async with Walker.at(make_app(store_url)) as walker:
        table = walker.executions.table
        assert len(table.listing.rows) == 256
        for _ in range(6):
            await walker.press("end")
        ids = [row.id for row in table.listing.rows]
        assert len(ids) == len(set(ids)) == 1_005
        assert not table.listing.has_more
        where = table.selected
        await asyncio.to_thread(add_rows, 3)
        await walker.until(lambda: len(table.listing.rows) == 1_008)
        assert table.selected == where
        await asyncio.to_thread(add_rows, 600)  # more than a page at once: what is far below is read anew
        await walker.until(lambda: table.listing.rows[0].id.endswith("-1602"))
        assert table.selected is not None


@pytest.fixture
def add_rows(store_url: str) -> Callable[[int], None]:
    """Adds so many executions, in one commit of another process's store."""
    from msgspec import structs

    from cerebelum.engine.ports.store import ExecutionFilter, Start

    added = 0

    async def add(number: int) -> None:
        nonlocal added
        store = open_store(store_url)
        await store.open()
        [like] = await store.list_executions(ExecutionFilter(id_prefix="greet-1"))
        history = await store.read_history("greet-1")
        starts = []
        for each in range(added, added + number):
            at_us = like.inserted_at_us + 10**10 + each
            starts.append(Start(row=structs.replace(like, id=f"more-{each:04}", inserted_at_us=at_us), events=history))
        await store.commit(Batch(id=f"more-{added}", starts=starts))
        added += number
        await store.close()

    return lambda number: asyncio.run(add(number))


async def test_a_key_that_comes_while_the_list_is_read_counts(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """W6: the mark stays where the last key put it, also where the rows were asked for before that key."""
    reading, go_on = asyncio.Event(), asyncio.Event()
    before = query.list_executions

    async def slowly(engine: Engine, wanted: ExecutionFilter) -> list[ExecutionRow]:
        found = await before(engine, wanted)
        reading.set()
        await go_on.wait()
        return found

    async with Walker.at(make_app(store_url)) as walker:
        table = walker.executions.table
        assert table.cursor == 0
        monkeypatch.setattr(query, "list_executions", slowly)
        walker.executions.news()
        await reading.wait()
        await walker.pilot.press("j", "j")
        assert table.cursor == 2
        go_on.set()
        await walker.still()
        assert table.cursor == 2
        monkeypatch.undo()
