"""A screen that is one list: heading, columns, lines, below them what is to be known of the marked one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widgets import Static

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.base_screen import BaseScreen
from cerebelum.tui.coalescing import Coalesced
from cerebelum.tui.lines import Line, LineView, TextPane
from cerebelum.tui.prompt import Prompt
from cerebelum.tui.status_line import StatusLine
from cerebelum.tui.tables import Column, TableView
from cerebelum.tui.themes import Ink, style
from cerebelum.tui.workers import begin

_WIDE = 160  # cells from which on the preview stands beside the list
WALK_KEYS = (
    ("j k ↓ ↑", "next, previous"),
    ("pgdn pgup", "a page on, back"),
    ("home end", "the first, the last"),
    ("J K", "scroll what stands below"),
)
EVERYWHERE_KEYS = (
    (":", "goto ID, theme light, help, quit"), ("?", "this page"), ("^p", "all commands"), ("T", "light or dark"),
    ("q esc", "back"),
)  # fmt: skip


class ListScreen(BaseScreen):
    """A subclass reads rows, and tells what stands in heading and preview."""

    DEFAULT_CSS = """
    ListScreen #heading { height: 1; padding: 0 1; background: $panel; }
    ListScreen #columns { height: 1; color: $dim; text-style: bold; }
    ListScreen #body { height: 1fr; layout: vertical; }
    ListScreen #list { height: 1fr; }
    ListScreen #preview { height: 40%; min-height: 7; border-top: solid $faint; padding: 0 1; background: $surface; }
    ListScreen.wide #body { layout: horizontal; }
    ListScreen.wide #list { width: 2fr; }
    ListScreen.wide #preview { width: 1fr; height: 1fr; border-top: none; border-left: solid $faint; }
    """
    COLUMNS: ClassVar[Sequence[Column]] = ()
    STATUS_KEYS: ClassVar[Sequence[tuple[str, str]]] = ()
    NOTHING: ClassVar[str] = ""  # said where there is no row
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "walk(1)", "Next line"),
        Binding("k,up", "walk(-1)", "Previous line"),
        Binding("pagedown", "page(1)", "A page on"),
        Binding("pageup", "page(-1)", "A page back"),
        Binding("home", "first", "The first line"),
        Binding("end", "last", "The last line"),
        Binding("J,shift+down", "below(1)", "Scroll what stands below"),
        Binding("K,shift+up", "below(-1)", "Scroll it back"),
        Binding("enter", "open", "Open"),
        Binding("escape", "leave", "Back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._rows = Coalesced(self, self._renew, name="rows")
        self.has_read = False

    def compose(self) -> ComposeResult:
        """Heading, list and preview."""
        yield Static(id="heading")
        with Container(id="body"):
            with Vertical(id="list"):
                yield Static(id="columns", markup=False)
                yield TableView(self.COLUMNS)
            yield TextPane(id="preview")
        yield StatusLine(self.STATUS_KEYS)
        yield Prompt()

    # -- what a subclass says -----------------------------------------------------------------------------------------
    async def read_rows(self) -> bool:
        """Read, and give the table its rows; False where the store did not answer."""
        raise NotImplementedError

    def heading(self) -> Sequence[tuple[str, Ink]]:
        """Return what stands on top."""
        raise NotImplementedError

    def preview(self) -> Sequence[Line]:
        """Return what is to be known of the marked line."""
        raise NotImplementedError

    async def open_selected(self) -> None:
        """Do what enter does."""
        raise NotImplementedError

    # -- reading and showing ------------------------------------------------------------------------------------------
    @property
    def table(self) -> TableView:
        """The list."""
        return self.query_one(TableView)

    @property
    def is_still(self) -> bool:
        """Whether everything asked for is shown."""
        return self.has_read and self._rows.is_still

    def on_mount(self) -> None:
        """Read."""
        self.watch(self.table, "scroll_y", self._scrolled, init=False)
        self.watch(self.app, "theme", self.show_all, init=False)
        self.show_trouble(self.cerebelum.trouble)
        self.news()

    def news(self) -> None:
        """Read again."""
        self._rows.ask()

    async def _renew(self) -> None:
        if await self.read_rows():
            self.has_read = True
            self.show_all()

    def on_resize(self, event: events.Resize) -> None:
        """The preview stands beside the list, or below it."""
        self.set_class(event.size.width >= _WIDE, "wide")
        self.call_after_refresh(self.show_all)

    def show_all(self) -> None:
        """Draw everything anew from what was read."""
        if len(self.query("#heading, #columns, #table, #preview")) < 4:
            return  # it was left meanwhile
        self.table.lay_out()
        no_rows = f"  {self.NOTHING}" if self.has_read and not self.table.rows else self.table.heading()
        self.query_one("#columns", Static).update(no_rows)
        text = Text(no_wrap=True)
        for part, ink in self.heading():
            text.append(visible(part, keep_newlines=False), style=style(self.app.theme, ink))
        text.truncate(max(1, self.size.width - 2), overflow="ellipsis")
        self.query_one("#heading", Static).update(text)
        self.show_preview()

    def show_preview(self) -> None:
        """Show what belongs to the marked line."""
        self.query_one("#preview", TextPane).show(self.preview() if self.table.rows else [])

    def _scrolled(self) -> None:
        self.table.lay_out()
        self.query_one("#columns", Static).update(self.table.heading())

    # -- keys ---------------------------------------------------------------------------------------------------------
    def move_to(self, index: int) -> None:
        """Mark a line."""
        self.table.move_to(max(0, index))
        self.show_preview()

    def action_walk(self, by: int) -> None:
        """Go on or back by lines."""
        self.move_to(self.table.cursor + by)

    def action_page(self, by: int) -> None:
        """Go on or back by a screen."""
        self.move_to(self.table.cursor + by * self.table.page)

    def action_first(self) -> None:
        """Go to the first line."""
        self.move_to(0)

    def action_last(self) -> None:
        """Go to the last line."""
        self.move_to(self.table.count - 1)

    def action_below(self, by: int) -> None:
        """Scroll what stands below."""
        self.query_one("#preview", TextPane).scroll_relative(y=by, animate=False)

    async def action_open(self) -> None:
        """Open what is marked."""
        if self.table.selected is not None:
            await self.open_selected()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click marks a line; one on the marked line opens it."""
        if event.view is not self.table:
            return
        if event.index == self.table.cursor:
            begin(self, self.action_open)
        else:
            self.move_to(event.index)

    async def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """A command was typed."""
        await self.run_command(event.text)
