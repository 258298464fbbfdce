"""Executions: a list that is alive, a filter, a look at why one failed or what it waits for, and what can be done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widgets import Static

from cerebelum.engine.application import query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.errors import ExecutionNotFound
from cerebelum.engine.domain.execution import STATUSES, ExecutionRow
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.tui.acting.acting_screen import ACTING_KEYS, ActingScreen
from cerebelum.tui.base_screen import Keys
from cerebelum.tui.coalescing import Coalesced
from cerebelum.tui.executions.filters import FilterRefused, parse_filter
from cerebelum.tui.executions.listing import PAGE, Listing
from cerebelum.tui.executions.preview import HISTORY_MOST, of_row, of_view
from cerebelum.tui.executions.standing import Standing
from cerebelum.tui.executions.table import ExecutionTable
from cerebelum.tui.lines import LineView, TextPane
from cerebelum.tui.marks import of_status
from cerebelum.tui.places import place_bindings, place_keys
from cerebelum.tui.prompt import Prompt
from cerebelum.tui.status_line import StatusLine
from cerebelum.tui.themes import style
from cerebelum.tui.workers import begin

_AHEAD = 64  # lines before the end of what is known at which the next page is read
_WIDE = 200  # cells from which on the preview stands beside the list
_COUNT_SHARE = 20  # counting may take a twentieth of the time: in a store of millions it is not done at every change

_MARKS = tuple((sign, status) for status, (sign, _) in ((each, of_status(each)) for each in STATUSES))


class ExecutionsScreen(ActingScreen):
    """The home screen.

    Args:
        filter_text: what to show at first; default: all.
    """

    CSS = """
    ExecutionsScreen #heading { height: 1; padding: 0 1; background: $panel; }
    ExecutionsScreen #columns { height: 1; color: $dim; text-style: bold; }
    ExecutionsScreen #body { height: 1fr; layout: vertical; }
    ExecutionsScreen #list { height: 1fr; }
    ExecutionsScreen #preview { height: 30%; min-height: 7; border-top: solid $faint; padding: 0 1; background: $surface; }
    ExecutionsScreen.wide #body { layout: horizontal; }
    ExecutionsScreen.wide #list { width: 2fr; }
    ExecutionsScreen.wide #preview { width: 1fr; height: 1fr; border-top: none; border-left: solid $faint; }
    """
    KEY_PAGE_TITLE = "Executions"
    KEY_PAGE: ClassVar[Sequence[tuple[str, Keys]]] = (
        ("Walk", (("j k ↓ ↑", "next, previous"), ("pgdn pgup", "a page on, back"), ("home", "the newest"),
                  ("end", "the oldest read so far; again: older ones"), ("enter", "open the replay"))),
        ("Choose", (("/", "filter: status:failed workflow:NAME since:2h ID…"), ("esc", "all again"),
                    (":", "goto ID, filter TEXT, theme light, help, quit"))),
        ("Go to", place_keys()),
        ("Act", (("p", "pause"), ("r", "resume"), *ACTING_KEYS, ("y", "copy the id"))),
        ("Everywhere", (("?", "this page"), ("^p", "all commands"), ("T", "light or dark"), ("q", "back, and out"))),
        ("Marks", _MARKS),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "walk(1)", "Next execution"),
        Binding("k,up", "walk(-1)", "Previous execution"),
        Binding("pagedown", "page(1)", "A page on"),
        Binding("pageup", "page(-1)", "A page back"),
        Binding("home", "newest", "The newest execution"),
        Binding("end", "oldest", "The oldest execution read so far"),
        Binding("enter", "open", "Open the replay"),
        Binding("slash", "ask_filter", "Filter"),
        Binding("escape", "clear_filter", "All executions again"),
        Binding("p", "act('pause')", "Pause"),
        Binding("r", "act('resume')", "Resume"),
        Binding("y", "copy", "Copy the id"),
        *place_bindings(),
    ]

    def __init__(self, filter_text: str = "") -> None:
        super().__init__()
        self.filter_text = filter_text
        self.counts: dict[str, int] = {}
        self._count_again_at = 0.0
        self._rows = Coalesced(self, self._renew, name="rows")
        self._more = Coalesced(self, self._read_more, name="more")
        self._look = Coalesced(self, self._preview, name="preview")
        self._previewed: tuple[str, int] | None = None

    def compose(self) -> ComposeResult:
        """Heading, list and preview."""
        yield Static(id="heading")
        with Container(id="body"):
            with Vertical(id="list"):
                yield Static(id="columns", markup=False)
                yield ExecutionTable()
            yield TextPane(id="preview")
        yield StatusLine(
            (("enter", "replay"), ("/", "filter"), ("?", "help"), ("q", "quit"), ("p", "pause"), ("r", "resume"),
             ("x", "cancel"), ("f", "fork"), ("s", "signal"), ("y", "copy id"), (":", "command"), ("^p", "palette"), ("T", "theme"))
        )  # fmt: skip
        yield Prompt()

    @property
    def table(self) -> ExecutionTable:
        """The list."""
        return self.query_one(ExecutionTable)

    @property
    def is_still(self) -> bool:
        """Whether everything asked for is shown."""
        return self._rows.is_still and self._more.is_still and self._look.is_still and bool(self.counts)

    def on_mount(self) -> None:
        """Read the first page."""
        self.watch(self.table, "scroll_y", self._scrolled, init=False)
        self.watch(self.app, "theme", self._show_heading, init=False)
        self.show_trouble(self.cerebelum.trouble)
        if self.filter_text:
            self.filter_by(self.filter_text)
        self.news()

    def news(self) -> None:
        """Read again what can be seen."""
        self._rows.ask()

    def on_resize(self, event: events.Resize) -> None:
        """The preview stands beside the list, or below it."""
        self.set_class(event.size.width >= _WIDE, "wide")
        self.call_after_refresh(self._show)

    # -- reading ------------------------------------------------------------------------------------------------------
    async def _renew(self) -> None:
        table, listing = self.table, self.table.listing

        async def work(engine: Engine) -> bool:
            async def read(wanted: ExecutionFilter) -> list[ExecutionRow]:
                found = await query.list_executions(engine, wanted)
                place.note()  # keys were taken meanwhile; the rows change after this
                return found

            place = Standing(table)
            top = round(table.scroll_offset.y)
            if top >= PAGE:
                await listing.renew(read, top - PAGE // 4)
                place.keep(listing)
            await listing.renew(read)
            place.keep(listing)
            return True

        if await self.cerebelum.read(work) is None or table.listing is not listing:
            return
        self._show()
        await self._count()

    async def _count(self) -> None:
        began = time.monotonic()
        if began < self._count_again_at:
            return
        counts = await self.cerebelum.read(query.count_executions)
        self._count_again_at = time.monotonic() + (time.monotonic() - began) * _COUNT_SHARE
        if counts is not None:
            self.counts = {"": sum(counts.values())} | {str(status): number for status, number in counts.items()}
            self._show_heading()

    async def _read_more(self) -> None:
        listing = self.table.listing
        if not listing.has_more:
            return

        async def work(engine: Engine) -> bool:
            await listing.more(lambda each: query.list_executions(engine, each))
            return True

        if await self.cerebelum.read(work) and self.table.listing is listing:
            self.table.resize_to(len(listing.rows))

    async def _preview(self) -> None:
        row = self.table.selected
        preview = self.query_one("#preview", TextPane)
        if row is None:
            self._previewed = None
            preview.show([])
            return
        if self._previewed == (row.id, row.last_version):
            return
        self._previewed = (row.id, row.last_version)
        preview.show(of_row(row))
        if row.last_version <= HISTORY_MOST:
            try:
                view = await self.cerebelum.read(lambda engine: query.get_execution(engine, row.id))
            except ExecutionNotFound:  # removed since the list was read, which will tell
                return
            if view is not None and self.table.selected is not None and self.table.selected.id == row.id:
                preview.show(of_view(view))

    # -- showing ------------------------------------------------------------------------------------------------------
    def _show(self) -> None:
        self.table.lay_out()
        self.table.refresh()
        self.query_one("#columns", Static).update(self.table.columns.heading())
        self._show_heading()
        self._look.ask()

    def _show_heading(self) -> None:
        theme, width = self.app.theme, self.size.width - 2
        text = Text(no_wrap=True)
        text.append("cerebelum", style=style(theme, "strong"))
        text.append(f"  {visible(self.cerebelum.store_name, keep_newlines=False)}", style=style(theme, "dim"))
        if self.filter_text:
            text.append(f"  / {visible(self.filter_text, keep_newlines=False)}", style=style(theme, "wait"))
        if self.counts:
            text.append(f"  {self.counts['']:,}", style=style(theme, "strong"))
            for status in STATUSES:
                if number := self.counts.get(status, 0):
                    sign, ink = of_status(status)
                    text.append(f"  {sign} {number:,}", style=style(theme, ink))
                    text.append(f" {status}" if width >= 100 else "", style=style(theme, "dim"))
        text.truncate(max(1, width), overflow="ellipsis")
        self.query_one("#heading", Static).update(text)

    def _scrolled(self) -> None:
        table = self.table
        self.table.lay_out()
        self.query_one("#columns", Static).update(table.columns.heading())
        if table.scroll_offset.y + table.size.height + _AHEAD >= table.count:
            self._more.ask()

    # -- keys ---------------------------------------------------------------------------------------------------------
    def _move_to(self, index: int) -> None:
        self.table.move_to(max(0, index))
        if index + _AHEAD >= self.table.count:
            self._more.ask()
        self._look.ask()

    def action_walk(self, by: int) -> None:
        """Go on or back by lines."""
        self._move_to(self.table.cursor + by)

    def action_page(self, by: int) -> None:
        """Go on or back by a screen."""
        self._move_to(self.table.cursor + by * self.table.page)

    def action_newest(self) -> None:
        """Go to the first line."""
        self._move_to(0)

    def action_oldest(self) -> None:
        """Go to the last line that is known."""
        self._move_to(self.table.count - 1)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click marks an execution; one on the marked one opens it."""
        if event.view is not self.table:
            return
        if event.index == self.table.cursor:
            begin(self, self.action_open)
        else:
            self._move_to(event.index)

    async def action_open(self) -> None:
        """Open the replay of the execution under the cursor."""
        if (row := self.table.selected) is not None:
            await self.cerebelum.open_replay(row.id)

    def acted_on(self) -> ExecutionRow | None:
        """Return the execution under the cursor."""
        return self.table.selected

    def standing_at(self) -> tuple[str, int | None] | None:
        """Return the execution under the cursor."""
        return (row.id, None) if (row := self.table.selected) is not None else None

    def action_copy(self) -> None:
        """Copy the id."""
        if (row := self.table.selected) is not None:
            self.app.copy_to_clipboard(row.id)
            self.say(f"copied {row.id}")

    def action_ask_filter(self) -> None:
        """Ask what to show."""
        self.prompt.ask("filter", "/", "status:failed,open workflow:NAME since:2h ID…", self.filter_text)

    def action_clear_filter(self) -> None:
        """Show all again."""
        self.filter_by("")

    def filter_by(self, text: str) -> None:
        """Show what fits `text`; where it cannot be understood, say why, and leave everything as it is."""
        try:
            wanted = parse_filter(text, time.time_ns() // 1000)
        except FilterRefused as refused:
            self.refuse(str(refused))
            return
        self.filter_text = text
        self.table.listing = Listing(wanted)
        self.table.cursor = 0
        self.table.scroll_to(y=0, animate=False, force=True)
        self.table.resize_to(0)
        self.news()

    async def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """A filter or a command was typed."""
        if event.what == "filter":
            self.filter_by(event.text)
        elif event.text.partition(" ")[0] == "filter":
            self.filter_by(event.text.partition(" ")[2].strip())
        else:
            await self.run_command(event.text)
