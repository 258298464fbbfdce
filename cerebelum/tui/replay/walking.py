"""The keys that move through a past: by events, steps, failures, searches, breakpoints; and time that plays."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.timer import Timer

from cerebelum.engine.application.standing import Place
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.acting.acting_screen import ActingScreen
from cerebelum.tui.places import place_bindings
from cerebelum.tui.replay.past import Past
from cerebelum.tui.workers import begin

SPEEDS = (1, 2, 4, 8, 16, 32, 64)  # events a second
_SEARCHED_PER_TURN = 2_000
_COUNT_DIGITS = 9


class WalkingScreen(ActingScreen):
    """Knows at which event one stands. A subclass shows it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "walk(1)", "Next event"),
        Binding("k,up", "walk(-1)", "Previous event"),
        Binding("l,right", "same_step(1)", "Next event of this step"),
        Binding("h,left", "same_step(-1)", "Previous event of this step"),
        Binding("right_square_bracket", "failure(1)", "Next failure"),
        Binding("left_square_bracket", "failure(-1)", "Previous failure"),
        Binding("pagedown", "page(1)", "A page on"),
        Binding("pageup", "page(-1)", "A page back"),
        Binding("home", "first", "Before the first event"),
        Binding("end", "last", "The newest event"),
        Binding("G", "go_to_count", "Go to the event whose number was typed"),
        *(Binding(str(digit), f"digit({digit})", show=False) for digit in range(10)),
        Binding("space", "play", "Play, or stop"),
        Binding("plus,equals_sign", "speed(1)", "Play faster"),
        Binding("minus", "speed(-1)", "Play slower"),
        Binding("t", "tail", "Follow what comes"),
        Binding("slash", "ask_search", "Search"),
        Binding("n", "run_on(1)", "Next match, or run on to a breakpoint"),
        Binding("N", "run_on(-1)", "Previous match, or run back to a breakpoint"),
        *place_bindings(of_one=True),
    ]

    def __init__(self, execution_id: str) -> None:
        super().__init__()
        self.past = Past(execution_id)
        self.version = 0  # the event one stands at; 0: before the first
        self.speed = 4
        self.is_tailing = False
        self.searched = ""
        self.breakpoints: set[Place] = set()
        self._runs_to_breakpoints = False  # what `n` goes to: whatever was asked for last
        self._count = ""
        self._playing: Timer | None = None

    @property
    def is_playing(self) -> bool:
        """Whether time moves by itself."""
        return self._playing is not None

    def show_version(self) -> None:
        """Show the event one stands at."""
        raise NotImplementedError

    def show_heading(self) -> None:
        """Show how one moves."""
        raise NotImplementedError

    @property
    def page_events(self) -> int:
        """How many events a page has."""
        raise NotImplementedError

    def standing_at(self) -> tuple[str, int | None] | None:
        """Return the execution, and the event one stands at."""
        return self.past.execution_id, self.version

    def acted_on(self) -> ExecutionRow | None:
        """Return the execution."""
        return self.past.row

    def go(self, version: int, *, is_tailing: bool = False) -> None:
        """Stand at an event."""
        if self not in self.app.screen_stack:  # left, while a search went on
            return
        self.version = max(0, min(version, len(self.past.index)))
        self.is_tailing = is_tailing
        self._count = ""
        self.show_version()

    def go_or_say(self, version: int | None, missing: str) -> None:
        """Stand at an event, or say that there is none."""
        if version is None:
            self._count = ""
            self.say(missing)
        else:
            self.go(version)

    # -- keys ---------------------------------------------------------------------------------------------------------
    def action_walk(self, by: int) -> None:
        """Go on or back by events: one, or as many as were typed."""
        self.go(self.version + by * int(self._count or 1))

    def action_page(self, by: int) -> None:
        """Go on or back by a screen."""
        self.go(self.version + by * self.page_events)

    def action_first(self) -> None:
        """Go before the first event."""
        self.go(0)

    def action_last(self) -> None:
        """Go to the newest event."""
        self.go(len(self.past.index))

    def action_digit(self, digit: int) -> None:
        """Take a figure of a number."""
        self._count = f"{self._count}{digit}"[-_COUNT_DIGITS:]
        self.say(f"{self._count}  G goes to that event, j and k go so far")

    def take_count(self) -> int:
        """Return the number that was typed, and forget it; 0: none was."""
        count, self._count = self._count, ""
        return int(count or 0)

    def action_go_to_count(self) -> None:
        """Go to the event whose number was typed; without one, to the newest."""
        last = len(self.past.index)
        wanted = int(self._count) if self._count else last
        self.go(wanted)
        if wanted > last:
            self.say(f"there is no event {wanted:,}: this is the last, {last:,}")

    def action_same_step(self, direction: int) -> None:
        """Go to the next or previous event of the step, timer or wait one stands at."""
        found = self.past.index.same_step(self.version, direction)
        self.go_or_say(found, f"no {'later' if direction > 0 else 'earlier'} event of the same step")

    def action_failure(self, direction: int) -> None:
        """Go to the next or previous failure."""
        found = self.past.index.failure(self.version, direction)
        self.go_or_say(found, f"nothing failed {'after' if direction > 0 else 'before'} this event")

    # -- time that moves ----------------------------------------------------------------------------------------------
    def action_play(self) -> None:
        """Let time move, or stop it."""
        if self._playing is not None:
            self.stop_playing()
            return
        if self.version >= len(self.past.index):
            self.go(0)
        self._play()

    def _play(self) -> None:
        self._playing = self.set_interval(1 / self.speed, self._tick)
        self.show_heading()

    def stop_playing(self) -> None:
        """Stop it."""
        if self._playing is not None:
            self._playing.stop()
            self._playing = None
            self.show_heading()

    def _tick(self) -> None:
        self.go(self.version + 1)
        if self.version >= len(self.past.index):
            self.stop_playing()

    def action_speed(self, by: int) -> None:
        """Make time faster or slower."""
        at = SPEEDS.index(self.speed) + by
        self.speed = SPEEDS[max(0, min(at, len(SPEEDS) - 1))]
        self.say(f"{self.speed} events a second")
        if self._playing is not None:
            self._playing.stop()
            self._play()

    def action_tail(self) -> None:
        """Stay at the newest event while more come, or no longer."""
        self.stop_playing()
        if self.is_tailing:
            self.is_tailing = False
            self.show_heading()
        else:
            self.go(len(self.past.index), is_tailing=True)

    # -- searching ----------------------------------------------------------------------------------------------------
    def action_ask_search(self) -> None:
        """Ask what to look for."""
        self.prompt.ask("search", "/", "in the events: a step, an error, a type", self.searched)

    def search_for(self, text: str) -> None:
        """Go to the next event whose line holds `text`."""
        self.searched, self._runs_to_breakpoints = text, False
        self.action_run_on(1)

    def action_run_on(self, direction: int) -> None:
        """Go to the next or previous match, or event on a breakpoint, whichever was asked for last."""
        if self._runs_to_breakpoints:
            self._run_to_breakpoint(direction)
        elif self.searched:
            begin(self, partial(self._search, self.searched.casefold(), direction), group="search", only=True)
        else:
            self.say("nothing was searched for yet: /  and no breakpoint is set: b")

    def toggle_breakpoint(self, place: Place) -> bool:
        """Set a breakpoint, or clear it; return whether it is set now."""
        self.breakpoints ^= {place}
        self._runs_to_breakpoints = bool(self.breakpoints)
        return place in self.breakpoints

    def _run_to_breakpoint(self, direction: int) -> None:
        past = self.past
        missing = f"no {'later' if direction > 0 else 'earlier'} event stands on a line with a breakpoint"
        if direction > 0 and past.is_replaying:
            missing = f"no event on a breakpoint up to {past.made:,}; the others are still being replayed"
        self.go_or_say(past.on_lines(self.breakpoints, self.version, direction), missing)

    async def _search(self, wanted: str, direction: int) -> None:
        index, start = self.past.index, self.version
        last = len(index)
        for count in range(1, last + 1):
            version = (start - 1 + direction * count) % last + 1
            if wanted in index.text(version).casefold():
                self.go(version)
                if (version <= start) == (direction > 0) and start:
                    self.say(f"went on from the {'first' if direction > 0 else 'last'} event")
                return
            if count % _SEARCHED_PER_TURN == 0:
                await asyncio.sleep(0)
        self.say(f"no event has {visible(wanted, keep_newlines=False)!r} in its line")
