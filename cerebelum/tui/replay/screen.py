"""Replay: the past of one execution. Left the events, right the code, its locals, and what else was so at that event."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widgets import Static

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.words import versioned
from cerebelum.engine.runtime.frames import Frame, StackEntry
from cerebelum.tui.base_screen import Keys, first_line
from cerebelum.tui.coalescing import Coalesced
from cerebelum.tui.lines import LineView, TextPane
from cerebelum.tui.marks import is_failure, of_status
from cerebelum.tui.places import place_keys
from cerebelum.tui.prompt import Prompt
from cerebelum.tui.replay.editor import edit
from cerebelum.tui.replay.event_list import EventList
from cerebelum.tui.replay.panes import (
    context_lines,
    local_values,
    log_lines,
    payload_lines,
    payload_text,
    pieces_of,
    watch_values,
)
from cerebelum.tui.replay.past import on_disk
from cerebelum.tui.replay.source_pane import SourcePane
from cerebelum.tui.replay.strip import HistoryStrip
from cerebelum.tui.replay.tab_bar import TABS, TabBar
from cerebelum.tui.replay.value_pane import ValuePane
from cerebelum.tui.replay.walking import WalkingScreen
from cerebelum.tui.status_line import StatusLine
from cerebelum.tui.themes import style

_WIDE = 110  # cells from which on events and code stand side by side


class ReplayScreen(WalkingScreen):
    """Time travel through one execution.

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
    KEY_PAGE: ClassVar[Sequence[tuple[str, Keys]]] = (
        ("Events", (("j k ↓ ↑", "next, previous; 5j: five on"), ("l h → ←", "next, previous of the same step"),
                    ("] [", "next, previous failure"), ("home end", "before the first, the newest"),
                    ("123G", "event 123"), ("pgdn pgup", "a page on, back"), ("/ n N", "search, next, previous"))),
        ("Time", (("space", "play, stop"), ("+ -", "faster, slower"), ("t", "follow what comes"))),
        ("Beside", (("tab shift+tab", "source, locals, context, payload, logs, watches"),
                    ("J K", "next, previous value; scroll"), ("c", "to the event that last changed this value"),
                    ("w", "watch a value over the whole past: order.total"), ("y", "copy what is marked"),
                    ("e", "open the line in $EDITOR"))),
        ("Go to", place_keys(of_one=True)),
        ("Everywhere", ((":", "an event's number, goto ID, theme light, help"), ("?", "this page"),
                        ("^p", "all commands"), ("T", "light or dark"), ("q esc", "back"))),
        ("Marks", (("✓ ✗ ⊘", "done, failed, cancelled"), ("▸ ⇣ ⇡ ◷", "began, waits, was told, timer"),
                   ("~ + -", "changed, new, gone"), ("▶ ▷", "here; another task"))),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "tab(1)", "Next tab", priority=True),
        Binding("shift+tab", "tab(-1)", "Previous tab", priority=True),
        Binding("J,shift+down", "beside(1)", "Next value, or scroll on"),
        Binding("K,shift+up", "beside(-1)", "Previous value, or scroll back"),
        Binding("c", "cause", "Go to the event that last changed this value"),
        Binding("w", "ask_watch", "Watch a value over the whole past"),
        Binding("y", "copy", "Copy what is marked"),
        Binding("e", "edit", "Open the line in $EDITOR"),
        Binding("escape", "leave", "Back", show=False),
    ]

    def __init__(self, execution_id: str, at: int | None = None) -> None:
        super().__init__(execution_id)
        self._begin_at = at
        self._has_begun = self._must_begin_anew = False
        self._load = Coalesced(self, self._catch_up, name="history")
        self._panes = Coalesced(self, self._show_panes, name="panes")
        self._payload_of = -1

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
                             TextPane(id="logs"), ValuePane(id="watches")):  # fmt: skip
                    pane.add_class("pane")
                    yield pane
        yield StatusLine(
            (("j k", "event"), ("] [", "failure"), ("space", "play"), ("tab", "beside"), ("?", "help"), ("q", "back"),
             ("h l", "step"), ("c", "cause"), ("w", "watch"), ("/", "search"), ("t", "tail"), ("e", "edit"),
             ("y", "copy"), ("123G", "go"))
        )  # fmt: skip
        yield Prompt()

    @property
    def is_still(self) -> bool:
        """Whether everything is read and shown."""
        return self._has_begun and self._load.is_still and self._panes.is_still

    def on_mount(self) -> None:
        """Read the history."""
        self.query_one("#left").border_title = "events"
        self.watch(self.app, "theme", self.show_version, init=False)
        self._lay_out()
        self.show_trouble(self.cerebelum.trouble)
        self.news()

    def news(self) -> None:
        """Read what came."""
        self._load.ask()

    # -- reading ------------------------------------------------------------------------------------------------------
    async def _catch_up(self) -> None:
        app, past = self.cerebelum, self.past
        try:
            is_new = await app.read(past.catch_up)
            if is_new is None:
                return
            if is_new:
                self._grown()
            anew, self._must_begin_anew = self._must_begin_anew, False
            if anew or (is_new and len(past.frames) < len(past.index)):
                await app.read(lambda engine: past.make_frames(engine, self._panes.ask, anew=anew))
        except CerebelumError as error:  # removed while one looks at it
            self.refuse(first_line(error))

    def _grown(self) -> None:
        last = len(self.past.index)
        self.query_one(EventList).resize_to(last + 1)
        if not self._has_begun:
            self._has_begun = True
            wanted = self._begin_at
            self.go(wanted if wanted is not None else self._where_it_failed() or last)
        elif self.is_tailing:
            self.go(last, is_tailing=True)
        else:
            self.show_version()

    def _where_it_failed(self) -> int | None:
        index = self.past.index
        if not len(index) or not is_failure(index.events[-1].type):
            return None
        return index.failure(len(index), -1)

    # -- showing ------------------------------------------------------------------------------------------------------
    def show_version(self) -> None:
        """Move the mark at once; what stands beside follows."""
        events_ = self.query_one(EventList)
        events_.move_to(self.version)
        events_.refresh()
        self.query_one(HistoryStrip).show(self.version)
        self.show_heading()
        self._panes.ask()

    @property
    def page_events(self) -> int:
        """How many events a page has."""
        return self.query_one(EventList).page

    def show_heading(self) -> None:
        """Show what, when, and how one moves."""
        past, theme, row = self.past, self.app.theme, self.past.row
        status = past.status(self.version)
        sign, ink = of_status(status)
        what = Text.assemble((visible(past.execution_id, keep_newlines=False), style(theme, "strong")))
        if row is not None:
            what.append(f" · {visible(versioned(row.workflow, row.code), keep_newlines=False)}", style(theme, "text"))
        after = f"{past.index.after_us(self.version) / 1_000_000:.2f}s" if self.version else "0s"
        when = Text.assemble(
            (f"{sign} {status.upper() or '…'}", style(theme, ink) + style(theme, "strong").without_color)
        )
        when.append(f" · event {self.version:,}/{len(past.index):,} · t={after}", style(theme, "text"))
        if self.is_playing:
            when.append(f" · ▶ {self.speed}/s", style(theme, "accent"))
        if self.is_tailing:
            when.append(" · live", style(theme, "accent"))
        if past.is_replaying and len(past.frames) < len(past.index):
            when.append(f" · replaying {len(past.frames):,}", style(theme, "dim"))
        fits = what.cell_len + when.cell_len + 3 <= self.size.width - 2
        self.query_one("#heading", Static).update(Text.assemble(what, " · " if fits else "\n", when))

    async def _show_panes(self) -> None:
        self.show_heading()
        bar = self.query_one(TabBar)
        frame = self.past.standing(self.version)
        if bar.active in ("source", "locals"):
            self._show_source(frame)
            self._show_locals(frame)
        elif bar.active == "context":
            self.query_one("#context", TextPane).show(context_lines(self.past, self.version))
        elif bar.active == "payload":
            self.query_one("#payload", TextPane).show(payload_lines(self.past, self.version))
        elif bar.active == "logs":
            self._show_logs()
        else:
            values = watch_values(self.past, self.version)
            pane = self.query_one("#watches", ValuePane)
            pane.show_values(values)
            if not values:
                pane.show(pieces_of("nothing is watched\nw watches a value over the whole past: order.total"))

    def _place(self, frame: Frame | None) -> StackEntry | None:
        stacks = [task.stack for task in frame.tasks if task.stack] if frame is not None else []
        return stacks[0][-1] if stacks else None

    def _show_source(self, frame: Frame | None) -> None:
        pane, entry = self.query_one(SourcePane), self._place(frame)
        if frame is None and self.version > 0 and not self.past.problem:
            return  # its frame comes soon; until then what was shown stays
        if frame is None or entry is None:
            pane.clear()
            pane.border_title = visible(self.past.problem or "source", keep_newlines=False)
            return
        lines = self.past.source(entry.file)
        others = {
            each.line for task in frame.tasks for each in task.stack if each.file == entry.file and each is not entry
        }
        pane.show(entry.file, lines, entry.line, others)
        digest = f" @{self.past.row.code[:4]}" if self.past.row is not None and self.past.row.code else ""
        where = f"{PurePath(on_disk(entry.file)).name}:{entry.line}{digest}"
        ended = "" if frame.version == self.version or not self._is_over(frame) else " · stood here last"
        gone = "" if lines else " · the source was not kept"
        pane.border_title = visible(f"{where}{ended}{gone}", keep_newlines=False)

    def _is_over(self, frame: Frame) -> bool:
        now = self.past.frame(self.version)
        return now is not None and now is not frame

    def _show_locals(self, frame: Frame | None) -> None:
        pane = self.query_one("#locals", ValuePane)
        if frame is None and self.version > 0 and not self.past.problem and pane.values:
            return
        values = local_values(frame)
        pane.show_values(values)
        changed = sum(len(entry.changed) for task in frame.tasks for entry in task.stack) if frame is not None else 0
        pane.border_title = f"locals · {changed} changed" if changed else "locals"
        self.query_one(TabBar).count_changed(changed)
        if self.version == 0 or not values:
            pane.show(pieces_of(self._without_locals()))

    def _without_locals(self) -> str:
        if self.version == 0:
            return "nothing has happened yet"
        if self.past.problem:
            return self.past.problem
        return "replaying …" if self.version > len(self.past.frames) else "no locals"

    def _show_logs(self) -> None:
        pane, index = self.query_one("#logs", TextPane), self.past.index
        at_us = index.events[self.version - 1].at_us if self.version else 0
        lines, before = log_lines(self.past, at_us)
        pane.show(lines or pieces_of("nothing was printed or logged"), top=max(0, before - max(1, pane.size.height)))
        pane.border_title = f"logs · {before:,} of {len(lines):,} so far" if lines else "logs"

    def on_resize(self, event: events.Resize) -> None:
        """The right side stands below in a narrow window, and the locals get a tab."""
        self.set_class(event.size.width >= _WIDE, "wide")
        self._lay_out()
        self.call_after_refresh(self.show_version)

    def _lay_out(self) -> None:
        bar, is_wide = self.query_one(TabBar), self.has_class("wide")
        bar.show(bar.active, with_locals=not is_wide)
        for name in TABS:
            pane = self.query_one(f"#{name}")
            pane.display = name == bar.active or (is_wide and bar.active == "source" and name == "locals")
            if not pane.border_title:
                pane.border_title = name

    # -- keys ---------------------------------------------------------------------------------------------------------
    def show_tab(self, name: str) -> None:
        """Show one of the tabs."""
        self.query_one(TabBar).active = name
        self._lay_out()
        self.call_after_refresh(self._panes.ask)

    def action_tab(self, by: int) -> None:
        """Show the next tab, or the one before."""
        self.show_tab(self.query_one(TabBar).next(by))

    @property
    def _beside(self) -> LineView:
        active = self.query_one(TabBar).active
        return self.query_one(f"#{'locals' if active == 'source' and self.has_class('wide') else active}", LineView)

    def action_beside(self, by: int) -> None:
        """Mark the next value, or scroll what has none."""
        pane = self._beside
        if isinstance(pane, ValuePane):
            pane.walk(by)
        else:
            pane.scroll_relative(y=by, animate=False, force=True)

    def action_cause(self) -> None:
        """Go to the event at which the marked value got what it is."""
        pane = self._beside
        value = pane.selected if isinstance(pane, ValuePane) else None
        if value is None:
            self.say("mark a value first: J and K walk through locals and watches")
        elif pane.id == "watches":
            versions = [at for at, _ in self.past.watch_changes(value.name) if at < self.version]
            self.go_or_say(versions[-1] if versions else None, f"{value.name} did not change before this event")
        else:
            found = self.past.last_change(value.name, self.version)
            self.go_or_say(found, f"{value.name} did not change before this event")

    def action_ask_watch(self) -> None:
        """Ask what to watch."""
        self.prompt.ask("watch", "w", "a local and what follows: order, order.total, items[0]")

    def action_copy(self) -> None:
        """Copy the marked value, or what the tab shows."""
        pane = self._beside
        value = pane.selected if isinstance(pane, ValuePane) else None
        if value is not None:
            text, what = value.text, value.name
        elif pane.id == "payload":
            text, what = payload_text(self.past, self.version), f"the payload of event {self.version}"
        elif isinstance(pane, TextPane):
            text, what = pane.text, f"the {pane.id}"
        else:
            entry = self._place(self.past.standing(self.version))
            text = f"{on_disk(entry.file)}:{entry.line}" if entry is not None else ""
            what = "the place in the source"
        self.app.copy_to_clipboard(text)
        self.say(f"copied {what}")

    def action_edit(self) -> None:
        """Open the line in the editor."""
        entry = self._place(self.past.standing(self.version))
        if entry is None:
            self.say("no code stands anywhere at this event")
        elif problem := edit(self.app, self.cerebelum.find_file(on_disk(entry.file)), entry.line):
            self.refuse(problem)

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
        self._must_begin_anew = True
        self.show_tab("watches")
        self.news()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click on an event goes there, one on a value marks it."""
        if isinstance(event.view, EventList):
            self.go(event.index)
        elif isinstance(event.view, ValuePane):
            event.view.mark(event.index)

    def on_history_strip_went(self, event: HistoryStrip.Went) -> None:
        """A click on the strip goes there."""
        self.go(event.version)

    def on_tab_bar_picked(self, event: TabBar.Picked) -> None:
        """A click on a tab shows it."""
        self.show_tab(event.name)
