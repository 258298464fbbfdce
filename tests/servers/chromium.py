"""A real browser without a window, driven over its DevTools protocol: an empty profile, ended with the block."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_S = 60.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
    "--window-size=1280,800",
)  # fmt: skip
_KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), "Home": (36, ""), "End": (35, ""), "F1": (112, "")}


class ChromiumMissing(Exception):
    """No Chromium is on this machine; the message says what to install."""


def find_chromium() -> str:
    """Return the program.

    Raises:
        ChromiumMissing: there is none.
    """
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    raise ChromiumMissing("no Chromium was found: install one (Debian: apt install chromium)")


class Page:
    """One page: what it is told, and what it asked the network for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.requests: list[str] = []  # URLs, in the order in which they were asked for
        self.problems: list[str] = []  # what the page's console holds of errors

    async def read(self) -> None:
        """Take what the browser says, until it says no more."""
        async for message in self._socket:
            said = message.json()
            if (answer := self._answers.pop(said.get("id", 0), None)) is not None:
                answer.set_result(said)
                continue
            match said.get("method"), said.get("params"):
                case "Network.requestWillBeSent", {"request": {"url": url}}:
                    self.requests.append(url)
                case "Network.webSocketCreated", {"url": url}:
                    self.requests.append(url)
                case "Log.entryAdded", {"entry": {"level": "error", "text": text}}:
                    self.problems.append(text)
                case "Runtime.exceptionThrown", {"exceptionDetails": details}:
                    self.problems.append(str(details))

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of a command of the protocol."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        said = await asyncio.wait_for(self._answers[number], PATIENCE_S)
        assert "error" not in said, f"{method}: {said['error']}"
        result: dict[str, Any] = said["result"]
        return result

    async def js(self, expression: str) -> Any:
        """Return what an expression is in the page."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, condition: Callable[[], Awaitable[bool]], what: Callable[[], Awaitable[str]]) -> None:
        """Wait until something is so; what there is instead is in the failure."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await condition():  # noqa: ASYNC110 - a page tells nobody when it changes
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(await what()) from None

    async def press(self, *keys: str) -> None:
        """Press keys: `Enter` and its like, or what a key types."""
        for key in keys:
            code, text = _KEYS.get(key, (0, key))
            facts = {"key": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
            await self.call("Input.dispatchKeyEvent", type="keyDown", **facts)
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    async def picture(self) -> bytes:
        """Return what can be seen, as PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot"))["data"])


@asynccontextmanager
async def chromium() -> AsyncIterator[Callable[[], Awaitable[Page]]]:
    """Run a browser; gives what opens another page in it.

    Raises:
        ChromiumMissing: there is none.
    """
    program = find_chromium()
    folder = Path(tempfile.mkdtemp(prefix="cerebelum-chromium-"))
    process = await asyncio.create_subprocess_exec(
        program, *_FLAGS, f"--user-data-dir={folder}", "about:blank", start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    readers: list[asyncio.Task[None]] = []
    try:
        port = await asyncio.wait_for(_port(process), PATIENCE_S)
        draining = asyncio.create_task(_drain(process))
        async with aiohttp.ClientSession() as session:

            async def new_page() -> Page:
                async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
                    address = (await answer.json())["webSocketDebuggerUrl"]
                page = Page(await session.ws_connect(address, max_msg_size=0))
                readers.append(asyncio.create_task(page.read()))
                for domain in ("Page", "Runtime", "Network", "Log"):
                    await page.call(f"{domain}.enable")
                return page

            yield new_page
        await asyncio.gather(*readers)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await draining
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _port(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = []
    async for line in process.stderr:
        said.append(line.decode(errors="replace"))
        if "DevTools listening on ws://" in said[-1]:
            return said[-1].partition("ws://")[2].partition("/")[0].rpartition(":")[2]
    raise AssertionError(f"Chromium did not start:\n{''.join(said)}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    while await process.stderr.read(65_536):
        pass
