"""Requests that no page of ours makes: each is refused, with a sentence."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cerebelum.tui.browser import server as server_module
from cerebelum.tui.browser import tab as tab_module
from cerebelum.tui.browser.guard import Guard, is_loopback
from cerebelum.tui.browser.server import BrowserServer
from cerebelum_cli.serving import _listen
from tests.tui.browser.served import PATIENCE_S, Served, served

PATHS = ("", "ws", "page.js", "page.css", "static/js/textual.js", "static/", "download/x", "nowhere")


@pytest.fixture
async def server(store_file: Path) -> AsyncIterator[Served]:
    async with served(store_file.parent, "--store", "orders.db") as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


async def test_without_the_token_nothing_is_told(server: Served, client: aiohttp.ClientSession) -> None:
    """W6: page, files, websocket and what is not there: 403 without the token, with a wrong one, or a part of it."""
    for path in PATHS:
        for query in ("", "?token=", "?token=wrong", f"?token={server.token[:-1]}", f"?token={server.token}x"):
            async with client.get(f"{server.address}{path}{query}", headers={"Origin": server.address[:-1]}) as answer:
                assert answer.status == 403, (path, query)
                said = await answer.text()
                assert said.startswith("403: the token is missing or wrong")
                assert server.token not in said + str(answer.headers)
    assert server.tabs() == []


@pytest.mark.parametrize(
    "headers, said",
    [
        ({"Host": "evil.example"}, "this server is not called that"),
        ({"Host": "127.0.0.1.evil.example"}, "this server is not called that"),
        ({"Host": "10.0.0.1"}, "this server is not called that"),
        ({"Host": "localhost x"}, "this server is not called that"),
        ({"Origin": "http://evil.example"}, "a page of another site"),
        ({"Origin": "http://127.0.0.1:1"}, "a page of another site"),
        ({"Origin": "null"}, "a page of another site"),
    ],
)
async def test_other_names_and_sites_are_refused(
    server: Served, client: aiohttp.ClientSession, headers: dict[str, str], said: str
) -> None:
    """W6: with the token, too: a name that a page of the web made lead here, or a page of another site, gets nothing."""
    for path in ("", "ws", "page.js"):
        async with client.get(f"{server.address}{path}?token={server.token}", headers=headers) as answer:
            assert answer.status == 403
            assert said in await answer.text()


async def test_a_websocket_must_say_where_it_comes_from(server: Served, client: aiohttp.ClientSession) -> None:
    """W6: every browser names the page that opens a websocket; what names none is let in nowhere."""
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await client.ws_connect(f"{server.address}ws?token={server.token}")


async def test_the_page_says_what_may_be_loaded(server: Served, client: aiohttp.ClientSession) -> None:
    """W6: the policy allows this server only; the cookie is for no script and no other site; nothing is listed."""
    async with client.get(server.url) as answer:
        assert answer.status == 200
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "https:" not in policy.replace("wss:", "")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Frame-Options"] == "DENY"
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        page = await answer.text()
    assert "://" not in page
    assert server.token not in page
    for path, status in (("static/", 403), ("static/../server.py", 404), ("page.css", 200), ("nowhere", 404)):
        async with client.get(f"{server.address}{path}?token={server.token}") as answer:
            assert answer.status == status, path


async def first_screen(client: aiohttp.ClientSession, running: Served, expected: str) -> None:
    """Open a tab as the page does, and wait until it shows a text."""
    headers = {"Origin": running.address[:-1], "Cookie": _cookie(running)}
    async with client.ws_connect(f"{running.address}ws?width=100&height=30", headers=headers) as socket:
        shown = b""
        async with asyncio.timeout(PATIENCE_S):
            while expected.encode() not in shown:
                message = await socket.receive()
                assert message.type == aiohttp.WSMsgType.BINARY, (message, shown)
                shown += message.data


def _cookie(running: Served) -> str:
    port = running.address.rstrip("/").rpartition(":")[2]
    return f"cerebelum-tui-{port}={running.token}"


@pytest.mark.parametrize(
    "name", ["a'; touch made; '.db", "$(touch made).db", "x`touch made`.db", "--help.db", "a b.db"]
)
async def test_no_shell_sees_the_name_of_a_store(store_file: Path, client: aiohttp.ClientSession, name: str) -> None:
    """W6: whatever the store's file is called, it is opened, and nothing else is run."""
    os.rename(store_file, store_file.with_name(name))  # noqa: PTH104 - no Path of an async test
    async with served(store_file.parent, f"--store={name}") as running:
        await first_screen(client, running, "greet-1")
    assert sorted(path.name for path in store_file.parent.glob("made*")) == []


