"""The names of what can stand beside the events; brackets tell which does."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from cerebelum.tui.themes import style

TABS = ("source", "locals", "context", "payload", "logs", "watches")


class TabBar(Widget):
    """One line. In a wide window the locals stand below the source and have no tab of their own."""

    DEFAULT_CSS = "TabBar { height: 1; padding: 0 1; }"

    class Picked(Message):
        """A name was clicked."""

        def __init__(self, name: str) -> None:
            self.name = name
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self.active = "source"
        self.changed = 0  # locals at this event
        self.names: tuple[str, ...] = TABS

    def show(self, active: str, *, with_locals: bool) -> None:
        """Mark one."""
        self.names = TABS if with_locals else tuple(name for name in TABS if name != "locals")
        self.active = active if active in self.names else "source"
        self.refresh()

    def next(self, by: int) -> str:
        """Return the name `by` places on, round the end."""
        return self.names[(self.names.index(self.active) + by) % len(self.names)]

    def count_changed(self, number: int) -> None:
        """Say how many locals changed: in a narrow window they may be out of sight."""
        if number != self.changed:
            self.changed = number
            self.refresh()

    def _labels(self) -> list[str]:
        shown = {"locals": f"locals ~{self.changed}" if self.changed else "locals"}
        return [
            f"[{shown.get(name, name)}]" if name == self.active else f" {shown.get(name, name)} " for name in self.names
        ]

    def render(self) -> Text:
        """Return the line."""
        text = Text(no_wrap=True)
        for label in self._labels():
            text.append(label, style=style(self.app.theme, "strong" if label[0] == "[" else "dim"))
        return text

    def on_click(self, event: events.Click) -> None:
        """Pick the name under the mouse."""
        at = 1
        for name, label in zip(self.names, self._labels(), strict=True):
            if at <= event.x < at + len(label):
                self.post_message(self.Picked(name))
            at += len(label)
