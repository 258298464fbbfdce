"""A line to type into, above the last one: filters, commands, searches, watches. Escape leaves it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class Prompt(Horizontal):
    """Hidden until it asks."""

    DEFAULT_CSS = """
    Prompt { height: 1; dock: bottom; display: none; background: $panel; padding: 0 1; }
    Prompt.asking { display: block; }
    Prompt Label { width: auto; color: $accent; text-style: bold; }
    Prompt Input { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
    Prompt Input:focus { border: none; background-tint: $foreground 0%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", show=False)]

    class Answered(Message):
        """Enter was pressed."""

        def __init__(self, what: str, text: str) -> None:
            self.what, self.text = what, text
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.what = ""

    def compose(self) -> ComposeResult:
        """A sign and the input."""
        yield Label("", id="sign", markup=False)
        yield Input(id="typed", compact=True, select_on_focus=False)

    def ask(self, what: str, sign: str, placeholder: str, text: str = "") -> None:
        """Show it, with `text` to change."""
        self.what = what
        self.query_one("#sign", Label).update(f"{sign} ")
        typed = self.query_one("#typed", Input)
        typed.placeholder, typed.value = placeholder, text
        typed.cursor_position = len(text)
        self.add_class("asking")
        typed.focus()

    def action_leave(self) -> None:
        """Hide it again; nothing was answered."""
        self.remove_class("asking")
        self.screen.set_focus(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand over the answer."""
        event.stop()
        self.action_leave()
        self.post_message(self.Answered(self.what, event.value.strip()))
