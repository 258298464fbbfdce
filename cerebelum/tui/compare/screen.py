"""Compare: two executions, each event on the line of the one that it belongs to, the first difference marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widgets import Static

from cerebelum.engine.application import diffing, query
from cerebelum.engine.application.diff_words import pair_name, pair_numbers
from cerebelum.engine.application.diffing import ExecutionDiff
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.words import versioned
from cerebelum.tui.base_screen import BaseScreen, Keys, first_line
from cerebelum.tui.coalescing import Coalesced
from cerebelum.tui.compare.detail import detail_lines
from cerebelum.tui.compare.side_list import SideList
from cerebelum.tui.lines import LineView, TextPane
from cerebelum.tui.marks import of_status
from cerebelum.tui.prompt import Prompt
from cerebelum.tui.status_line import StatusLine
from cerebelum.tui.themes import style

_WIDE = 110  # cells from which on the two stand side by side


class CompareScreen(BaseScreen):
    """Two executions. A fork is compared with what it was forked from; for any other the second one is asked for.

    Args:
        at: the event that one stood at; shown where nothing differs.
    """

    CSS = """
    CompareScreen #heading { height: auto; padding: 0 1; background: $panel; }
    CompareScreen #sides { height: 3fr; layout: vertical; }
    CompareScreen .side { height: 1fr; border-top: solid $faint; border-title-color: $dim; }
    CompareScreen .side.active { border-top: solid $accent; border-title-color: $accent; }
    CompareScreen #detail { height: 2fr; border-top: solid $faint; border-title-color: $dim; padding: 0 1; }
    CompareScreen.wide #sides { layout: horizontal; }
    CompareScreen.wide .side { width: 1fr; border: round $faint; }
    CompareScreen.wide .side.active { border: round $accent; }
    CompareScreen.wide #detail { border: round $faint; }
    """
    KEY_PAGE_TITLE = "Compare"
    KEY_PAGE: ClassVar[Sequence[tuple[str, Keys]]] = (
        ("Pairs", (("j k ↓ ↑", "next, previous"), ("] [", "next, previous difference"), ("home end", "the first, the last"),
                   ("pgdn pgup", "a page on, back"))),
        ("Beside", (("tab", "the other side"), ("enter", "open the replay of this side at this event"),
                    ("J K", "scroll what differs, payload and code"), ("d", "compare with another one"),
                    ("y", "copy what is below"))),
        ("Everywhere", ((":", "goto ID, theme light, help"), ("?", "this page"), ("^p", "all commands"),
                        ("T", "light or dark"), ("q esc", "back"))),
        ("Marks", (("◆", "they first differ here"), ("~", "differs"), ("-", "only the first has it"),
                   ("+", "only the second has it"), ("▶ ▷", "here; here on the other side"))),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "walk(1)", "Next pair"),
        Binding("k,up", "walk(-1)", "Previous pair"),
        Binding("pagedown", "page(1)", "A page on"),
        Binding("pageup", "page(-1)", "A page back"),
        Binding("home", "move(0)", "The first pair"),
        Binding("end", "move(-1)", "The last pair"),
        Binding("right_square_bracket", "difference(1)", "Next difference"),
        Binding("left_square_bracket", "difference(-1)", "Previous difference"),
        Binding("tab,shift+tab", "side", "The other side", priority=True),
        Binding("enter", "open", "Open the replay of this side at this event"),
        Binding("J,shift+down", "scroll(1)", "Scroll what differs"),
        Binding("K,shift+up", "scroll(-1)", "Scroll back"),
        Binding("d", "ask_other", "Compare with another one"),
        Binding("y", "copy", "Copy what is below"),
        Binding("escape", "leave", "Back", show=False),
    ]

    def __init__(self, execution_id: str, at: int | None = None) -> None:
        super().__init__()
        self._execution_id, self._at = execution_id, at
        self._ids: tuple[str, str] | None = None
        self.found: ExecutionDiff | None = None
        self.at = 0  # the pair one stands at
        self.side = 0
        self._is_settled = False  # whether it is known what to compare with, or was asked
        self._load = Coalesced(self, self._read, name="comparison")

    def compose(self) -> ComposeResult:
        """Heading, both sides, and what differs."""
        yield Static(id="heading", markup=False)
        with Vertical():
            with Container(id="sides"):
                for side in (SideList(0), SideList(1)):
                    side.add_class("side")
                    yield side
            yield TextPane(id="detail")
        yield StatusLine(
            (("j k", "pair"), ("] [", "difference"), ("tab", "side"), ("enter", "replay"), ("?", "help"), ("q", "back"),
             ("J K", "scroll"), ("d", "another"), ("y", "copy"))
        )  # fmt: skip
        yield Prompt()

    @property
    def is_still(self) -> bool:
        """Whether everything is read and shown."""
        return self._load.is_still and self._is_settled

    @property
    def sides(self) -> tuple[SideList, SideList]:
        """Both lists."""
        return self.query_one("#first", SideList), self.query_one("#second", SideList)

    def on_mount(self) -> None:
        """Read both."""
        self.query_one("#detail").border_title = "what differs"
        self.watch(self.app, "theme", self._show_heading, init=False)
        self.show_trouble(self.cerebelum.trouble)
        self._show_heading()
        self.news()

    def on_resize(self, event: events.Resize) -> None:
        """Side by side, or one under the other."""
        self.set_class(event.size.width >= _WIDE, "wide")
        self.call_after_refresh(self._show)

    def news(self) -> None:
        """Read what came."""
        self._load.ask()

    # -- reading ------------------------------------------------------------------------------------------------------
    async def _read(self) -> None:
        try:
            if self._ids is None and not self._is_settled:
                await self._find_origin()
            if self._ids is not None:
                await self._compare(*self._ids)
        except CerebelumError as error:
            self._is_settled = True
            self.refuse(first_line(error))

    async def _find_origin(self) -> None:
        view = await self.cerebelum.read(lambda engine: query.get_execution(engine, self._execution_id))
        if view is None:
            return
        self._is_settled = True
        origin = view.state.forked_from
        if origin is None:
            self.action_ask_other()
        elif await self.cerebelum.read(lambda engine: engine.store.get_execution(origin)) is None:
            self.say(f"{origin}, which it was forked from, is not there any more")
            self.action_ask_other()
        else:
            self._ids, self.side = (origin, self._execution_id), 1

    async def _compare(self, first: str, second: str) -> None:
        async def work(engine: Engine) -> ExecutionDiff | None:
            known = self.found
            if known is not None and (known.first.id, known.second.id) == (first, second):
                rows = [await engine.store.get_execution(each) for each in (first, second)]
                if _looks(*rows) == _looks(known.first, known.second):
                    return known
            return await diffing.diff(engine, first, second)

        found = await self.cerebelum.read(work)
        if found is None or found is self.found:
            return
        is_first = self.found is None or (self.found.first.id, self.found.second.id) != (first, second)
        self.found = found
        for side in self.sides:
            side.show(found)
        if is_first:
            self.at = self._where_to_begin(found)
        self._show()

    def _where_to_begin(self, found: ExecutionDiff) -> int:
        if found.first_divergence is not None:
            return found.first_divergence
        wanted = self._at or 1
        here = ((place, self.sides[self.side].event_of(pair)) for place, pair in enumerate(found.pairs))
        return next((place for place, event in here if event is not None and event.version >= wanted), 0)

    # -- showing ------------------------------------------------------------------------------------------------------
    def _show(self) -> None:
        found = self.found
        self._show_heading()
        if found is None:
            return
        self.at = max(0, min(self.at, len(found.pairs) - 1))
        for number, (side, row) in enumerate(zip(self.sides, (found.first, found.second), strict=True)):
            side.is_active = number == self.side
            side.set_class(side.is_active, "active")
            mark = "▶ " if side.is_active else ""
            side.border_title = visible(f"{mark}{'-+'[number]} {row.id}", keep_newlines=False)
            side.move_to(self.at)
            side.refresh()
        self.query_one("#detail", TextPane).show(detail_lines(found, self.at, 1 if self.side else 0))

    def _show_heading(self) -> None:
        theme, found = self.app.theme, self.found
        text = Text(no_wrap=True, overflow="ellipsis")
        if found is None:
            text.append(visible(self._execution_id, keep_newlines=False), style(theme, "strong"))
            text.append("\ncompared with …", style(theme, "dim"))
        else:
            for number, row in enumerate((found.first, found.second)):
                text.append_text(self._fitting(self._row_line(number, row)))
                text.append("\n")
            text.append_text(self._fitting(Text(*self._verdict(found))))
        self.query_one("#heading", Static).update(text)

    def _fitting(self, line: Text) -> Text:
        line.truncate(max(1, self.size.width - 2), overflow="ellipsis")
        return line

    def _row_line(self, number: int, row: ExecutionRow) -> Text:
        theme = self.app.theme
        sign, ink = of_status(row.status)
        origin = self.found.states[number].forked_from if self.found is not None else None
        forked = (
            f" · forked at event {self.found.states[number].forked_at}" if origin and self.found is not None else ""
        )
        return Text.assemble(
            (f"{'-+'[number]} ", style(theme, "good" if number else "bad")),
            (visible(row.id, keep_newlines=False), style(theme, "strong")),
            (f" · {visible(versioned(row.workflow, row.code), keep_newlines=False)} · ", style(theme, "text")),
            (f"{sign} {row.status.upper()}", style(theme, ink)),
            (f" · {row.last_version:,} events{forked}", style(theme, "dim")),
        )

    def _verdict(self, found: ExecutionDiff) -> tuple[str, str]:
        if found.first_divergence is None:
            return "no event differs", str(style(self.app.theme, "good"))
        pair = found.pairs[found.first_divergence]
        count = sum(each.kind != "same" for each in found.pairs)
        what = f"{pair_numbers(pair)} {pair.type} {pair_name(found, pair)}".rstrip()
        more = f" · {count:,} events differ" if count > 1 else ""
        return visible(f"◆ they first differ at {what}{more}", keep_newlines=False), str(
            style(self.app.theme, "accent")
        )

    # -- keys ---------------------------------------------------------------------------------------------------------
    def _go(self, at: int) -> None:
        if self.found is not None:  # else there is nowhere to go yet
            self.at = at
            self._show()

    def action_walk(self, by: int) -> None:
        """Go on or back by pairs."""
        self._go(self.at + by)

    def action_page(self, by: int) -> None:
        """Go on or back by a screen."""
        self._go(self.at + by * self.sides[0].page)

    def action_move(self, at: int) -> None:
        """Go to the first pair, or the last (-1)."""
        self._go(at if at >= 0 else (len(self.found.pairs) - 1 if self.found is not None else 0))

    def action_difference(self, direction: int) -> None:
        """Go to the next or previous pair that differs."""
        pairs = self.found.pairs if self.found is not None else ()
        places = range(self.at + 1, len(pairs)) if direction > 0 else range(min(self.at, len(pairs)) - 1, -1, -1)
        found = next((place for place in places if pairs[place].kind != "same"), None)
        if found is None:
            self.say(f"nothing differs {'after' if direction > 0 else 'before'} this")
        else:
            self._go(found)

    def action_side(self) -> None:
        """Go to the other side."""
        self.side = 1 - self.side
        self._show()

    def action_scroll(self, by: int) -> None:
        """Scroll what is below."""
        self.query_one("#detail", TextPane).scroll_relative(y=by, animate=False, force=True)

    async def action_open(self) -> None:
        """Open the replay of this side where one stands: at its event, or at the last one before."""
        found = self.found
        if found is None:
            return
        row = (found.first, found.second)[self.side]
        here = [self.sides[self.side].event_of(pair) for pair in found.pairs[: self.at + 1]]
        await self.cerebelum.open_replay(row.id, max((each.version for each in here if each is not None), default=0))

    def action_copy(self) -> None:
        """Copy what is below."""
        self.app.copy_to_clipboard(self.query_one("#detail", TextPane).text)
        self.say("copied what differs here")

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click goes to a pair, on its side."""
        if isinstance(event.view, SideList):
            self.side = event.view.side
            self._go(event.index)

    # -- the other one ------------------------------------------------------------------------------------------------
    def action_ask_other(self) -> None:
        """Ask what to compare with."""
        self.prompt.ask("other", "compare with", "an id, a unique beginning, @last or @last-failed")

    async def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """Another one was named, or a command was typed."""
        if event.what != "other":
            await self.run_command(event.text)
        elif event.text:
            await self._compare_with(event.text)

    async def _compare_with(self, text: str) -> None:
        try:
            other = await self.cerebelum.read(lambda engine: query.resolve_id(engine, text))
        except CerebelumError as error:
            self.refuse(first_line(error))
            return
        if other == self._execution_id:
            self.refuse(f"{other} is this one: name another")
        elif other is not None:
            self._ids, self.side = (self._execution_id, other), 0
            self.news()


def _looks(*rows: ExecutionRow | None) -> list[tuple[int, str] | None]:
    """Return what changes with a history: a row changes more often."""
    return [None if row is None else (row.last_version, row.status) for row in rows]
