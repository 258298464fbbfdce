"""A picture of a screen, taken without a terminal."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from textual.pilot import Pilot

from cerebelum.tui.app import CerebelumApp

_PATIENCE_S = 60.0
# Rich's pictures fetch a font from the web: whoever looks at one would tell so, and without a network it is another one.
_REMOTE_FONT = re.compile(r"@font-face \{[^}]*\}\s*")
_FONTS = "ui-monospace, 'SF Mono', 'Cascadia Mono', 'Fira Code', 'DejaVu Sans Mono', Menlo, Consolas, monospace"


async def take(app: CerebelumApp, *, size: tuple[int, int]) -> str:
    """Return what `app` shows first, as SVG, once everything it asked for has come.

    Raises:
        TimeoutError: the store does not answer.
    """
    taken: list[str] = []

    async def when_still(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        taken.append(app.export_screenshot(title="cerebelum"))
        app.exit()

    await app.run_async(headless=True, size=size, auto_pilot=when_still)
    if not taken:
        raise TimeoutError("the screen was not still in time")
    return self_contained(taken[0])


def self_contained(svg: str) -> str:
    """Return a picture that takes its fonts from where it is shown, and nothing from elsewhere."""
    return _REMOTE_FONT.sub("", svg).replace("font-family: Fira Code, monospace", f"font-family: {_FONTS}")


async def settled(pilot: Pilot[Any]) -> None:
    """Wait until the screen has read and shown what it asked for, or the store does not answer.

    Raises:
        TimeoutError: it has not in a minute.
    """
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            await pilot.pause()
            screen = pilot.app.screen
            if len(pilot.app.screen_stack) > 1 and (getattr(screen, "is_still", True) or _has_trouble(pilot.app)):
                await pilot.pause()
                return
            await asyncio.sleep(0.01)


def _has_trouble(app: object) -> bool:
    return isinstance(app, CerebelumApp) and bool(app.trouble)
