"""Replay: the past of one execution. Left the events, right the code, its locals, and what else was so at that event."""

from __future__ import annotations

import asyncio

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Static

from cerebelum.engine.application.versions import is_failure
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.tui.base_screen import first_line
from cerebelum.tui.coalescing import Coalesced
from cerebelum.tui.lines import TextPane
from cerebelum.tui.prompt import Prompt
from cerebelum.tui.replay import key_page
from cerebelum.tui.replay.event_list import EventList
from cerebelum.tui.replay.log_pane import LogPane
from cerebelum.tui.replay.source_pane import SourcePane
from cerebelum.tui.replay.strip import HistoryStrip
from cerebelum.tui.replay.tab_bar import TabBar
from cerebelum.tui.replay.trying import TryingScreen
from cerebelum.tui.replay.value_pane import ValuePane
from cerebelum.tui.status_line import StatusLine

_BETWEEN_NEWS_S = 0.04  # of an execution that records much: what comes is seen within a tenth of a second


class ReplayScreen(TryingScreen):
    """Time travel through one execution: its parts, and when they read.

    Args:
        at: the event to begin at; default: where it failed, else the newest.
    """

    CSS = """
    ReplayScreen #heading { height: auto; padding: 0 1; background: $panel; }
    ReplayScreen #body { height: 1fr; layout: vertical; }
    ReplayScreen #left { height: 2fr; }
    ReplayScreen #side { height: 3fr; }
    ReplayScreen .pane { border-top: solid $faint; border-title-color: $dim; }
    ReplayScreen.wide #body { layout: horizontal; }
    ReplayScreen.wide #left { width: 1fr; height: 1fr; }
    ReplayScreen.wide #side { width: 1fr; height: 1fr; }
    ReplayScreen.wide .pane { border: round $faint; border-title-color: $dim; }
    ReplayScreen.wide #locals { height: 2fr; }
    ReplayScreen.wide #source { height: 3fr; }
    """
    KEY_PAGE_TITLE = "Replay"
    KEY_PAGE = key_page.KEY_PAGE

    def __init__(self, execution_id: str, at: int | None = None) -> None:
        super().__init__(execution_id)
        self._begin_at = at
        self._has_begun = False
        self._load = Coalesced(self, self._catch_up, name="history")
        self._frames = Coalesced(self, self._wait_for_frames, name="frames")

    def compose(self) -> ComposeResult:
        """Heading, strip, events, and what stands beside them."""
        yield Static(id="heading")
        yield HistoryStrip(self.past)
        with Container(id="body"):
            with Vertical(id="left", classes="pane"):
                yield EventList(self.past)
            with Vertical(id="side"):
                yield TabBar()
                for pane in (SourcePane(), ValuePane(id="locals"), TextPane(id="context"), TextPane(id="payload"),
                             LogPane(self.past), ValuePane(id="watches")):  # fmt: skip
                    pane.add_class("pane")
                    yield pane
        yield StatusLine(key_page.LAST_LINE)
        yield Prompt()

    @property
    def is_still(self) -> bool:
        """Whether everything is read, made and shown."""
        still = self._load.is_still and self._frames.is_still and self._panes.is_still
        return self._has_begun and still and not self.is_trying

    def on_mount(self) -> None:
        """Read the history."""
        self.query_one("#left").border_title = "events"
        self.watch(self.app, "theme", self._show_all, init=False)
        self.lay_out()
        self.show_trouble(self.cerebelum.trouble)
        self.news()

    def _show_all(self) -> None:
        self.query(EventList).refresh()
        self.show_version()

    def on_unmount(self) -> None:
        """Make no more frames."""
        self.recorded.close()
        self.on_disk.close()

    def news(self) -> None:
        """Read what came."""
        self._load.ask()

    async def _catch_up(self) -> None:
        app, past = self.cerebelum, self.past
        try:
            is_new = await app.read(past.catch_up)
            if is_new is None:
                return
            was_open = self._has_begun
            if is_new:
                self._grown()
            await app.read(past.feed)
        except CerebelumError as error:  # removed while one looks at it
            self.refuse(first_line(error))
            return
        self._frames.ask()
        if is_new and was_open:
            await asyncio.sleep(_BETWEEN_NEWS_S)  # what comes meanwhile is read and drawn at once

    async def _wait_for_frames(self) -> None:
        await self.past.frames_made(self._panes.ask)

    def _grown(self) -> None:
        last = len(self.past.index)
        self.query_one(EventList).resize_to(last + 1)
        if not self._has_begun:
            self._has_begun = True
            wanted = self._begin_at if self._begin_at is not None else self._where_it_failed()
            self.go(last if wanted is None or self.is_tailing else wanted, is_tailing=self.is_tailing)
        elif self.is_tailing:
            self.go(last, is_tailing=True)
        else:
            self.show_version()

    def _where_it_failed(self) -> int | None:
        index = self.past.index
        if not len(index) or not is_failure(index.events[-1].type):
            return None
        return index.failure(len(index), -1)
