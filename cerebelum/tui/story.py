"""An execution's events, read as they come: what the screens need that show one execution and no frames."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence

from cerebelum.engine.application import query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.tui.replay.event_index import EventIndex

_AT_ONCE = 1_000  # events that are taken between two looks at the keys


class Story:
    """One execution. `catch_up` reads; everything else answers at once from what was read.

    Args:
        take: is given the events, too, as many as are known at the same moment.
    """

    def __init__(self, execution_id: str, take: Callable[[Sequence[RecordedEvent]], None] | None = None) -> None:
        self.execution_id = execution_id
        self.row: ExecutionRow | None = None
        self.index = EventIndex()
        self._take = take
        self._instants_us: list[int] = []  # as they were written; never earlier than the one before

    @property
    def events(self) -> Sequence[RecordedEvent]:
        return self.index.events

    @property
    def instants_us(self) -> list[int]:
        """When each event was recorded; where a clock went back, as late as the event before."""
        return self._instants_us

    def __len__(self) -> int:
        return len(self.index)

    async def catch_up(self, engine: Engine) -> list[RecordedEvent]:
        """Read what is new, and return it. Raises `ExecutionNotFound` and `StoreError`."""
        row = await engine.store.get_execution(self.execution_id)
        if row is None:
            raise await query.not_found(engine, self.execution_id)
        news = await query.history(engine, self.execution_id, from_version=len(self.index) + 1)
        for first in range(0, len(news), _AT_ONCE):
            part = news[first : first + _AT_ONCE]
            if self._take is not None:
                self._take(part)
            for recorded in part:
                self.index.append(recorded)
                last = self._instants_us[-1] if self._instants_us else recorded.at_us
                self._instants_us.append(max(last, recorded.at_us))
            await asyncio.sleep(0)
        self.row = row
        return news

    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.row is not None and not self.row.ended

    def status(self, version: int) -> str:
        """Return the execution's status after an event."""
        return self.index.status(min(version, len(self)))

    def at_us(self, version: int) -> int:
        """Return when an event was recorded; before the first one, when that was."""
        return self._instants_us[max(0, min(version, len(self)) - 1)] if self._instants_us else 0

    def version_at(self, at_us: int) -> int:
        """Return the newest event at or before an instant; 1 where there is none."""
        return max(1, bisect_right(self._instants_us, at_us))
