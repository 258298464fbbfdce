"""What is laid over a screen: a question before something is changed, and the page of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.tui.themes import style

BOX = """
    align: center middle;
    background: $background 60%;
"""


class Confirm(ModalScreen[bool]):
    """Asks yes or no; everything but `y` means no."""

    DEFAULT_CSS = f"""
    Confirm {{ {BOX} }}
    Confirm Vertical {{ width: 64; max-width: 95%; height: auto; padding: 1 2; background: $surface;
                        border: round $accent; }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,enter,q", "answer(False)", "No"),
    ]

    def __init__(self, question: str, consequence: str) -> None:
        super().__init__()
        self.question, self._consequence = visible(question, keep_newlines=False), consequence

    def compose(self) -> ComposeResult:
        """The question, what comes of it, and the two keys."""
        theme = self.app.theme
        with Vertical():
            yield Static(Text(self.question, style=style(theme, "strong")))
            yield Static(Text(f"\n{self._consequence}\n", style=style(theme, "dim")))
            yield Static(
                Text.assemble(("y", style(theme, "accent")), " yes, do it    ", ("n", style(theme, "accent")), " no")
            )

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.dismiss(answer)


class Help(ModalScreen[None]):
    """All keys of a screen."""

    DEFAULT_CSS = f"""
    Help {{ {BOX} }}
    Help VerticalScroll {{ width: 76; max-width: 100%; height: auto; max-height: 100%; padding: 0 2; background: $surface;
                     border: round $accent; border-title-color: $accent; scrollbar-size-vertical: 1; }}
    Help Static {{ height: auto; }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "Close"),
        Binding("j,down", "scroll(1)", "Down"),
        Binding("k,up", "scroll(-1)", "Up"),
    ]

    def __init__(self, title: str, groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
        super().__init__()
        self._title, self._groups = title, groups

    def compose(self) -> ComposeResult:
        """One block for each group."""
        theme = self.app.theme
        text = Text()
        for name, keys in (group for group in self._groups if group[1]):
            text.append(f"{name}\n", style=style(theme, "strong"))
            for key, meaning in keys:
                text.append(f"  {key:<16}", style=style(theme, "accent"))
                text.append(f"{meaning}\n", style=style(theme, "text"))
            text.append("\n")
        text.append("esc closes this page", style=style(theme, "dim"))
        with VerticalScroll() as box:
            box.border_title = self._title
            yield Static(text)

    def action_scroll(self, by: int) -> None:
        """Move the page."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