async def test_a_given_token_and_the_setting_of_the_store(store_file: Path, client: aiohttp.ClientSession) -> None:
    """W6: --token takes the place of the random one; a store from the environment is served, and not on the command line."""
    async with served(store_file.parent, "--token", "letmein-please", CEREBELUM_STORE="orders.db") as running:
        assert running.url.endswith("/?token=letmein-please")
        await first_screen(client, running, "greet-1")


async def test_nonsense_from_a_page_is_left_alone(server: Served, client: aiohttp.ClientSession) -> None:
    """W6: messages that no page of ours sends close nothing and break nothing."""
    headers = {"Origin": server.address[:-1], "Cookie": _cookie(server)}
    async with client.ws_connect(f"{server.address}ws?width=-1&height=99999999999", headers=headers) as socket:
        for text in ("", "no json", "[]", "{}", "null", '["stdin"]', '["stdin", 7]', '["resize", {"width": "x"}]',
                     '["resize", {"width": -5, "height": 1e9}]', '["ping", "x\\""]', '["\\ud800"]', '["stdin", "\\ud800"]'):  # fmt: skip
            await socket.send_str(text)
        await socket.send_bytes(b"\x00" * 100)
        await socket.send_str('["resize", {"width": 90, "height": 30}]')
        await socket.send_str('["ping", "42"]')
        async with asyncio.timeout(PATIENCE_S):
            while (message := await socket.receive()).data != '["pong", "42"]':
                assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message


@pytest.mark.parametrize(
    "host, asked, is_let_in",
    [
        ("127.0.0.1", "localhost:1", True), ("127.0.0.1", "127.0.0.1:1", True), ("127.0.0.1", "[::1]:1", True),
        ("127.0.0.1", "192.168.1.7:1", False), ("127.0.0.1", "laptop.example", False), ("127.0.0.1", "", False),
        ("0.0.0.0", "192.168.1.7:1", True), ("0.0.0.0", "evil.example", False), ("laptop.lan", "laptop.lan:1", True),
        ("laptop.lan", "evil.lan", False), ("127.0.0.1", "[", False), ("::1", "[::1]:9", True),
    ],
)  # fmt: skip
def test_names_that_are_ours(host: str, asked: str, is_let_in: bool) -> None:
    """W6: an address that no name of the web stands for, this machine's name, and the one that was given."""
    assert (Guard("t" * 9, host, 1).refusal({"Host": asked}, ("t" * 9,)) == "") is is_let_in
    assert is_loopback(host) is (host in ("127.0.0.1", "::1"))


async def test_tabs_are_counted_and_ended_by_force(
    client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W6: there is a most of tabs; a process that heeds nothing is killed when its tab is closed."""
    monkeypatch.setattr(server_module, "TABS_MOST", 1)
    monkeypatch.setattr(tab_module, "_LEAVE_S", 0.05)
    stubborn = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "sys.stdout.write('__GANGLION__\\nD\\0\\0\\0\\x02hi'); sys.stdout.flush()\n"
        "time.sleep(600)\n"
    )
    listening = _listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    serving = BrowserServer(Guard("t" * 9, "127.0.0.1", port), [sys.executable, "-c", stubborn], {})
    address, headers = f"http://127.0.0.1:{port}/ws?token={'t' * 9}", {"Origin": f"http://127.0.0.1:{port}"}
    async with serving.serving(listening):
        async with client.ws_connect(address, headers=headers) as socket:
            assert (await socket.receive()).data == b"hi"
            (tab,) = serving._tabs
            process = tab._process
            assert process is not None
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await client.ws_connect(address, headers=headers)
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == -9
