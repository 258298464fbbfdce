"""Opens the interface without a terminal, presses keys, and says what is on the screen."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from cerebelum.engine.application.disk_code import DiskCode
from cerebelum.tui.app import CerebelumApp
from cerebelum.tui.base_screen import BaseScreen
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.replay.screen import ReplayScreen
from cerebelum.tui.screenshot import settled
from cerebelum_cli.composition import opened, reading

PATIENCE_S = 20.0
NAMES = {
    " ": "space", "]": "right_square_bracket", "[": "left_square_bracket", "/": "slash", ":": "colon",
    "?": "question_mark", "+": "plus", "-": "minus", "=": "equals_sign", ".": "full_stop", "@": "at", "_": "underscore",
    ",": "comma", '"': "quotation_mark", "{": "left_curly_bracket", "}": "right_curly_bracket", "#": "number_sign",
}  # fmt: skip


def make_app(
    url: str,
    execution_id: str | None = None,
    at: int | None = None,
    theme: str = "dark",
    *,
    read_only: bool = False,
    disk: DiskCode | None = None,
) -> CerebelumApp:
    """Return the application on a store."""
    return CerebelumApp(
        lambda: reading(url), lambda: opened(url), store_name="orders.db", execution_id=execution_id, at=at, theme=theme,
        read_only=read_only, disk=disk,
    )  # fmt: skip


def make_disk(url: str, *, quiet_s: float = 10.0) -> DiskCode:
    """Return what runs the code on disk, as the command has it."""
    return DiskCode((sys.executable, "-m", "cerebelum_cli.disk_code_process"), url, quiet_s=quiet_s)


class Walker:
    """A person at the keys."""

    def __init__(self, app: CerebelumApp, pilot: Pilot[Any]) -> None:
        self.app, self.pilot = app, pilot

    @classmethod
    @asynccontextmanager
    async def at(cls, app: CerebelumApp, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Self]:
        """Open the application and wait until it is still."""
        async with app.run_test(size=size) as pilot:
            walker = cls(app, pilot)
            await walker.still()
            yield walker

    async def still(self) -> None:
        """Wait until everything is read and shown."""
        await settled(self.pilot)

    async def press(self, *keys: str) -> None:
        """Press keys: their names, or what they type."""
        await self.pilot.press(*(NAMES.get(key, key) for key in keys))
        await self.still()

    async def enter(self, text: str) -> None:
        """Type a text and enter."""
        await self.press(*text, "enter")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something can be seen."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - the screen tells nobody when it changes
                await asyncio.sleep(0.005)

    def sees(self, kind: type[Screen[Any]]) -> bool:
        """Return whether a screen of this kind is on top."""
        return isinstance(self.app.screen, kind)

    @property
    def base(self) -> BaseScreen:
        screen = self.app.screen
        assert isinstance(screen, BaseScreen)
        return screen

    @property
    def executions(self) -> ExecutionsScreen:
        screen = self.app.screen
        assert isinstance(screen, ExecutionsScreen)
        return screen

    @property
    def replay(self) -> ReplayScreen:
        screen = self.app.screen
        assert isinstance(screen, ReplayScreen)
        return screen

    @property
    def said(self) -> str:
        return self.base.status.said

    def text(self, selector: str = "") -> str:
        """Return what a widget, or the whole screen, shows, line by line."""
        screen = self.app.screen
        if not selector:
            height = self.app.size.height
            lines = screen._compositor.render_strips()
            return "\n".join(strip.text for strip in lines[:height])
        widget: Widget = screen.query_one(selector)
        return "\n".join(strip.text.rstrip() for strip in widget.render_lines(widget.size.region))
