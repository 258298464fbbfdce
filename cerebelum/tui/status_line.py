"""The last line of a screen: which keys matter here, or what was just said; said things stay until the next key."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widget import Widget

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.themes import Ink, style


class StatusLine(Widget):
    """One line. `keys` are (key, what it does), the most wanted first: those that do not fit are left out."""

    DEFAULT_CSS = "StatusLine { height: 1; dock: bottom; background: $panel; padding: 0 1; }"

    def __init__(self, keys: Sequence[tuple[str, str]], *, id: str = "status") -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._keys = keys
        self.trouble = ""  # stays until it is over; what is said stands before it for a moment
        self.said = ""  # for readers and tests: the line without its looks
        self._ink: Ink = "text"

    def say(self, text: str, ink: Ink = "accent") -> None:
        """Show a sentence in place of the keys, on one line."""
        self.said, self._ink = visible(text.strip(), keep_newlines=False), ink
        self.refresh()

    def show_trouble(self, text: str) -> None:
        """Show what does not work, "" once it works again."""
        self.trouble = visible(text, keep_newlines=False)
        self.refresh()

    def clear(self) -> None:
        """Show the keys again."""
        if self.said:
            self.said = ""
            self.refresh()

    def render(self) -> Text:
        """Return what fits."""
        width, theme = self.size.width, self.app.theme
        if self.said or self.trouble:
            ink: Ink = self._ink if self.said else "bad"
            text = Text(self.said or self.trouble, style=style(theme, ink), no_wrap=True, overflow="ellipsis")
            text.truncate(width, overflow="ellipsis")
            return text
        line = Text(no_wrap=True)
        if getattr(self.app, "read_only", False):  # an application of a test may have no such thing
            line.append("read-only", style=style(theme, "wait"))
            line.append("  ")
        for key, meaning in self._keys:
            part = Text.assemble((key, style(theme, "accent")), " ", (meaning, style(theme, "dim")), "  ")
            if line.cell_len + part.cell_len - 2 > width:
                break
            line.append_text(part)
        return line
