"""`cerebelum replay ID --plain`: a past execution, walked event by event with typed commands.

For screen readers, ssh and scripts: each event is a short block of lines, nothing moves, no colour means anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum_cli.replay_text import block, local_lines, safe, stack_lines

if TYPE_CHECKING:
    from cerebelum.engine.application.frames import Frames
    from cerebelum.engine.runtime.frames import Frame

HELP = """\
n         next event; so does an empty line
p         previous event
12        event 12; $ the last one
f / F     next / previous failure
c NAME    the event that last changed NAME: a local, a key of the context or a watch; again: the one before
w EXPR    watch an expression over the whole past: order.total > 100; w alone lists, w -EXPR ends one
l         all locals here
s         the stack of every task, with its source lines
?         this list
q         leave"""


class Stepper:
    """Stands at one event. `do` carries out a command.

    Args:
        say: prints a line of what was asked for.
        tell: prints a line about what could not be done.
        at: the event to begin with.
    """

    def __init__(self, frames: Frames, *, say: Callable[[str], None], tell: Callable[[str], None], at: int = 1) -> None:
        self.frames = frames
        self._say, self._tell = say, tell
        self._at = at
        self._start_us = 0
        self._commands: dict[str, Callable[[str], None]] = {
            "n": lambda _: self._next(),
            "p": lambda _: self._go(self._at - 1) if self._at > 1 else self._tell("this is the first event"),
            "$": lambda _: self._go(self.frames.total),
            "f": lambda _: self._failure(forwards=True),
            "F": lambda _: self._failure(forwards=False),
            "c": self._changed,
            "w": self._watch,
            "l": lambda _: self._all(local_lines(self._frame())),
            "s": lambda _: self._all(stack_lines(self._frame(), self._sources(), with_locals=False)),
            "?": lambda _: self._all(HELP.splitlines()),
        }

    @property
    def prompt(self) -> str:
        """What stands before a typed command."""
        return f"{self._at}/{self.frames.total}> "

    def show(self) -> None:
        """Print the event it stands at."""
        try:
            frame = self._frame()
        except CerebelumError as error:
            self._diverged(error, self._at)
            return
        self._all(block(frame, self.frames.total, self._start_us, self._sources()))

    def do(self, line: str) -> bool:
        """Carry out one command; return whether to go on."""
        typed = line.strip() or "n"
        if typed in ("q", "quit", "exit"):
            return False
        if typed.isdecimal():
            self._go(int(typed))
            return True
        word, _, rest = typed.partition(" ")
        command = self._commands.get("?" if word in ("h", "help") else word)
        if command is None:
            self._tell(safe(f"unknown command {word!r}; ? lists them"))
        else:
            command(rest.strip())
        return True

    def _frame(self) -> Frame:
        frame = self.frames.at(self._at)
        self._start_us = self._start_us or self.frames.at(1).at_us
        return frame

    def _sources(self) -> dict[str, str]:
        return dict(self.frames.replay.sources(self._frame().code))

    def _all(self, lines: Iterable[str]) -> None:
        empty = True
        for line in lines:
            self._say(line)
            empty = False
        if empty:
            self._say("nothing")

    def _go(self, version: int) -> None:
        if not 1 <= version <= self.frames.total:
            self._tell(f"there is no event {version}: there are {self.frames.total}, numbered from 1")
            return
        try:
            self.frames.at(version)
        except CerebelumError as error:
            self._diverged(error, version)
            return
        self._at = version
        self.show()

    def _next(self) -> None:
        if self._at < self.frames.total:
            self._go(self._at + 1)
        else:
            self._tell(f"this is the last event ({self._at})")

    def _diverged(self, error: CerebelumError, version: int) -> None:
        what = safe(str(error).partition("\n")[0])
        self._tell(f"no event {version} to show: the replay ends at event {len(self.frames)}: {what}")

    def _failure(self, *, forwards: bool) -> None:
        index = self.frames.index
        if forwards:
            self.frames.wait()  # a failure may come yet
        found = index.next_failure(self._at) if forwards else index.previous_failure(self._at)
        if found is None:
            self._tell(f"no failure {'after' if forwards else 'before'} event {self._at}")
        else:
            self._go(found)

    def _changed(self, name: str) -> None:
        index = self.frames.index
        if not name:
            self._tell("c needs a name: c total")
            return
        found = index.last_change(name, self._at)
        if found == self._at:
            found = index.last_change(name, self._at - 1)
            if found is None:
                self._tell(safe(f"{name} changed here, and not before"))
                return
        if found is None:
            known = ", ".join([each for each in index.names if index.last_change(each, self._at)][:10])
            self._tell(safe(f"{name!r} has not changed up to event {self._at}; what has changed: {known or 'nothing'}"))
        else:
            self._go(found)

    def _watch(self, text: str) -> None:
        watches = list(self.frames.replay.watches)
        if not text:
            self._all([safe(f"watch {watch}") for watch in watches])
            return
        if text.startswith("-") and text[1:].strip() in watches:
            watches.remove(text[1:].strip())
        elif text not in watches:
            watches.append(text)
        try:
            frames = self.frames.watching(*watches)
        except ValueError as error:
            for line in str(error).splitlines():
                self._tell(safe(line))
            return
        self.frames.close()
        self.frames = frames
        self.show()
