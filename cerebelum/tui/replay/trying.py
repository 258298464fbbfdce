"""Save and replay: while a past is open, a save of its flow's files says at once whether the new code fits it.

The code is never run in this process, see `DiskCode`. `r` walks the past on the new code; `r` again, on the code that ran.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.runtime.code.finding import files_of
from cerebelum.tui.base_screen import first_line
from cerebelum.tui.replay.beside import BesideScreen
from cerebelum.tui.replay.disk_past import DiskPast
from cerebelum.tui.replay.saves import saves
from cerebelum.tui.themes import style
from cerebelum.tui.workers import begin


class TryingScreen(BesideScreen):
    """Has two pasts: what ran, and what the code on disk makes of the same history."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "try_disk", "Replay on the code on disk; again: as it ran")]

    def __init__(self, execution_id: str) -> None:
        super().__init__(execution_id)
        self.recorded, self.on_disk = self.past, DiskPast(self.past)
        self.is_trying = False
        self.watched: Collection[Path] = ()  # the files whose saves are told
        self._watched_texts = self._trials = 0
        self._found: tuple[Path, ...] = ()

    @property
    def is_on_disk(self) -> bool:
        """Whether the past is shown on the code on disk."""
        return self.past is self.on_disk

    @property
    def code_name(self) -> str:
        """Which code is shown, behind its file's name."""
        return " on disk" if self.is_on_disk else super().code_name

    def told_of_code(self) -> Text:
        """Return the line of the heading about the code on disk; empty where it was not tried."""
        told, theme = self.on_disk.told, self.app.theme
        text = Text(no_wrap=True, overflow="ellipsis")
        if self.is_trying:
            text.append("\n… trying the code on disk", style(theme, "dim"))
        elif told is not None:
            ink = style(theme, "good" if told.fits else "bad") + style(theme, "strong").without_color
            text.append(f"\n{'✓' if told.fits else '✗'} {told.text}", ink)
        if self.is_on_disk:
            text.append(f"{' · ' if text else chr(10)}this is the code on disk, r: as it ran", style(theme, "accent"))
        return text

    # -- saves --------------------------------------------------------------------------------------------------------
    def on_mount(self) -> None:
        """Watch the files."""
        self.on_disk.code = self.cerebelum.disk
        if self.on_disk.code is not None:
            begin(self, self._watch_files, name="saves", group="saves")

    async def _watch_files(self) -> None:
        try:
            self._found = tuple(await self.cerebelum.read(self._find_files) or ())
        except CerebelumError:  # it is not there: the screen says so by itself
            return
        async with aclosing(saves(self._files, tell_armed=self._armed)) as told:
            async for _ in told:
                self.try_disk(walk=self.is_on_disk)

    async def _find_files(self, engine: Engine) -> Collection[Path]:
        row = await engine.store.get_execution(self.past.execution_id)
        if row is None:
            return ()
        code = await engine.store.get_code(row.workflow, digest=row.code or None)
        return files_of(code or await engine.store.get_code(row.workflow), self.cerebelum.project)

    def _files(self) -> Collection[Path]:
        return {*self._found, *map(Path, self.on_disk.files)}

    def _armed(self, files: Collection[Path]) -> None:
        self.watched = files

    # -- trying -------------------------------------------------------------------------------------------------------
    def action_try_disk(self) -> None:
        """Show the past on the code on disk, or again as it ran."""
        if self.is_on_disk:
            self._show_past(as_it_ran=True)
            self.say("as it ran")
        elif self.cerebelum.disk is None:
            self.refuse("the code on disk cannot be tried here")
        else:
            self.try_disk(walk=True)

    def try_disk(self, *, walk: bool) -> None:
        """Replay on the code on disk; what was being tried is ended. `walk`: and show the past on it."""
        self.is_trying, self._trials = True, self._trials + 1
        begin(self, partial(self._try, walk=walk), name="trial", group="trial", only=True)

    async def _try(self, *, walk: bool) -> None:
        mine = self._trials
        self.show_heading()
        try:
            await self.on_disk.replay(frames=walk)
        except OSError as error:
            self.refuse(f"no process could be started to try the code: {first_line(error)}")
            return
        finally:
            if mine == self._trials:  # else a newer one is under way
                self.is_trying = False
        if self not in self.app.screen_stack:
            return
        told = self.on_disk.told
        if walk and told is not None and (told.fits or told.version):
            self._show_past(as_it_ran=False)
            if told.version:
                self.go(told.version)
        elif self.is_on_disk:  # it is broken now: what it was before is nowhere any more
            self._show_past(as_it_ran=True)
        self.show_version()

    def _show_past(self, *, as_it_ran: bool) -> None:
        if as_it_ran and self.is_on_disk and len(self.recorded.watches) != self._watched_texts:
            self.recorded.watch_anew()  # they were named on the other one
            self.news()
        self._watched_texts = len(self.recorded.watches)
        self.past = self.recorded if as_it_ran else self.on_disk
        if as_it_ran:
            self.on_disk.forget()
        self.show_version()
