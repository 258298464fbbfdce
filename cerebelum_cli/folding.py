"""Many calls of one step in a few lines: the first ones whole, the rest counted, and never long without a sign of life.

Only lines that say "done" are folded. Whatever fails, waits or ends is shown, after the count of what came before it.
"""

from __future__ import annotations

from collections import Counter

from cerebelum.engine.domain.terminal_text import visible
from cerebelum_cli.story import NAME_WIDTH

SHOWN_WHOLE = 8  # calls of each step
QUIET_US = 1_000_000  # events further apart than this are slow enough to be read one by one


class Folding:
    """Decides which lines of a story are printed.

    Attributes:
        hidden: how many calls of each step are done and not yet told.
    """

    def __init__(self) -> None:
        self.hidden: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._only = ""  # the one hidden line, as long as it is one
        self._told_us: int | None = None

    def lines(self, told: list[str], at_us: int, *, done: str | None) -> list[str]:
        """Return what to print for an event that is worth the lines `told`.

        Args:
            at_us: when it happened.
            done: the name of the step that it completed, None for every other event.
        """
        if not told:
            return []
        quick = self._told_us is not None and at_us - self._told_us < QUIET_US
        if done is not None:
            self._done[done] += 1
            if quick and self._done[done] > SHOWN_WHOLE:
                self._only = told[0] if not self.hidden else ""
                self.hidden[done] += 1
                return []
        self._told_us = at_us
        return [*self.rest(), *told]

    def rest(self) -> list[str]:
        """Return the lines for what is hidden, and forget it."""
        lines = [self._only] if self._only else [count_line(name, count) for name, count in self.hidden.items()]
        self.hidden.clear()
        self._only = ""
        return lines


def count_line(name: str, count: int) -> str:
    """Return the line for `count` calls of a step that are done and were not shown."""
    return f"  ✓ {visible(name, keep_newlines=False):<{NAME_WIDTH}} {count:>7}  more"
