"""A line to type into, in a dialog. Its cursor stands still: nothing moves that nobody moves."""

from __future__ import annotations

from textual.widgets import Input


class TextLine(Input):
    """One line high, without a frame."""

    DEFAULT_CSS = """
    TextLine { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
    TextLine:focus { border: none; background-tint: $foreground 0%; }
    """

    def __init__(self, *, id: str, placeholder: str = "") -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id, compact=True, select_on_focus=False, placeholder=placeholder)
        self.cursor_blink = False
