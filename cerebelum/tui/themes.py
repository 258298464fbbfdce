"""Two themes, dark and light, and the inks that lines are written with. No ink is the only mark of anything."""

from __future__ import annotations

from functools import cache
from typing import Literal

from msgspec import Struct
from rich.style import Style
from textual.theme import Theme

Ink = Literal["text", "dim", "faint", "good", "bad", "busy", "wait", "accent", "strong", "cursor", "found", "changed"]


class Colours(Struct, frozen=True, kw_only=True):
    """The colours of a theme."""

    dark: bool
    background: str
    surface: str
    panel: str
    text: str
    dim: str
    faint: str
    good: str
    bad: str
    busy: str
    wait: str
    accent: str
    cursor: str  # behind the line that the cursor is on
    code: str  # the highlighting of source


DARK = Colours(
    dark=True, background="#12151c", surface="#171b24", panel="#222837", text="#d8dee9", dim="#8b96ab", faint="#566075",
    good="#7ecb8f", bad="#ff7b7b", busy="#6cb6ff", wait="#e3b866", accent="#b79cff", cursor="#2b3550", code="github-dark",
)  # fmt: skip
LIGHT = Colours(
    dark=False, background="#ffffff", surface="#f7f8fa", panel="#e6e9ef", text="#1f2530", dim="#5c6577",
    faint="#9aa2b1", good="#1a7f3c", bad="#c4262e", busy="#0b62c4", wait="#8f5e00", accent="#6a3fc8", cursor="#d5e3fb",
    code="xcode",
)  # fmt: skip
COLOURS = {"cerebelum-dark": DARK, "cerebelum-light": LIGHT}


def themes() -> list[Theme]:
    """Return both for Textual."""
    return [
        Theme(
            name=name, dark=each.dark, primary=each.accent, secondary=each.busy, accent=each.accent, error=each.bad,
            success=each.good, warning=each.wait, foreground=each.text, background=each.background,
            surface=each.surface, panel=each.panel,
            variables={
                "dim": each.dim, "faint": each.faint, "border": each.faint, "border-blurred": each.faint,
                "footer-key-foreground": each.accent, "scrollbar": each.faint, "scrollbar-hover": each.dim,
                "scrollbar-active": each.accent, "scrollbar-background": each.background,
                "scrollbar-background-hover": each.background, "scrollbar-background-active": each.background,
                "scrollbar-corner-color": each.background,
            },
        )
        for name, each in COLOURS.items()
    ]  # fmt: skip


@cache
def style(theme: str, ink: Ink) -> Style:
    """Return how an ink looks in a theme."""
    colours = COLOURS.get(theme, DARK)
    if ink == "strong":
        return Style(color=colours.text, bold=True)
    if ink == "cursor":
        return Style(bgcolor=colours.cursor, bold=True)
    if ink == "found":
        return Style(color=colours.background, bgcolor=colours.wait)
    if ink == "changed":
        return Style(color=colours.wait, bold=True)
    colour: str = getattr(colours, ink)
    return Style(color=colour)
