"""The live view of a run: on a terminal what is under way is drawn anew, elsewhere each line is printed once."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol

from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.terminal_text import visible
from cerebelum_cli.folding import Folding, count_line
from cerebelum_cli.output import animates, say
from cerebelum_cli.story import NAME_WIDTH, Story, call_text
from cerebelum_cli.words import duration

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_MOST_ROWS = 12  # of what is under way; a terminal has few lines
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class View(Protocol):
    """Shows an execution as it goes."""

    def open(self) -> None:
        """Begin; before the node starts, since both put themselves in front of stdout."""
        ...

    def line(self, text: str) -> None:
        """Print a line of talk."""
        ...

    def event(self, story: Story, recorded: RecordedEvent) -> None:
        """Show the next event."""
        ...

    def close(self) -> None:
        """End, and leave the terminal in order. Idempotent."""
        ...


def make_view() -> View:
    """Return the view that fits stderr."""
    return TerminalView() if animates(sys.stderr) else PlainView()


class PlainView:
    """Plain lines on stderr."""

    def __init__(self) -> None:
        self._folding = Folding()

    def open(self) -> None:
        """Nothing to begin."""

    def line(self, text: str) -> None:
        """Print a line."""
        say(text)

    def event(self, story: Story, recorded: RecordedEvent) -> None:
        """Print the event's lines."""
        told = story.lines(recorded)
        for text in self._folding.lines(told, recorded.at_us, done=story.completed(recorded)):
            say(text)

    def close(self) -> None:
        """Tell what has not been told."""
        for text in self._folding.rest():
            say(text)


class TerminalView:
    """Finished things as lines that stay, and below them what is under way, with a clock."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._folding = Folding()
        self._under_way = _UnderWay(self._folding)
        self._live = Live(
            self._under_way, console=self._console, refresh_per_second=10, transient=True,
            redirect_stdout=sys.stdout.isatty(), redirect_stderr=True,
        )  # fmt: skip
        self._opened = False

    def open(self) -> None:
        """Take over the last lines of the terminal."""
        self._live.start()
        self._opened = True

    def line(self, text: str) -> None:
        """Print a line above what is under way."""
        from rich.text import Text

        self._console.print(Text(visible(text)), soft_wrap=True)

    def event(self, story: Story, recorded: RecordedEvent) -> None:
        """Print what ended, and redraw."""
        self._under_way.story = story
        told = story.lines(recorded)
        self._print(self._folding.lines(told, recorded.at_us, done=story.completed(recorded)))

    def _print(self, lines: list[str]) -> None:
        from rich.text import Text

        for text in lines:
            mark = text[2:3]
            self._console.print(Text(text, style=_STYLES.get(mark, "")), soft_wrap=True)

    def close(self) -> None:
        """Tell what has not been told, and give the terminal back."""
        self._print(self._folding.rest())
        if self._opened:
            self._opened = False
            self._live.stop()


_STYLES = {"✓": "green", "✗": "red", "↻": "yellow", "⏸": "blue", "⊘": "yellow"}


class _UnderWay:
    """What `rich` draws: the steps that run now."""

    story: Story | None = None

    def __init__(self, folding: Folding) -> None:
        self._folding = folding

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        story = self.story
        if story is None or story.state.ended_us is not None:
            return
        frame = _SPINNER[int(time.monotonic() * 10) % len(_SPINNER)]
        now_us = time.time_ns() // 1000
        for name, count in self._folding.hidden.most_common(_MOST_ROWS):
            yield Text(count_line(name, count), style="green", no_wrap=True, overflow="ellipsis")
        steps = story.state.open_steps
        for step in steps[:_MOST_ROWS]:
            attempt = step.attempts[-1]
            since = duration(max(0, now_us - attempt.started_us))
            call = call_text(step) if len(steps) > 1 else ""
            text = visible(f"  {frame} {step.name:<{NAME_WIDTH}} {since:>7}  {call}".rstrip(), keep_newlines=False)
            yield Text(text, style="cyan", no_wrap=True, overflow="ellipsis")
        if len(steps) > _MOST_ROWS:
            yield Text(f"    … {len(steps) - _MOST_ROWS} more", style="dim")
        if not steps:
            yield Text(f"  {frame}", style="dim")
