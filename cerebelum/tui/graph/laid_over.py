"""The drawing of the code that ran, with the execution laid over it as it was after any event.

Forward costs what is new; back is read again from the beginning, in turns between which keys are taken.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import NamedTuple

from cerebelum.engine.application.code_that_ran import codes_that_ran
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.drawing import Drawing
from cerebelum.engine.domain.overlay import Overlay
from cerebelum.engine.runtime.code.drawn import draw
from cerebelum.engine.runtime.interception import install
from cerebelum.tui.story import Story

_TURN, _REST_S = 300, 0.001  # events that are read between two looks at the keys
_AT_ONCE = 2_000  # events after which making the drawing would be felt
NODES_MOST = 1_500


class TooLarge(Exception):
    """Nobody looks at such a picture, and it would take long."""


class Then(NamedTuple):
    """The graph after an event: as it is drawn when nothing ran, and with what had run by then."""

    version: int
    plain: Drawing
    drawn: Drawing


class LaidOver:
    """One execution's graph. `load` reads; `at` says how it was."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._plain: list[tuple[int, Drawing]] = []  # from this event on
        self._changes = -1  # how often the code changed, when it was read
        self._whole: Overlay | None = None  # up to the newest event: which events are about which node
        self._then: Overlay | None = None
        self._versions: dict[str, list[int]] = {}  # of the events about each node, in `_whole`
        self._filed = 0  # events that `_versions` knows

    async def load(self, engine: Engine) -> bool:
        """Draw the code of each stretch of the history, where that is not done yet.

        Raises:
            CerebelumError: the code cannot be had any more, or not be drawn.
            TooLarge: it has too many nodes.
        """
        story = self._story
        changes = sum(event.type == "code_changed" for event in story.events)
        if changes == self._changes or story.row is None:
            return True
        install()  # as for every replay, before stored code is imported
        spans, _ = await codes_that_ran(engine, story.row, story.events)
        plain = [(span.from_version, draw(span.code.definition)) for span in spans]
        for _, each in plain:
            if len(each.nodes) > NODES_MOST:
                raise TooLarge(f"{len(each.nodes):,} nodes are too many for a picture ({NODES_MOST:,} at most)")
        self._plain, self._changes = plain, changes
        self._whole = self._then = None
        return True

    async def at(self, version: int, is_wanted: Callable[[], bool] = lambda: True) -> Then | None:
        """Return how it was after an event; None once nobody wants to know any more. `load` comes first.

        A long history is read in turns that leave the keys their time; what was read is kept for the next asking.
        """
        span = max(0, bisect_right(self._plain, version, key=lambda each: each[0]) - 1)
        plain = self._plain[span][1]
        if self._whole is None or self._whole.drawing is not plain:
            self._whole = Overlay(plain)
            self._versions, self._filed = {}, 0
        if self._then is None or self._then.drawing is not plain or self._then.version > version:
            self._then = Overlay(plain)
        then, whole = self._then, self._whole
        for overlay, to_version in ((whole, len(self._story)), (then, version)):
            while overlay.version < to_version:
                overlay.read(self._story.events[overlay.version : min(overlay.version + _TURN, to_version)])
                if overlay.version < to_version:
                    await asyncio.sleep(_REST_S)
                    if not is_wanted():
                        return None
        self._file(whole)
        drawn = await asyncio.to_thread(then.drawn) if version > _AT_ONCE else then.drawn()
        return Then(version, plain, drawn)

    def _file(self, whole: Overlay) -> None:
        for number, node_id in enumerate(whole.node_of[self._filed :], self._filed + 1):
            if node_id:
                self._versions.setdefault(node_id, []).append(number)
        self._filed = whole.version

    def node_of(self, version: int) -> str:
        """Return the id of the node that an event is about; "" where it is about none."""
        known = self._whole.node_of if self._whole is not None else []
        return known[version - 1] if 0 < version <= len(known) else ""

    def next_event(self, node_id: str, version: int, direction: int) -> int | None:
        """Return the next event about a node after `version` (direction 1), or the one before (-1)."""
        versions = self._versions.get(node_id, [])
        at = bisect_right(versions, version) if direction > 0 else bisect_left(versions, version) - 1
        return versions[at] if 0 <= at < len(versions) else None

    def last_event(self, node_id: str, version: int) -> int | None:
        """Return the newest event about a node, `version` at the latest."""
        return self.next_event(node_id, version + 1, -1)
