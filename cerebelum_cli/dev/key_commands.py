"""What each key does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum_cli import own_log
from cerebelum_cli.dev.again import run_again
from cerebelum_cli.dev.start_up import HELP
from cerebelum_cli.words import duration

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.runtime.time_control import TimeControl
    from cerebelum_cli.dev.choices import Choices
    from cerebelum_cli.dev.voice import Voice

_LEVELS = ("warning", "info", "debug")


class KeyCommands:
    """Takes keys as they are pressed, and obeys one after the other; `obey` returns when `q` was."""

    def __init__(
        self, engine: Engine, voice: Voice, time: TimeControl, choices: Choices, log_level: str,
        *, show_tui: Callable[[], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._engine, self._voice, self._time, self._choices = engine, voice, time, choices
        self._show_tui = show_tui
        self._level = log_level
        self._pressed: asyncio.Queue[str] = asyncio.Queue()

    def press(self, key: str) -> None:
        """Take note of a key."""
        self._pressed.put_nowait(key)

    async def obey(self) -> None:
        """Do what keys say, until one says to quit."""
        while True:
            key = await self._pressed.get()
            if key == "\x04" or (key.lower() == "q" and not self._choices.is_asking):  # Ctrl-D, too
                return
            try:
                await self._obey(key)
            except CerebelumError as error:
                self._voice.tell("error", str(error).partition("\n")[0], code=error.code, message=str(error))

    async def _obey(self, key: str) -> None:
        if self._choices.is_asking:
            await self._choices.answer(self._engine, key)
            return
        match key.lower():
            case "h" | "?":
                self._voice.block(HELP)
            case "r":
                await run_again(self._engine, self._voice)
            case "o":
                await self._show_tui()
            case "s":
                await self._skip()
            case "p":
                self._pause()
            case "l":
                self._next_level()
            case "c":
                await self._choices.ask(self._engine)
            case "\n" | "\r":
                self._voice.block([""])  # people make room for what comes
            case " ":
                pass
            case _:
                self._voice.block([f"{key!r} does nothing; h for help"])

    async def _skip(self) -> None:
        skipped = await self._time.skip_next()
        if skipped is None:
            self._voice.tell("timers", "no timer is waiting", skipped=None)
            return
        self._voice.tell(
            "timers", f"skipped {duration(skipped.left_us)} of {skipped.what}  {skipped.execution_id} {skipped.workflow}",
            skipped=skipped.execution_id, what=skipped.what, left_ms=skipped.left_us / 1000,
        )  # fmt: skip

    def _pause(self) -> None:
        self._time.paused = not self._time.paused
        text = "paused: steps run, no timer fires; p lets them go on, s skips one" if self._time.paused else "go on"
        self._voice.tell("timers", text, paused=self._time.paused)

    def _next_level(self) -> None:
        number = _LEVELS.index(self._level) + 1 if self._level in _LEVELS else 0
        self._level = _LEVELS[number % len(_LEVELS)]
        own_log.configure(self._level)
        self._voice.block([f"log level {self._level}"])
