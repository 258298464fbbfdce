"""Work that is asked for more often than it can be done: it runs once more after the last asking, never twice at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual.css.query import NoMatches
from textual.message_pump import MessagePump
from textual.widget import Widget

from cerebelum.tui.workers import begin


class Coalesced:
    """`ask` as often as you like; while the work runs, all askings together make it run one more time."""

    def __init__(self, owner: Widget, work: Callable[[], Awaitable[None]], *, name: str) -> None:
        self._owner, self._work, self._name = owner, work, name
        self._wanted = self._running = False

    @property
    def is_still(self) -> bool:
        """Whether nothing is under way."""
        return not self._wanted and not self._running

    def ask(self) -> None:
        """Have the work done soon, in a worker of the owner's."""
        self._wanted = True
        if not self._running and _lives(self._owner):
            self._running = True
            begin(self._owner, self._run, name=self._name, group=self._name)

    async def _run(self) -> None:
        try:
            while self._wanted and _lives(self._owner):
                self._wanted = False
                try:
                    await self._work()
                except NoMatches:
                    if self._owner.app.is_running and self._owner in self._owner.app.screen_stack:
                        raise
                    return  # it was left meanwhile, or all is, and its parts are gone
        finally:
            self._running = False


def _lives(owner: MessagePump | Any) -> bool:
    return bool(owner.is_attached and not owner._closing)  # noqa: SLF001 - Textual refuses workers of what closes
