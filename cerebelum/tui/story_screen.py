"""What the screens have in common that show one execution as a picture: its events as they come, and where one stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Static

from cerebelum.engine.application.versions import is_failure
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.words import versioned
from cerebelum.tui.base_screen import first_line
from cerebelum.tui.coalescing import Coalesced
from cerebelum.tui.lines import Piece, TextPane
from cerebelum.tui.marks import of_event, of_status
from cerebelum.tui.places import LeadingScreen, place_named
from cerebelum.tui.prompt import Prompt
from cerebelum.tui.story import Story
from cerebelum.tui.themes import style


class StoryScreen(LeadingScreen):
    """Knows at which event one stands. A subclass shows it, and says by `PLACE` which of the places it is.

    Args:
        at: the event to begin at; default: where it failed, else the newest.
    """

    PLACE: ClassVar[str] = ""
    PICTURES: ClassVar[frozenset[str]] = frozenset({"timeline", "graph"})  # of the same: one takes the other's place
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_square_bracket", "failure(1)", "Next failure"),
        Binding("left_square_bracket", "failure(-1)", "Previous failure"),
        Binding("enter", "open", "Open the replay here"),
        Binding("escape", "leave", "Back", show=False),
    ]

    def __init__(self, execution_id: str, at: int | None = None) -> None:
        super().__init__()
        self.story = Story(execution_id, self.take)
        self.version = 0  # the event one stands at; 0: before the first
        self._begin_at = at
        self._has_begun = False
        self._load = Coalesced(self, self._catch_up, name="story")

    # -- for subclasses -----------------------------------------------------------------------------------------------
    def take(self, news: Sequence[RecordedEvent]) -> None:
        """Take events as they are read; before anything is shown."""

    def show_story(self) -> None:
        """Show what is known, and where one stands."""
        raise NotImplementedError

    @property
    def more_heading(self) -> str:
        """What else the heading says."""
        return ""

    # -- reading ------------------------------------------------------------------------------------------------------
    def on_mount(self) -> None:
        """Read the history."""
        self.watch(self.app, "theme", self._theme_changed, init=False)
        self.show_trouble(self.cerebelum.trouble)
        self.news()

    def _theme_changed(self) -> None:
        self.show_story()

    def on_resize(self, _: events.Resize) -> None:
        """Draw for the new size, once everything has its own."""
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        if self._has_begun and self.is_attached:
            self.show_story()

    @property
    def is_still(self) -> bool:
        """Whether everything is read and shown."""
        return self._has_begun and self._load.is_still

    def news(self) -> None:
        """Read what came."""
        self._load.ask()

    async def _catch_up(self) -> None:
        before, was_last = self.story.row, self.version == len(self.story)
        try:
            news = await self.cerebelum.read(self.story.catch_up)
        except CerebelumError as error:  # removed while one looks at it
            self._has_begun = True
            self.refuse(first_line(error))
            return
        if news is None or not self.is_there or (not news and before == self.story.row and self._has_begun):
            return
        if not self._has_begun:
            self._has_begun = True
            wanted = self._begin_at if self._begin_at is not None else self._where_it_failed()
            self.version = max(0, min(wanted, len(self.story)))
            self.begun()
        elif was_last:
            self.version = len(self.story)
        self.show_story()

    def begun(self) -> None:
        """The history was read for the first time, and it is known where one stands."""

    def _where_it_failed(self) -> int:
        index = self.story.index
        last = len(index)
        failed = index.failure(last, -1) if last and is_failure(index.events[-1].type) else None
        return last if failed is None else failed

    # -- showing ------------------------------------------------------------------------------------------------------
    def show_heading(self) -> None:
        """Show what, when, and how it stood."""
        story, theme, row = self.story, self.app.theme, self.story.row
        status = story.status(self.version)
        if self.version == len(story) and row is not None:
            status = row.status  # which knows of what is on its way, too
        sign, ink = of_status(status)
        what = Text.assemble((visible(story.execution_id, keep_newlines=False), style(theme, "strong")))
        if row is not None:
            what.append(f" · {visible(versioned(row.workflow, row.code), keep_newlines=False)}", style(theme, "text"))
        after = f"{(story.at_us(self.version) - story.at_us(1)) / 1_000_000:.2f}s" if self.version else "0s"
        when = Text.assemble((f"{sign} {status.upper()}", style(theme, ink) + style(theme, "strong").without_color))
        when.append(f" · event {self.version:,}/{len(story):,} · t={after}", style(theme, "text"))
        when.append(self.more_heading, style(theme, "dim"))
        fits = what.cell_len + when.cell_len + 3 <= self.size.width - 2
        self.query_one("#heading", Static).update(Text.assemble(what, " · " if fits else "\n", when))

    def event_pieces(self) -> list[Piece]:
        """Return the line that says what the event is that one stands at."""
        if not self.version:
            return [Piece("before the first event", "dim")]
        kind = self.story.events[self.version - 1].type
        sign, ink = of_event(kind)
        summary = self.story.index.summary(self.version)
        return [Piece(f"{self.version} ", "dim"), Piece(f"{sign} {kind}", ink), Piece(f"  {summary}", "text")]

    def show_detail(self, *lines: Sequence[Piece]) -> None:
        """Show the event, and these lines, below the picture."""
        self.query_one("#detail", TextPane).show([self.event_pieces(), *lines])

    # -- moving -------------------------------------------------------------------------------------------------------
    def standing_at(self) -> tuple[str, int | None] | None:
        """Return the execution, and the event one stands at."""
        return self.story.execution_id, self.version

    def go(self, version: int) -> None:
        """Stand at an event."""
        self.version = max(0, min(version, len(self.story)))
        self.show_story()

    def action_failure(self, direction: int) -> None:
        """Go to the next or previous failure."""
        found = self.story.index.failure(self.version, direction)
        if found is None:
            self.say(f"nothing failed {'after' if direction > 0 else 'before'} this event")
        else:
            self.go(found)

    async def action_open(self) -> None:
        """Open the replay at the event one stands at."""
        await self.open_replay(self.version)

    async def open_replay(self, version: int) -> None:
        """Show the replay at an event: the one that this screen lies over, where there is one."""
        from cerebelum.tui.replay.screen import ReplayScreen

        below = self.app.screen_stack[-2]
        if isinstance(below, ReplayScreen) and below.past.execution_id == self.story.execution_id:
            await self.app.pop_screen()
            below.go(version)
        else:
            await self.cerebelum.open_replay(self.story.execution_id, version)

    async def action_go_to(self, name: str) -> None:
        """Open a screen over this one; another picture of the same execution in its place."""
        if name == self.PLACE:
            self.say(f"this is the {name}")
        elif name in self.PICTURES:
            await self.app.switch_screen(place_named(name).make(self.story.execution_id, self.version))
        else:
            await super().action_go_to(name)

    async def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """A command was typed; a number is an event's."""
        if event.text.isascii() and event.text.isdigit():
            self.go(int(event.text[:9]))
        else:
            await self.run_command(event.text)
