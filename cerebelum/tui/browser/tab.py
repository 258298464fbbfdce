"""One tab: the process of its application, and what goes between the two. It ends when the tab is closed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence

from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from cerebelum.tui.browser import tab_driver

_LEAVE_S = 5.0  # for the application to close its store; then it is ended
CELLS_MOST = 1_000


class Tab(AppService):
    """textual-serve's, but that no shell ever sees the command, and that no process is left behind.

    Args:
        command: program and arguments.
        environ: what the process has in its environment beside the server's own.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], *, write_bytes: Callable[[bytes], Awaitable[None]],
        write_str: Callable[[str], Awaitable[None]], close: Callable[[], Awaitable[None]],
    ) -> None:  # fmt: skip
        super().__init__(
            "cerebelum tui", write_bytes=write_bytes, write_str=write_str, close=close,
            download_manager=DownloadManager(),
        )  # fmt: skip
        self._words, self._environ = command, environ

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        process = self._process = await asyncio.create_subprocess_exec(
            *self._words, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self._build_environment(width, height),
            start_new_session=True,  # Ctrl-C ends the server, which then ends its tabs
        )  # fmt: skip
        self._stdin = process.stdin
        return process

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}  # of the server's terminal
        return {
            **kept, "TEXTUAL_DRIVER": tab_driver.NAME, "TEXTUAL_FPS": "60", "TEXTUAL_COLOR_SYSTEM": "truecolor",
            "COLUMNS": str(width), "ROWS": str(height), **self._environ,
        }  # fmt: skip

    async def run(self) -> None:
        """Pass on what the application shows, until it ends; then close the tab's connection."""
        await super().run()
        await self.remote_close()

    async def take(self, message: object) -> None:
        """Obey a message of the page; what is none of its kinds is left alone."""
        match message:
            case ["stdin", str(typed)]:
                await self.send_bytes(typed.encode("utf-8", "replace"))
            case ["resize", {"width": int(width), "height": int(height)}]:
                await self.set_terminal_size(within(width), within(height))
            case ["ping", str(stamp)]:
                await self.remote_write_str(f'["pong", "{int(stamp)}"]' if stamp.isdecimal() else '["pong", "0"]')
            case ["blur"]:
                await self.blur()
            case ["focus"]:
                await self.focus()

    async def on_meta(self, data: bytes) -> None:
        """The application ends; it asks for nothing else."""
        if data == b'{"type": "exit"}':
            await self.remote_close()

    async def stop(self) -> None:
        """End the process, by force where it does not leave; returns once it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        await self.send_meta({"type": "quit"})
        with contextlib.suppress(OSError):
            self.stdin.close()
        for harder in (None, signal.SIGTERM, signal.SIGKILL):
            if harder is not None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(harder)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _LEAVE_S)
                break
        if self._task is not None:
            await self._task


def within(number: int) -> int:
    """Return a number of cells that a screen may have."""
    return max(1, min(number, CELLS_MOST))
