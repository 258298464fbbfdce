"""The application: it holds the engine, listens for what others write, and shows one screen over another.

The store may be locked, gone or replaced while a screen is open. Then the screen keeps what it has, says so in its
last line, and goes on when the store is back: all reading goes through `read`, and no other place knows of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.actions import ActionParseResult
from textual.actions import parse as parse_action
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandList, CommandPalette
from textual.dom import DOMNode
from textual.screen import Screen

from cerebelum.engine.application.disk_code import DiskCode
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.hints import hints
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.runtime.garbage import node_started, node_stopped
from cerebelum.tui.base_screen import BaseScreen, first_line
from cerebelum.tui.refusals import IN_NO_BROWSER, why_read_only
from cerebelum.tui.themes import themes
from cerebelum.tui.workers import begin

T = TypeVar("T")
Open = Callable[[], AbstractAsyncContextManager[Engine]]

_POLL_S = 2.0  # for hints that were lost; what others write is told at once
_AGAIN_S = 0.5  # after the store could not be reached


class Palette(CommandPalette):
    """Textual's, which fails on a key for its list before that list was laid out, or where there is no room for it."""

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).scrollable_content_region.height:
            super()._action_command_list(action)


class CerebelumApp(App[None]):
    """The terminal interface.

    Args:
        look: opens the store to look at it; opened again when it was gone.
        act: opens it to write, for as long as one action takes.
        store_name: as people call it.
        project: the folder that the store belongs to; files of flows are named from there.
        disk: what tells how the code on disk would do; None: nobody can.
        execution_id: open the replay of this one; `at` an event. It lies over the list.
        place: open this screen instead of the replay, by its name in `PLACES`.
        read_only: `write` refuses everything, and the last line of each screen says so.
    """

    TITLE = "cerebelum"
    CSS = "Screen { background: $background; color: $foreground; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q,ctrl+c", "quit", "Quit", show=False, priority=True),
        Binding("T", "toggle_theme", "Light or dark"),
    ]

    def __init__(
        self, look: Open, act: Open, *, store_name: str = "", execution_id: str | None = None, at: int | None = None,
        theme: str = "dark", project: Path | None = None, disk: DiskCode | None = None, place: str = "",
        read_only: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        for each in themes():
            self.register_theme(each)
        self.theme = f"cerebelum-{theme}"
        self._look, self._act = look, act
        self.store_name, self.project, self.disk, self.read_only = store_name, project, disk, read_only
        self._first = (execution_id, at)
        self._place = place
        self._engine: asyncio.Future[Engine] | None = None
        self.trouble = ""  # what the store answered last, where that was an error

    async def on_mount(self) -> None:
        """Begin with the list, and what was asked for over it."""
        from cerebelum.tui.executions.screen import ExecutionsScreen

        begin(self, self._listen, name="store", group="store")
        await self.push_screen(ExecutionsScreen())
        execution_id, at = self._first
        if self._place:
            from cerebelum.tui.places import place_named

            await self.push_screen(place_named(self._place).make(execution_id or "", at))
        elif execution_id is not None:
            await self.open_replay(execution_id, at)

    async def open_replay(self, execution_id: str, at: int | None = None) -> None:
        """Show an execution's past over what is there."""
        from cerebelum.tui.replay.screen import ReplayScreen

        await self.push_screen(ReplayScreen(execution_id, at))

    def find_file(self, file: str) -> str:
        """Return where a flow's file lies: as it is named, or so below the project; as it is named where it is nowhere."""
        below = self.project / file if self.project is not None else Path(file)
        return str(below) if below.is_file() and not Path(file).is_file() else file

    # -- the store ----------------------------------------------------------------------------------------------------
    async def read(self, work: Callable[[Engine], Awaitable[T]]) -> T | None:
        """Return what `work` reads; None where the store does not answer, which is then said.

        Raises:
            CerebelumError: anything else that `work` raises, such as `ExecutionNotFound`.
        """
        try:
            found = await work(await self._opened())
        except StoreError as error:
            self._say_trouble(error)
            return None
        self._say_trouble(None)
        return found

    async def write(self, work: Callable[[Engine], Awaitable[None]]) -> str:
        """Do `work` on a store that is opened for it; return why it was refused, "" where it was done."""
        if self.read_only:
            return why_read_only(is_web=self.is_web)
        try:
            async with self._act() as engine:
                await work(engine)
        except CerebelumError as error:
            return first_line(error)
        self.tell_news()
        return ""

    async def _opened(self) -> Engine:
        if self._engine is None:
            self._engine = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._engine)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._look() as engine, aclosing(hints(engine.store, poll_s=_POLL_S)) as news:
                    self._now_open(engine)
                    async for _ in news:
                        self.tell_news()
            except CerebelumError as error:
                self._say_trouble(error)
            if self._engine is not None and self._engine.done():
                self._engine = None  # reads wait for the next one; those that wait already go on doing so
            await asyncio.sleep(_AGAIN_S)

    def _now_open(self, engine: Engine) -> None:
        if self._engine is None or self._engine.done():
            self._engine = asyncio.get_running_loop().create_future()
        self._engine.set_result(engine)

    def tell_news(self) -> None:
        """Let every screen look again."""
        for screen in self.screen_stack:
            if isinstance(screen, BaseScreen):
                screen.news()

    def _say_trouble(self, error: CerebelumError | None) -> None:
        before, self.trouble = self.trouble, "" if error is None else first_line(error)
        if before != self.trouble:
            for screen in self.screen_stack:
                if isinstance(screen, BaseScreen):
                    screen.show_trouble(self.trouble)

    def _fatal_error(self) -> None:
        """Close. Textual would print a trace with all locals, and they may hold secrets; the caller reports the error."""
        self._close_messages_no_wait()

    async def show(self) -> None:
        """Run until it is left; raises what was a bug of ours, once the terminal is restored."""
        node_started()  # the same tuning: a long history is many objects, and looking through them all takes half a second
        try:
            await self.run_async()
        finally:
            node_stopped()
        if self._exception is not None:
            raise self._exception

    # -- keys ---------------------------------------------------------------------------------------------------------
    async def on_event(self, event: events.Event) -> None:
        """What was said in the last line stays until the next key."""
        if isinstance(event, events.Key) and not event.is_forwarded and isinstance(self.screen, BaseScreen):
            self.screen.status.clear()
        await super().on_event(event)

    async def run_action(
        self, action: str | ActionParseResult, default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:  # fmt: skip
        """Do what a key or the palette asks for; what cannot be done in a browser is refused."""
        name = (parse_action(action) if isinstance(action, str) else action)[1]
        if self.is_web and name in IN_NO_BROWSER and isinstance(self.screen, BaseScreen):
            self.screen.refuse(IN_NO_BROWSER[name])
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def action_command_palette(self) -> None:
        """Open the palette."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette(id="--command-palette"))

    def action_toggle_theme(self) -> None:
        """Change between light and dark."""
        self.theme = "cerebelum-dark" if self.theme == "cerebelum-light" else "cerebelum-light"

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Fill the palette: every key of the screen, by what it does."""
        if isinstance(screen, BaseScreen):
            for keys, meaning, action in screen.commands():
                yield SystemCommand(meaning, f"key {keys}", lambda action=action: self._run_on(screen, action))
        yield SystemCommand("Light or dark theme", "key T", self.action_toggle_theme)
        yield SystemCommand("Leave cerebelum", "key ctrl+q", self.action_quit)

    async def _run_on(self, screen: Screen[Any], action: str) -> None:
        if not isinstance(screen, BaseScreen) or screen.is_there:
            await self.run_action(action, screen)
