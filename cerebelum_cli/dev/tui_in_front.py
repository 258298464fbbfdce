"""`o`: the terminal interface takes the terminal, in a process of its own; the engine here goes on, and tells later."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cerebelum_cli.dev.keys import Keys
    from cerebelum_cli.dev.voice import Voice


async def show_tui(url: str, keys: Keys, voice: Voice) -> None:
    """Give the terminal away until the TUI is closed; what happens meanwhile is said afterwards.

    Args:
        url: the store; one in memory is seen by no other process, which is said.
    """
    if url.startswith("memory:"):
        voice.block(["no other process sees a store in memory: begin without --ephemeral, and press o"])
        return
    keys.close()
    try:
        with voice.held():
            exit_code = await _shown(url)
    finally:
        keys.open()
    if exit_code:
        voice.block([f"the TUI ended with exit code {exit_code}; in another terminal: cerebelum tui"])


async def _shown(url: str) -> int:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "cerebelum_cli", "tui", "--store", url)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:  # this process is to end: the TUI gives the terminal back first
            process.send_signal(signal.SIGINT)
            await process.wait()
