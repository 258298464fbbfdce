"""Timeline: when each step, timer, wait, input and child of an execution was, and what it did meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from heapq import nlargest
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.spans import Span, SpanReader, StretchKind, idle_gaps
from cerebelum.tui.base_screen import Keys
from cerebelum.tui.lines import Line, LineView, Piece, TextPane
from cerebelum.tui.marks import of_status
from cerebelum.tui.places import place_bindings, place_keys
from cerebelum.tui.prompt import Prompt
from cerebelum.tui.status_line import StatusLine
from cerebelum.tui.story_screen import StoryScreen
from cerebelum.tui.timeline.axis import Axis, short_text
from cerebelum.tui.timeline.chart import Chart, name_of
from cerebelum.tui.timeline.scale import Scale

_TICK_S = 0.1  # how often what runs grows
_SLOW_TICK_S = 1.0  # where nothing is to move by itself
_GAPS_MOST = 2_000  # idle times that may be folded
_MARGIN_CELLS = 4  # between where one stands and the edge


class TimelineScreen(StoryScreen):
    """A chart of time, a line for each thing that took some."""

    PLACE = "timeline"
    CSS = """
    TimelineScreen #heading { height: auto; padding: 0 1; background: $panel; }
    TimelineScreen #scale { background: $surface; }
    TimelineScreen #detail { height: 4; border-top: solid $faint; padding: 0 1; }
    """
    KEY_PAGE_TITLE = "Timeline"
    KEY_PAGE: ClassVar[Sequence[tuple[str, Keys]]] = (
        ("Lines", (("j k ↓ ↑", "next, previous: to its beginning, or its failure"), ("pgdn pgup", "a page on, back"),
                   ("home end", "the first, the last"))),
        ("Time", (("l h → ←", "next, previous event"), ("] [", "next, previous failure"),
                  ("L H", "scroll, where it is zoomed"), ("+ -", "zoom in, out, around where you stand"),
                  ("0", "the whole"))),
        ("Go to", (("enter", "the replay, at this event"), *place_keys(of_one=True))),
        ("Everywhere", ((":", "an event's number, goto ID, theme light, help"), ("?", "this page"),
                        ("^p", "all commands"), ("T", "light or dark"), ("q esc", "back"))),
        ("Marks", (("█ ░", "runs; waits, or is queued"), ("╌", "waits for its retry"), ("✗ ⊘", "failed, cancelled"),
                   ("▶ ◷", "runs still, waits still"), ("⋯ 58s ⋯", "nothing ran so long: folded"),
                   ("▼ │", "where you stand"))),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "walk(1)", "Next line"),
        Binding("k,up", "walk(-1)", "Previous line"),
        Binding("pagedown", "page(1)", "A page on"),
        Binding("pageup", "page(-1)", "A page back"),
        Binding("home", "line(0)", "The first line"),
        Binding("end", "line(-1)", "The last line"),
        Binding("l,right", "event(1)", "Next event"),
        Binding("h,left", "event(-1)", "Previous event"),
        Binding("L,shift+right", "scroll(1)", "Scroll on in time"),
        Binding("H,shift+left", "scroll(-1)", "Scroll back in time"),
        Binding("plus,equals_sign", "zoom(1)", "Zoom in"),
        Binding("minus", "zoom(-1)", "Zoom out"),
        Binding("0", "whole", "The whole time"),
        *place_bindings(of_one=True),
    ]

    def __init__(self, execution_id: str, at: int | None = None) -> None:
        self._reader = SpanReader()
        super().__init__(execution_id, at)
        self.zoom = 1  # the axis is so many screens wide
        self._idle: list[tuple[int, int]] = []  # between events
        self._read = 0  # events that `_idle` knows of

    @property
    def spans(self) -> list[Span]:
        """What the lines are of."""
        return self._reader.spans

    @property
    def chart(self) -> Chart:
        """The lines."""
        return self.query_one(Chart)

    def compose(self) -> ComposeResult:
        """Heading, time, lines, and what is marked."""
        chart = Chart(self._reader.spans)
        yield Static(id="heading")
        yield Scale(chart)
        yield chart
        yield TextPane(id="detail")
        yield StatusLine(
            (("j k", "line"), ("h l", "event"), ("+ -", "zoom"), ("enter", "replay"), ("?", "help"), ("q", "back"),
             ("0", "whole"), ("] [", "failure"), ("H L", "scroll"), (":", "command"))
        )  # fmt: skip
        yield Prompt()

    def on_mount(self) -> None:
        """Begin, and let what runs grow."""
        super().on_mount()
        is_quiet = os.environ.get("TEXTUAL_ANIMATIONS") == "none"
        self.set_interval(_SLOW_TICK_S if is_quiet else _TICK_S, self._tick)

    # -- time ---------------------------------------------------------------------------------------------------------
    def take(self, news: Sequence[RecordedEvent]) -> None:
        """Read what the events say of spans."""
        before = len(self.spans)
        self._reader.read(news)
        names = (len(name_of(span)) for span in self.spans[before:])
        self._longest = max((self._longest, *names)) if before != len(self.spans) else self._longest

    _longest = 0

    def now_us(self) -> int:
        """Return until when what is open has lasted: in a time that was moved, at least to the newest event."""
        newest_us = self.story.at_us(len(self.story))
        return max(newest_us, time.time_ns() // 1_000) if self.story.is_open() else newest_us

    def _tick(self) -> None:
        if self.story.is_open() and self._has_begun and self.app.screen is self:
            self._draw()

    def _draw(self) -> None:
        """Make the axis anew, for what is known and for the time that has passed, and show all."""
        chart, story = self.chart, self.story
        if self._read != len(story):
            self._read = len(story)
            idle = idle_gaps(self.spans, story.instants_us, story.at_us(self._read))
            self._idle = nlargest(_GAPS_MOST, idle, key=lambda gap: gap[1] - gap[0])
        newest_us, now_us = story.at_us(self._read), self.now_us()
        tail = [] if self._runs() or now_us <= newest_us else [(newest_us, now_us)]
        chart.longest_name, chart.now_us, chart.here_us = self._longest, now_us, story.at_us(self.version)
        cells = chart.plot_cells * self.zoom
        chart.axis = Axis(story.at_us(1), now_us, [*self._idle, *tail], cells)
        chart.left = max(0, min(chart.left, cells - chart.plot_cells))
        if chart.count != len(self.spans):
            chart.resize_to(len(self.spans))
        chart.refresh()
        self.query_one(Scale).refresh()

    def _runs(self) -> bool:
        now_us = self.now_us()
        newest = (span.as_of(now_us) for span in self.spans[-_OPEN_AMONG:] if span.is_open and span.kind == "step")
        return any(span.stretches[-1].kind == "run" for span in newest)

    @property
    def more_heading(self) -> str:
        """How long it took, and how much of that is folded."""
        chart, story = self.chart, self.story
        took = f" of {short_text(max(0, chart.now_us - story.at_us(1)))}" if len(story) else ""
        folded = sum(fold.to_us - fold.from_us for fold in chart.axis.folds) if chart.axis is not None else 0
        zoom = f" · zoom {self.zoom:,}" if self.zoom > 1 else ""
        return took + (f" · folded {short_text(folded)}" if folded else "") + zoom

    # -- showing ------------------------------------------------------------------------------------------------------
    def begun(self) -> None:
        """Mark the line of the event."""
        self.chart.resize_to(len(self.spans))
        self.call_after_refresh(lambda: self._mark_line(centre=True))

    def show_story(self) -> None:
        """Show what is known, and where one stands."""
        if not self.is_there:
            return
        self._draw()
        self._mark_line()
        self.show_heading()
        self.show_detail(*self._span_lines())

    def _mark_line(self, *, centre: bool = False) -> None:
        of = self._reader.of_version
        line = of[self.version - 1] if 0 < self.version <= len(of) else -1
        if line >= 0:
            self.chart.move_to(line, centre=centre)
        elif self.chart.cursor < 0 and self.spans:
            self.chart.move_to(len(self.spans) - 1 if self.version else 0)
        elif centre:
            self.chart.show_line(self.chart.cursor, centre=True)

    @property
    def marked(self) -> Span | None:
        """The span under the mark."""
        at = self.chart.cursor
        return self.spans[at].as_of(self.chart.now_us) if 0 <= at < len(self.spans) else None

    def _span_lines(self) -> list[Line]:
        span = self.marked
        if span is None:
            return [[Piece("no step, timer or wait yet", "dim")]]
        sign, ink = of_status(span.status)
        now_us = self.chart.now_us
        facts = []
        if span.attempt > 1 or span.max_attempts > 1:
            facts.append(f"attempt {span.attempt} of {span.max_attempts}")
        for kind, word in _WORDS:
            total_us = span.total_us(kind, now_us)
            if total_us >= _TOLD_US or (total_us and kind != "queue"):
                facts.append(f"{word} {short_text(total_us)}")
        if span.due_us is not None:
            facts.append(f"until t={short_text(max(0, span.due_us - self.story.at_us(1)))} at the latest")
        return [
            [Piece(f"{sign} {span.status}", ink), Piece(f"  {name_of(span)}", "strong")],
            [Piece(" · ".join(facts), "dim")],
        ]

    # -- keys ---------------------------------------------------------------------------------------------------------
    def go(self, version: int) -> None:
        """Stand at an event, and scroll there."""
        super().go(version)
        self._keep_in_sight()

    def _keep_in_sight(self, *, cell: int | None = None) -> None:
        """Scroll until one sees where one stands; `cell`: at this cell of the chart."""
        chart = self.chart
        if chart.axis is None:
            return
        here, width = chart.axis.cell(chart.here_us), chart.plot_cells
        margin = min(_MARGIN_CELLS, width // 4)
        if cell is not None:
            chart.left = here - cell
        elif not margin <= here - chart.left < width - margin:
            chart.left = here - width // 2
        chart.left = max(0, min(chart.left, chart.axis.cells - width))
        chart.refresh()
        self.query_one(Scale).refresh()

    def action_walk(self, by: int) -> None:
        """Go on or back by lines."""
        self._go_to_line(self.chart.cursor + by)

    def action_page(self, by: int) -> None:
        """Go on or back by a screen."""
        self._go_to_line(self.chart.cursor + by * self.chart.page)

    def action_line(self, line: int) -> None:
        """Go to a line; -1 is the last one."""
        self._go_to_line(line if line >= 0 else len(self.spans) - 1)

    def _go_to_line(self, line: int) -> None:
        """Mark a line, and stand where it began; where it failed, there."""
        if self.spans:
            span = self.spans[max(0, min(line, len(self.spans) - 1))]
            self.go(span.ended if span.outcome == "failed" and span.ended else span.begun)

    def action_event(self, by: int) -> None:
        """Go to the next or previous event."""
        self.go(self.version + by)

    def action_scroll(self, by: int) -> None:
        """Look at a later or earlier time; one stands where one stood."""
        chart = self.chart
        if self.zoom == 1:
            self.say("all of it is shown: + zooms in")
            return
        chart.left = max(0, chart.left + by * max(1, chart.plot_cells // 2))
        self._draw()

    def action_zoom(self, by: int) -> None:
        """Make time twice or half as wide."""
        chart = self.chart
        if chart.axis is None:
            return
        if by > 0 and chart.axis.cells_per_us >= 1:
            self.say("a cell is a microsecond: there is nothing finer")
            return
        if by < 0 and self.zoom == 1:
            self.say("all of it is shown")
            return
        at = max(0, min(chart.here_cell, chart.plot_cells - 1))
        self.zoom = max(1, self.zoom * 2 if by > 0 else self.zoom // 2)
        self._draw()
        self._keep_in_sight(cell=at)
        self.show_heading()

    def action_whole(self) -> None:
        """Show all of it."""
        self.zoom, self.chart.left = 1, 0
        self.show_story()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click on a name goes to its line."""
        if event.view is self.chart:
            self._go_to_line(event.index)

    def on_chart_went(self, event: Chart.Went) -> None:
        """A click on the chart goes to the event at that time."""
        self.go(self.story.version_at(event.at_us))


_WORDS: tuple[tuple[StretchKind, str], ...] = (
    ("queue", "queued"), ("run", "ran"), ("retry", "waited for retries"), ("wait", "waited"),
)  # fmt: skip
_TOLD_US = 1_000  # in a queue; less is no wait
_OPEN_AMONG = 1_000  # the newest spans: whether one of them runs
