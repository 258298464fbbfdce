"""`cerebelum tui --serve` in a process of its own, and a page that shows it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.cli.cli_project import command, environ
from tests.servers.chromium import Page

PATIENCE_S = 60.0
# The page keeps its terminal to itself: take note of it when the front end gives it its first part.
_FIND_TERMINAL = """
Object.defineProperty(Object.prototype, "fitAddon", {
  configurable: true,
  set(part) {
    window.shownTerminal = this.terminal;
    Object.defineProperty(this, "fitAddon", {value: part, writable: true, configurable: true});
  },
});
"""
_TEXT = """
(() => {
  const screen = window.shownTerminal && window.shownTerminal.buffer.active;
  if (!screen) return "";
  return Array.from({length: screen.length}, (_, row) => screen.getLine(row).translateToString(true)).join("\\n");
})()
"""


class Served:
    """The process, and the address that it printed."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process, self.url = process, url
        self.address = url.partition("?")[0]
        self.token = url.partition("token=")[2]

    async def end(self, by: signal.Signals = signal.SIGINT) -> int:
        """Send the signal and return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(by)
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)

    def tabs(self) -> list[int]:
        """Return the processes that it began and that still run."""
        return children(self.process.pid)


def children(parent: int) -> list[int]:
    """Return the running processes that `parent` began."""
    file = Path(f"/proc/{parent}/task/{parent}/children")
    return (
        [int(pid) for pid in file.read_text(encoding="ascii").split() if is_running(int(pid))] if file.exists() else []
    )


def is_running(pid: int) -> bool:
    """Return whether a process is there, and not just waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@asynccontextmanager
async def served(folder: Path, *words: str, **environment: str) -> AsyncIterator[Served]:
    """Serve inside."""
    process = await asyncio.create_subprocess_exec(
        *command("tui", "--serve", *words), cwd=folder, env=environ(**environment), stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)).decode().strip()
        assert line.startswith("http://"), (line, (await process.stderr.read()).decode())
        yield Served(process, line)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), PATIENCE_S)


class Tab:
    """A page that shows the interface."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def open(self, url: str) -> None:
        """Go there."""
        await self.page.call("Page.addScriptToEvaluateOnNewDocument", source=_FIND_TERMINAL)
        await self.page.call("Page.navigate", url=url)

    async def text(self) -> str:
        """Return what the terminal in the page shows, line by line."""
        return str(await self.page.js(_TEXT))

    async def sees(self, *texts: str) -> str:
        """Wait until all of `texts` are on the screen, and return it."""

        async def has() -> bool:
            shown = await self.text()
            return all(text in shown for text in texts)

        await self.page.until(has, self.text)
        return await self.text()

    async def press(self, *keys: str) -> None:
        """Press keys in the terminal."""
        await self.page.js("window.shownTerminal.focus()")
        await self.page.press(*keys)
