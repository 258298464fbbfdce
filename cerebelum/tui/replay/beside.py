"""The keys for what stands beside the events: values, lines, watches, breakpoints; and what the mouse does."""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar

from textual.binding import Binding, BindingType

from cerebelum.engine.application.standing import Place
from cerebelum.tui.lines import LineView, TextPane
from cerebelum.tui.prompt import Prompt
from cerebelum.tui.replay.editor import edit
from cerebelum.tui.replay.event_list import EventList
from cerebelum.tui.replay.panes import payload_text
from cerebelum.tui.replay.past import on_disk
from cerebelum.tui.replay.showing import ShowingScreen
from cerebelum.tui.replay.source_pane import SourcePane
from cerebelum.tui.replay.strip import HistoryStrip
from cerebelum.tui.replay.tab_bar import TabBar
from cerebelum.tui.replay.value_pane import ValuePane


class BesideScreen(ShowingScreen):
    """A walk on which one can ask about what is seen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "tab(1)", "Next tab", priority=True),
        Binding("shift+tab", "tab(-1)", "Previous tab", priority=True),
        Binding("J,shift+down", "beside(1)", "Next value or line, or scroll on"),
        Binding("K,shift+up", "beside(-1)", "Previous value or line, or scroll back"),
        Binding("c", "cause", "Go to the event that last changed this value"),
        Binding("w", "ask_watch", "Watch a value over the whole past"),
        Binding("b", "breakpoint", "Set or clear a breakpoint on the marked line"),
        Binding("y", "copy", "Copy what is marked"),
        Binding("e", "edit", "Open the line in $EDITOR"),
        Binding("escape", "leave", "Back", show=False),
    ]

    def action_tab(self, by: int) -> None:
        """Show the next tab, or the one before."""
        self.show_tab(self.query_one(TabBar).next(by))

    @property
    def beside(self) -> LineView:
        """The pane that `J` and `K` walk in."""
        active = self.query_one(TabBar).active
        return self.query_one(f"#{'locals' if active == 'source' and self.has_class('wide') else active}", LineView)

    def action_beside(self, by: int) -> None:
        """Mark the next value or line, or scroll what has none."""
        pane = self.beside
        if isinstance(pane, ValuePane | SourcePane):
            pane.walk(by)
        else:
            pane.scroll_relative(y=by, animate=False, force=True)

    # -- values -------------------------------------------------------------------------------------------------------
    def action_cause(self) -> None:
        """Go to the event at which the marked value got what it is."""
        pane = self.beside
        value = pane.selected if isinstance(pane, ValuePane) else None
        if value is None:
            self.say("mark a value first: J and K walk through locals and watches")
            return
        if pane.id == "watches":
            found = self.past.watched(value.name).before(self.version)
        else:
            found = self.past.last_change(value.name, self.version)
        self.go_or_say(found, f"{value.name} did not change before this event")

    def action_ask_watch(self) -> None:
        """Ask what to watch."""
        self.prompt.ask("watch", "w", "a local and what follows: order, order.total, items[0]")

    def action_copy(self) -> None:
        """Copy the marked value, or what the tab shows."""
        pane = self.beside
        value = pane.selected if isinstance(pane, ValuePane) else None
        if value is not None:
            text, what = value.text, value.name
        elif pane.id == "payload":
            text, what = payload_text(self.past, self.version), f"the payload of event {self.version}"
        elif isinstance(pane, TextPane):
            text, what = pane.text, f"the {pane.id}"
        else:
            place = self.marked_place()
            text = f"{on_disk(place[0])}:{place[1]}" if place is not None else ""
            what = "the place in the source"
        self.app.copy_to_clipboard(text)
        self.say(f"copied {what}")

    # -- lines --------------------------------------------------------------------------------------------------------
    def marked_place(self) -> Place | None:
        """Return the line that is marked in the source, else the one on which code stands; None: it stands nowhere."""
        pane = self.query_one(SourcePane)
        entry = self.place_of(self.past.standing(self.version))
        if pane.display and pane.file and entry is not None:
            return pane.file, pane.marked
        return (entry.file, entry.line) if entry is not None else None

    def action_breakpoint(self) -> None:
        """Set a breakpoint on the marked line, or on the one whose number was typed; or clear it."""
        place, typed = self.marked_place(), self.take_count()
        if place is None:
            self.say(f"{self._nowhere()}: go to one where it does, then b")
            return
        file, line = place[0], typed or place[1]
        name, lines = PurePath(on_disk(file)).name, len(self.past.source(file))
        if lines and line > lines:
            self.say(f"there is no line {line:,} in {name}: it has {lines:,}")
            return
        if self.toggle_breakpoint((file, line)):
            self.say(f"breakpoint on {name}:{line} · n runs on to it, N back")
        else:
            left = f"{len(self.breakpoints)} left" if self.breakpoints else "none is left"
            self.say(f"no breakpoint on {name}:{line} any more · {left}")
        self.show_breakpoints()

    def _nowhere(self) -> str:
        soon = self.past.is_replaying and self.version > self.past.made
        return "this event is still being replayed" if soon else "no code stands anywhere at this event"

    def action_edit(self) -> None:
        """Open the line in the editor."""
        place = self.marked_place()
        if place is None:
            self.say(self._nowhere())
        elif problem := edit(self.app, self.cerebelum.find_file(on_disk(place[0])), place[1]):
            self.refuse(problem)

    # -- what was typed, and the mouse --------------------------------------------------------------------------------
    async def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """A search, a watch or a command was typed."""
        if event.what == "search":
            self.search_for(event.text)
        elif event.what == "watch" and event.text:
            self._watch(event.text)
        elif event.text.isascii() and event.text.isdigit():
            self.go(int(event.text[:9]))
        else:
            await self.run_command(event.text)

    def _watch(self, text: str) -> None:
        try:
            self.past.add_watch(text)
        except ValueError as error:
            self.refuse(str(error))
            return
        self.show_tab("watches")
        self.news()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click on an event goes there, one on a value or a line marks it."""
        if isinstance(event.view, EventList):
            self.go(event.index)
        elif isinstance(event.view, ValuePane | SourcePane):
            event.view.mark(event.index)

    def on_history_strip_went(self, event: HistoryStrip.Went) -> None:
        """A click on the strip goes there."""
        self.go(event.version)

    def on_tab_bar_picked(self, event: TabBar.Picked) -> None:
        """A click on a tab shows it."""
        self.show_tab(event.name)
