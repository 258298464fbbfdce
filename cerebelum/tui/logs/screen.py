"""Logs: what the steps of an execution printed and logged, while they do and afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from cerebelum.engine.application import query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.words import clock
from cerebelum.tui.base_screen import BaseScreen, Keys, first_line
from cerebelum.tui.coalescing import Coalesced
from cerebelum.tui.lines import LineView, Piece, TextPane
from cerebelum.tui.list_screen import EVERYWHERE_KEYS, WALK_KEYS
from cerebelum.tui.logs.book import LEVELS, LogBook, LogFilter
from cerebelum.tui.logs.view import LogView, of_level, step_text
from cerebelum.tui.marks import of_status
from cerebelum.tui.prompt import Prompt
from cerebelum.tui.status_line import StatusLine
from cerebelum.tui.themes import style
from cerebelum.tui.workers import begin
from cerebelum.tui.wrapping import wrapped

_ASIDE = 16  # cells that `l` and `h` scroll by
_AROUND = 40  # lines above and below the screen whose texts are read with it


class LogsScreen(BaseScreen):
    """The log lines of one execution.

    Args:
        at: begin at the first line at or after this event; default: at the newest.
    """

    CSS = """
    LogsScreen #heading { height: 1; padding: 0 1; background: $panel; }
    LogsScreen #table { height: 1fr; }
    LogsScreen #whole { height: 30%; min-height: 5; border-top: solid $faint; padding: 0 1; background: $surface;
                        border-title-color: $dim; }
    """
    KEY_PAGE_TITLE = "Logs"
    KEY_PAGE: ClassVar[Sequence[tuple[str, Keys]]] = (
        ("Walk", (*WALK_KEYS, ("h l ← →", "scroll long lines"),
                  ("t", "follow what comes, or stay"), ("enter", "the replay, at the event of this line"))),
        ("Choose", (("/", "lines that hold a text"), ("s", "of the next step; after the last: of all"),
                    ("v", "from the next level on: debug, info, warning, error"), ("esc", "all lines; again: back"))),
        ("Act", (("y", "copy the line"),)),
        ("Everywhere", EVERYWHERE_KEYS),
        ("Marks", tuple((of_level(level)[0], level) for level in ("debug", "info", "stderr", "warning", "error"))),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "walk(1)", "Next line"),
        Binding("k,up", "walk(-1)", "Previous line"),
        Binding("pagedown", "page(1)", "A page on"),
        Binding("pageup", "page(-1)", "A page back"),
        Binding("home", "first", "The first line"),
        Binding("end", "last", "The newest line"),
        Binding("l,right", "aside(1)", "Scroll long lines"),
        Binding("h,left", "aside(-1)", "Scroll back"),
        Binding("J,shift+down", "whole(1)", "Scroll the whole line"),
        Binding("K,shift+up", "whole(-1)", "Scroll the whole line back"),
        Binding("t", "tail", "Follow what comes"),
        Binding("slash", "ask_text", "Lines that hold a text"),
        Binding("s", "step", "Lines of the next step"),
        Binding("v", "level", "Lines from the next level on"),
        Binding("escape", "clear", "All lines again, or back"),
        Binding("enter", "open", "The replay at this line"),
        Binding("y", "copy", "Copy the line"),
    ]

    def __init__(self, execution_id: str, at: int | None = None) -> None:
        super().__init__()
        self.book = LogBook(execution_id)
        self.row: ExecutionRow | None = None
        self.is_tailing = at is None
        self._begin_at, self._begin_us = at, 0
        self._has_read = False
        self._seek: int | None = None  # the line to stay near while a filter reads all lines again
        self._load = Coalesced(self, self._catch_up, name="logs")
        self._texts = Coalesced(self, self._fetch, name="texts")

    def compose(self) -> ComposeResult:
        """Heading, lines, and the marked one in full."""
        yield Static(id="heading")
        yield LogView(self.book, self._is_missing)
        yield TextPane(id="whole")
        yield StatusLine(
            (("t", "follow"), ("/", "text"), ("s", "step"), ("v", "level"), ("enter", "replay"), ("?", "help"),
             ("q", "back"), ("h l", "aside"), ("y", "copy"))
        )  # fmt: skip
        yield Prompt()

    @property
    def table(self) -> LogView:
        """The lines."""
        return self.query_one(LogView)

    @property
    def is_still(self) -> bool:
        """Whether everything is read and shown."""
        return self._has_read and self._load.is_still and self._texts.is_still

    @property
    def is_over(self) -> bool:
        """Whether no further line can come."""
        return self.row is not None and self.row.ended

    def on_mount(self) -> None:
        """Read."""
        self.watch(self.app, "theme", self.show_all, init=False)
        self.watch(self.table, "scroll_y", self._texts.ask, init=False)
        self.show_trouble(self.cerebelum.trouble)
        self.news()

    def news(self) -> None:
        """Read what came."""
        self._load.ask()

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002 - Textual's signature
        """Wrap anew."""
        self.call_after_refresh(self.show_all)

    # -- reading ------------------------------------------------------------------------------------------------------
    async def _catch_up(self) -> None:
        try:
            row = await self.cerebelum.read(self._look)
            if row is None:
                return
            while await self.cerebelum.read(self.book.read_on):
                self._grown()  # after each page, so that one sees and walks while the rest is read
        except CerebelumError as error:  # removed while one looks at it
            self._has_read = True
            self.refuse(first_line(error))
            return
        self._seek = None
        self.row, self._has_read = row, True  # the row was read before the lines: they are all there if it has ended
        if self.is_over:
            self.is_tailing = False
        self._grown()
        self.show_all()

    async def _look(self, engine: Engine) -> ExecutionRow:
        execution_id = self.book.execution_id
        row = await engine.store.get_execution(execution_id)
        if row is None:
            raise await query.not_found(engine, execution_id)
        if self._begin_at and not self._begin_us:
            found = await query.history(engine, execution_id, from_version=self._begin_at, to_version=self._begin_at)
            self._begin_us = found[0].at_us if found else 1
        return row

    def _grown(self) -> None:
        table = self.table
        marked = table.marked
        table.resize_to(len(self.book.shown))
        if self._begin_at is not None and not self._has_read:
            table.move_to(self.book.index_from(self._begin_us))
        elif (
            self.is_tailing
            or (not self._has_read and self._begin_at is None)
            or (marked is None and self._seek is None)
        ):
            table.move_to(table.count - 1)
        elif (wanted := marked if self._seek is None else self._seek) is not None:
            table.move_to(self.book.index_of(wanted))
        self._mark()
        self.show_heading()

    def _is_missing(self) -> None:
        self.call_later(self._texts.ask)

    async def _fetch(self) -> None:
        table = self.table
        top = round(table.scroll_offset.y)
        near = range(top - _AROUND, top + table.size.height + _AROUND)
        if await self.cerebelum.read(lambda engine: self.book.fetch(engine, (*near, table.cursor))):
            table.refresh()
            self._show_whole()

    # -- showing ------------------------------------------------------------------------------------------------------
    def show_all(self) -> None:
        """Draw everything anew."""
        if len(self.query("#heading, #table, #whole")) == 3:  # else it was left meanwhile
            self.table.show_line(self.table.cursor)
            self.table.refresh()
            self.show_heading()
            self._show_whole()

    def show_heading(self) -> None:
        """Show whose lines, how many, and which of them."""
        theme, book, row = self.app.theme, self.book, self.row
        text = Text(no_wrap=True)
        text.append(visible(book.execution_id, keep_newlines=False), style=style(theme, "strong"))
        text.append(" · logs", style=style(theme, "text"))
        if row is not None:
            sign, ink = of_status(row.status)
            text.append(f" · {sign} {row.status}", style=style(theme, ink))
        shown = f"{len(book.shown):,} of {len(book):,}" if book.filter else f"{len(book):,}"
        text.append(f" · {shown} {'line' if len(book) == 1 else 'lines'}", style=style(theme, "text"))
        wanted = [f"step {book.filter.step}"] if book.filter.step is not None else []
        wanted += [f"from {book.filter.level} on"] if book.filter.level != LEVELS[0] else []
        wanted += [f"/{book.filter.text}"] if book.filter.text else []
        if wanted:
            text.append(f" · {visible(' · '.join(wanted), keep_newlines=False)}", style=style(theme, "wait"))
        if self.is_tailing:
            text.append(" · live", style=style(theme, "accent"))
        text.truncate(max(1, self.size.width - 2), overflow="ellipsis")
        self.query_one("#heading", Static).update(text)

    def _show_whole(self) -> None:
        pane, table = self.query_one("#whole", TextPane), self.table
        line = self.book.line(table.cursor)
        if line is None:
            none = (
                "no line fits" if self.book.filter else f"nothing was printed or logged{'' if self.is_over else ' yet'}"
            )
            pane.border_title = ""
            pane.show([[Piece(none if self._has_read and self.book.is_settled and not table.count else "", "dim")]])
            return
        where = f"{step_text(line.step, line.attempt)} · {line.level} · {clock(line.at_us)}"
        pane.border_title = visible(where, keep_newlines=False)
        pane.show(wrapped(line.message, pane.scrollable_content_region.width, of_level(line.level)[1]
                          if of_level(line.level)[1] in ("bad", "wait") else "text"))  # fmt: skip

    def _mark(self) -> None:
        table = self.table
        table.marked = self.book.shown[table.cursor] if 0 <= table.cursor < len(self.book.shown) else None
        self._texts.ask()
        self._show_whole()

    # -- keys ---------------------------------------------------------------------------------------------------------
    def move_to(self, index: int) -> None:
        """Mark a line; only at the end one may go on to follow."""
        self.is_tailing = self.is_tailing and index >= self.table.count - 1
        self._seek = None
        self.table.move_to(max(0, index))
        self._mark()
        self.show_heading()

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
        """Go to the newest line."""
        self.move_to(self.table.count - 1)

    def action_aside(self, by: int) -> None:
        """Scroll messages sideways."""
        self.table.aside = max(0, self.table.aside + by * _ASIDE)
        self.table.refresh()

    def action_whole(self, by: int) -> None:
        """Scroll the whole line."""
        self.query_one("#whole", TextPane).scroll_relative(y=by, animate=False)

    def action_tail(self) -> None:
        """Stay at the newest line while more come, or no longer."""
        if self.is_over and not self.is_tailing:
            self.action_last()
            self.say("it has ended: no further line will come")
            return
        self.is_tailing = not self.is_tailing
        if self.is_tailing:
            self.move_to(self.table.count - 1)
        self.show_heading()

    def narrow(self, wanted: LogFilter) -> None:
        """Show other lines, and stay near the marked one."""
        self._seek = marked = self.table.marked if self._seek is None else self._seek
        self.book.narrow(wanted)
        self.table.resize_to(len(self.book.shown))
        if self.table.count:
            self.table.move_to(self.book.index_of(marked) if marked is not None else self.table.count - 1)
            self._mark()
        self.news()
        self.show_all()

    def action_ask_text(self) -> None:
        """Ask for a text."""
        self.prompt.ask("text", "/", "lines that hold this text", self.book.filter.text)

    def action_step(self) -> None:
        """Show the lines of the next step, after the last one those of all."""
        choices = [None, *self.book.steps]
        at = choices.index(self.book.filter.step) if self.book.filter.step in choices else 0
        self.narrow(replace(self.book.filter, step=choices[(at + 1) % len(choices)]))

    def action_level(self) -> None:
        """Show the lines from the next level on, after the highest one all."""
        at = LEVELS.index(self.book.filter.level)
        self.narrow(replace(self.book.filter, level=LEVELS[(at + 1) % len(LEVELS)]))

    async def action_clear(self) -> None:
        """Show all lines; where all are shown, go back."""
        if self.book.filter:
            self.narrow(LogFilter())
        else:
            await self.action_leave()

    def action_copy(self) -> None:
        """Copy the marked line."""
        line = self.book.line(self.table.cursor)
        if line is not None:
            self.app.copy_to_clipboard(line.message)
            self.say(f"copied the line of {step_text(line.step, line.attempt)}")

    async def action_open(self) -> None:
        """Open the replay at the first event at or after the marked line."""
        if not 0 <= self.table.cursor < self.table.count:
            return
        at_us = self.book.at_us(self.table.cursor)
        try:
            version = await self.cerebelum.read(lambda engine: self._event_from(engine, at_us))
        except CerebelumError as error:
            self.refuse(first_line(error))
            return
        if version is not None:
            await self.cerebelum.open_replay(self.book.execution_id, version)

    async def _event_from(self, engine: Engine, at_us: int) -> int:
        """Return the version of the first event at or after an instant, by halving; the last where there is none."""
        row = await self._look(engine)
        low, high = 1, row.last_version
        while low < high:
            middle = (low + high) // 2
            found = await query.history(engine, row.id, from_version=middle, to_version=middle)
            if found and found[0].at_us < at_us:
                low = middle + 1
            else:
                high = middle
        return low

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click marks a line; one on the marked line opens the replay."""
        if event.view is not self.table:
            return
        if event.index == self.table.cursor:
            begin(self, self.action_open)
        else:
            self.move_to(event.index)

    async def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """A text or a command was typed."""
        if event.what == "text":
            self.narrow(replace(self.book.filter, text=event.text))
        else:
            await self.run_command(event.text)
