"""Shows what was so at an event: heading, mark and strip at once, and what stands beside the events right after."""

from __future__ import annotations

from pathlib import PurePath

from rich.text import Text
from textual import events
from textual.widgets import Static

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.words import versioned
from cerebelum.engine.runtime.frames import Frame, StackEntry
from cerebelum.tui.coalescing import Coalesced
from cerebelum.tui.lines import TextPane
from cerebelum.tui.marks import of_status
from cerebelum.tui.replay.event_list import EventList
from cerebelum.tui.replay.log_pane import LogPane
from cerebelum.tui.replay.panes import context_lines, local_values, payload_lines, pieces_of, watch_values
from cerebelum.tui.replay.past import on_disk
from cerebelum.tui.replay.source_pane import SourcePane
from cerebelum.tui.replay.strip import HistoryStrip
from cerebelum.tui.replay.tab_bar import TABS, TabBar
from cerebelum.tui.replay.value_pane import ValuePane
from cerebelum.tui.replay.walking import WalkingScreen
from cerebelum.tui.themes import style

_WIDE = 110  # cells from which on events and code stand side by side


class ShowingScreen(WalkingScreen):
    """A walk that can be seen. A subclass composes the parts."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(execution_id)
        self._panes = Coalesced(self, self._show_panes, name="panes")
        self._code_told = ""

    def show_version(self) -> None:
        """Move the mark at once; what stands beside follows."""
        if not self.is_there:
            return
        self.query_one(EventList).move_to(self.version)
        self.query_one(HistoryStrip).show(self.version)
        self.show_heading()
        self._panes.ask()

    @property
    def page_events(self) -> int:
        """How many events a page has."""
        return self.query_one(EventList).page

    @property
    def code_name(self) -> str:
        """Which code is shown, behind its file's name."""
        row = self.past.row
        return f" @{row.code[:4]}" if row is not None and row.code else ""

    def told_of_code(self) -> Text:
        """Return a further line of the heading, with the line break before it; empty for none."""
        return Text()

    def show_heading(self) -> None:
        """Show what, when, and how one moves."""
        past, theme, row = self.past, self.app.theme, self.past.row
        status = past.status(self.version)
        sign, ink = of_status(status)
        what = Text.assemble((visible(past.execution_id, keep_newlines=False), style(theme, "strong")))
        if row is not None:
            what.append(f" · {visible(versioned(row.workflow, row.code), keep_newlines=False)}", style(theme, "text"))
        after = f"{past.index.after_us(self.version) / 1_000_000:.2f}s" if self.version else "0s"
        when = Text.assemble((f"{sign} {status.upper()}", style(theme, ink) + style(theme, "strong").without_color))
        when.append(f" · event {self.version:,}/{len(past.index):,} · t={after}", style(theme, "text"))
        if self.is_playing:
            when.append(f" · ▶ {self.speed}/s", style(theme, "accent"))
        if self.is_tailing:
            when.append(" · live", style(theme, "accent"))
        if past.is_replaying and past.made < len(past.index):
            when.append(f" · replaying {past.made:,}", style(theme, "dim"))
        fits = what.cell_len + when.cell_len + 3 <= self.size.width - 2
        told, before = self.told_of_code(), self._code_told
        text = Text.assemble(what, " · " if fits else "\n", when, told)
        heading, lines, self._code_told = self.query_one("#heading", Static), text.plain.count("\n") + 1, told.plain
        heading.update(
            text, layout=heading.size.height != lines or told.plain != before
        )  # else all is laid out anew for each key

    # -- beside -------------------------------------------------------------------------------------------------------
    async def _show_panes(self) -> None:
        self.show_heading()
        bar = self.query_one(TabBar)
        if bar.active in ("source", "locals"):
            frame = self.past.standing(self.version)
            self._show_source(frame)
            self._show_locals(frame)
        elif bar.active == "context":
            self.query_one("#context", TextPane).show(context_lines(self.past, self.version))
        elif bar.active == "payload":
            self.query_one("#payload", TextPane).show(payload_lines(self.past, self.version))
        elif bar.active == "logs":
            self.query_one(LogPane).show_logs(self.version)
        else:
            values = watch_values(self.past, self.version)
            pane = self.query_one("#watches", ValuePane)
            pane.show_values(values)
            if not values:
                pane.show(pieces_of("nothing is watched\nw watches a value over the whole past: order.total"))

    def place_of(self, frame: Frame | None) -> StackEntry | None:
        """Return where the code of a frame stands: the innermost function of its first task."""
        stacks = [task.stack for task in frame.tasks if task.stack] if frame is not None else []
        return stacks[0][-1] if stacks else None

    def _show_source(self, frame: Frame | None) -> None:
        pane, entry = self.query_one(SourcePane), self.place_of(frame)
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
        pane.show(entry.file, lines, entry.line, others, at=self.version)
        self.show_breakpoints()
        where = f"{PurePath(on_disk(entry.file)).name}:{entry.line}{self.code_name}"
        ended = "" if frame.version == self.version or not self._is_over(frame) else " · stood here last"
        gone = "" if lines else " · the source was not kept"
        pane.border_title = visible(f"{where}{ended}{gone}", keep_newlines=False)

    def show_breakpoints(self) -> None:
        """Mark the lines that have one."""
        pane = self.query_one(SourcePane)
        pane.show_breaks({line for file, line in self.breakpoints if file == pane.file})

    def _is_over(self, frame: Frame) -> bool:
        now = self.past.frame(self.version)
        return now is not None and now.version != frame.version

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
        return "replaying …" if self.version > self.past.made else "no locals"

    # -- room ---------------------------------------------------------------------------------------------------------
    def on_resize(self, event: events.Resize) -> None:
        """The right side stands below in a narrow window, and the locals get a tab."""
        self.set_class(event.size.width >= _WIDE, "wide")
        self.lay_out()
        self.call_after_refresh(self.show_version)

    def lay_out(self) -> None:
        """Show the pane of the active tab, and the locals below the source where there is room."""
        bar, is_wide = self.query_one(TabBar), self.has_class("wide")
        bar.show(bar.active, with_locals=not is_wide)
        for name in TABS:
            pane = self.query_one(f"#{name}")
            pane.display = name == bar.active or (is_wide and bar.active == "source" and name == "locals")
            if not pane.border_title:
                pane.border_title = name

    def show_tab(self, name: str) -> None:
        """Show one of the tabs."""
        self.query_one(TabBar).active = name
        self.lay_out()
        self.call_after_refresh(self._panes.ask)
