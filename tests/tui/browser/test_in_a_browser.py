"""The interface in a real browser: looked at, walked, refused, and closed."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers.chromium import Page
from tests.tui.browser.served import PATIENCE_S, Served, Tab, is_running, served

NewPage = Callable[[], Awaitable[Page]]
REFUSED = "✗ read-only, nothing was done; to act: cerebelum tui --serve --allow-actions"
PNG = b"\x89PNG"


@pytest.fixture
def folder(store_file: Path) -> Path:
    """Where `orders.db` is."""
    return store_file.parent


async def opened(new_page: NewPage, server: Served) -> Tab:
    tab = Tab(await new_page())
    await tab.open(server.url)
    await tab.sees("order-1042", "greet-1")
    return tab


async def gone(pids: list[int]) -> None:
    """Wait until processes have ended."""
    async with asyncio.timeout(PATIENCE_S):
        while any(is_running(pid) for pid in pids):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


def asked(store_file: Path) -> list[str]:
    """Return the executions that somebody asked something of, which no node has read yet."""
    with closing(sqlite3.connect(store_file)) as store:
        return [str(row[0]) for row in store.execute("SELECT execution_id FROM messages")]


async def test_one_looks_walks_and_is_refused(new_page: NewPage, folder: Path) -> None:
    """W6, W7, W8: the list and a replay in the browser; what would change something, or needs a terminal, is refused."""
    async with served(folder, "--store", "orders.db") as server:
        tab = await opened(new_page, server)
        await tab.sees("read-only")
        for key in ("p", "x", "r", "s", "f"):
            await tab.press("j", key)
            await tab.sees(REFUSED)
        await tab.press("End", "Home", "j", "Enter")
        await tab.sees("order-1042", "event 13/14", "zip_code: 'ABC'")
        await tab.press("k", "k")
        await tab.sees("event 11/14")
        await tab.press("Tab")
        await tab.sees("[context]")
        for key in ("f", "s", "x"):
            await tab.press("l", key)  # each key takes the sentence before away
            await tab.sees(REFUSED)
        await tab.press("e")
        await tab.sees("✗ an editor cannot be opened in a browser")
        assert (await tab.page.picture()).startswith(PNG)
        await tab.press("q")
        await tab.sees("refund-7")
        assert asked(folder / "orders.db") == []
        with closing(sqlite3.connect(folder / "orders.db")) as store:
            assert store.execute("SELECT count(*) FROM executions").fetchone() == (5,)  # no fork


async def test_nothing_is_asked_of_anybody_else(new_page: NewPage, folder: Path) -> None:
    """W6: it works without a network: page, script, style and font come from this server, and the token leaves the address."""
    async with served(folder, "--store", "orders.db") as server:
        tab = await opened(new_page, server)
        hosts = {url.partition("://")[2].partition("/")[0] for url in tab.page.requests if not url.startswith("data:")}
        assert hosts == {server.address.partition("://")[2].rstrip("/")}
        assert any(url.startswith("ws://") for url in tab.page.requests)
        assert tab.page.problems == []  # the policy of what the page may load stops nothing that it needs
        assert await tab.page.js("location.href") == server.address
        assert await tab.page.js("document.cookie") == ""
        assert await tab.page.js("document.fonts.check(\"16px 'Roboto Mono'\")") is True
        await tab.open(server.address)  # as when the page is loaded anew: the cookie lets it in
        await tab.sees("order-1042")


async def test_with_leave_one_acts(new_page: NewPage, folder: Path) -> None:
    """W8: with --allow-actions an execution is paused from the browser, after a question."""
    async with served(folder, "--store", "orders.db", "--allow-actions") as server:
        tab = await opened(new_page, server)
        assert "read-only" not in await tab.text()
        await tab.press("p")
        await tab.sees("Pause refund-7 (refund, waiting)?")
        await tab.press("y")
        await tab.sees("asked refund-7 to pause")  # no node runs here: the next one finds it asked
        assert asked(folder / "orders.db") == ["refund-7"]


async def test_an_id_opens_its_replay(new_page: NewPage, folder: Path) -> None:
    """W7: `cerebelum tui ID --at N --serve --theme light` shows that place in each tab."""
    async with served(folder, "order-1042", "--at", "6", "--theme", "light", "--store", "orders.db") as server:
        tab = Tab(await new_page())
        await tab.open(server.url)
        await tab.sees("order-1042", "event 6/14")


async def test_a_closed_tab_leaves_no_process(new_page: NewPage, folder: Path) -> None:
    """W6: each tab has a process of its own, which ends with it: closed, or left by its own key."""
    async with served(folder, "--store", "orders.db") as server:
        first, second = await opened(new_page, server), await opened(new_page, server)
        pids = server.tabs()
        assert len(pids) == 2
        await first.page.call("Page.close")
        async with asyncio.timeout(PATIENCE_S):
            while len(server.tabs()) == 2:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
        await second.press("q")
        await gone(pids)
        assert await second.page.js("document.body.classList.contains('-closed')") is True
        await second.page.js("document.querySelector('#again').click()")
        await second.sees("order-1042")


@pytest.mark.parametrize("by, exit_code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
async def test_no_process_outlives_the_server(
    new_page: NewPage, folder: Path, by: signal.Signals, exit_code: int
) -> None:
    """W6: however the server ends, also by force, the processes of its tabs end."""
    async with served(folder, "--store", "orders.db") as server:
        await opened(new_page, server)
        pids = server.tabs()
        assert len(pids) == 1
        assert await server.end(by) == exit_code
        await gone(pids)
