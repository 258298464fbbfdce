"""Locals and watches: lines of which one is marked, so that its value can be copied or followed to its change."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.tui.lines import TextPane
from cerebelum.tui.replay.panes import Value


class ValuePane(TextPane):
    """A mark that stays with the name it was put on, from event to event; at first, on what changed."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.values: Sequence[Value] = ()
        self._name = ""

    @property
    def selected(self) -> Value | None:
        """The value under the mark."""
        value = self.values[self.cursor] if 0 <= self.cursor < len(self.values) else None
        return value if value is not None and value.name else None

    def show_values(self, values: Sequence[Value]) -> None:
        """Replace what is shown."""
        self.values = values
        self.show([value.line for value in values], top=None)
        named = [index for index, value in enumerate(values) if value.name]
        same = next((index for index in named if values[index].name == self._name), None)
        changed = [index for index in named if values[index].line[0].text.strip()]
        self.move_to(same if same is not None else next(iter((*changed, *named)), -1))

    def walk(self, by: int) -> None:
        """Put the mark on the next value, or the one before."""
        named = [index for index, value in enumerate(self.values) if value.name]
        if not named:
            return
        at = named.index(self.cursor) if self.cursor in named else 0
        self.mark(named[max(0, min(at + by, len(named) - 1))])

    def mark(self, index: int) -> None:
        """Put the mark on a line, where it has a value."""
        if 0 <= index < len(self.values) and self.values[index].name:
            self._name = self.values[index].name
            self.move_to(index)
