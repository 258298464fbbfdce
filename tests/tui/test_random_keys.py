"""Whatever is pressed, in whatever size, the interface lives and its state makes sense."""

from __future__ import annotations

import random

from cerebelum.tui.app import CerebelumApp
from cerebelum.tui.base_screen import BaseScreen
from cerebelum.tui.compare.screen import CompareScreen
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.replay.screen import ReplayScreen
from cerebelum.tui.story_screen import StoryScreen
from tests.tui.walker import NAMES, Walker, make_app

KEYS = (
    *"abcdefghijklmnoprstuvwxyGHJKLNSTq/:?[]+-=0123456789 ", "enter", "enter", "escape", "escape", "tab", "shift+tab", "home", "end",
    "pageup", "pagedown", "up", "down", "left", "right", "backspace", "ctrl+p", "f1", "delete", "ctrl+a", "f5", "ñ",
)  # fmt: skip
SIZES = ((80, 24), (160, 50), (20, 5), (1, 1), (250, 12), (110, 30), (109, 30), (41, 80))
PRESSES = 5_000


async def test_five_thousand_keys_and_resizes(store_url: str) -> None:
    """W6, W7: five thousand random keys, with resizes between them, crash nothing, and the mark stays within the history."""
    chance = random.Random(1042)
    pressed = 0
    while pressed < PRESSES:  # a command may end it: then it is opened again
        app = make_app(store_url)
        async with Walker.at(app, (80, 24)) as walker:
            while pressed < PRESSES and not app._exit:
                pressed += 1
                key = chance.choice(KEYS)
                if pressed % 25 == 0:
                    await walker.pilot.resize_terminal(*chance.choice(SIZES))
                app.simulate_key(NAMES.get(key, key))
                if pressed % 5 == 0:  # bursts: keys come faster than they are shown
                    await walker.pilot.pause()
                check(app)
            if not app._exit:
                await shows_itself(walker)
        assert app._exception is None
        assert app.return_code in (None, 0)


def check(app: CerebelumApp) -> None:
    """The mark is where it may be."""
    screen = app.screen
    if isinstance(screen, ReplayScreen):
        assert 0 <= screen.version <= len(screen.past.index)
    elif isinstance(screen, StoryScreen):
        assert 0 <= screen.version <= len(screen.story)
    elif isinstance(screen, CompareScreen):
        assert 0 <= screen.at < max(1, len(screen.found.pairs) if screen.found is not None else 1)
    elif isinstance(screen, ExecutionsScreen):
        assert -1 <= screen.table.cursor < max(1, screen.table.count)


async def shows_itself(walker: Walker) -> None:
    """Without a dialog and with room, there is a heading that says where one is."""
    await walker.pilot.resize_terminal(120, 36)
    while not isinstance(walker.app.screen, BaseScreen):
        await walker.pilot.press("escape")
    await walker.still()
    assert walker.text("#heading").strip()
