"""Which code a fork runs on: one line that the arrows and space change."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static

from cerebelum.tui.themes import style


class CodeChoice(Static, can_focus=True):
    """Recorded or on disk."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("left,right,space", "flip", "The other code")]

    class Flipped(Message):
        """The other one was taken."""

    def __init__(self) -> None:
        super().__init__(id="code")
        self.on_disk = False

    def action_flip(self) -> None:
        """Take the other one."""
        self.on_disk = not self.on_disk
        self.refresh()
        self.post_message(self.Flipped())

    def on_click(self) -> None:
        """A click takes the other one."""
        self.action_flip()

    def render(self) -> Text:
        """Return both; brackets tell which."""
        theme = self.app.theme
        text = Text(no_wrap=True)
        for name, is_chosen in (("recorded", not self.on_disk), ("on disk", self.on_disk)):
            text.append(f"[{name}]" if is_chosen else f" {name} ", style(theme, "strong" if is_chosen else "dim"))
        if self.has_focus:
            text.append("  ← → changes it", style(theme, "accent"))
        return text
