"""Lanes of steps on one node: a queue never has more attempts under way here than its concurrency.

Rules:
- A step goes through the queue it names, else through that of its execution. What neither names goes through `default`,
  which is not limited unless it is configured: most programs have no use for a line.
- A place is held from when an attempt may begin until it has ended, never while a workflow sleeps, waits, or a step
  waits for its next attempt.
- First come, first served. Nothing here is stored: after a crash, every step that is due stands in line again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cerebelum.engine.domain.queues import (
    BUILT_IN,
    DEFAULT_QUEUE,
    UNCONFIGURED_CONCURRENCY,
    QueueStats,
    checked_queues,
)
from cerebelum.engine.runtime.own_log import OwnLog

if TYPE_CHECKING:
    from cerebelum.engine.runtime.live import LiveExecution
    from cerebelum.engine.runtime.pending import PendingStep

_log = OwnLog("cerebelum.queues")


class Lane:
    """One queue with a limit: who holds a place, and who waits for one."""

    __slots__ = ("_line", "_waiting", "concurrency", "holders", "name")

    def __init__(self, name: str, concurrency: int) -> None:
        self.name, self.concurrency = name, concurrency
        self.holders: dict[PendingStep, LiveExecution] = {}
        self._line: deque[tuple[LiveExecution, int]] = deque()
        self._waiting: set[tuple[LiveExecution, int]] = set()

    @property
    def has_room(self) -> bool:
        return len(self.holders) < self.concurrency

    def wait(self, live: LiveExecution, number: int) -> None:
        """Stand in line, once."""
        if (live, number) not in self._waiting:
            self._waiting.add((live, number))
            self._line.append((live, number))

    def next(self) -> tuple[LiveExecution, int] | None:
        """Take the first out of the line, if there is room for it."""
        if not self._line or not self.has_room:
            return None
        first = self._line.popleft()
        self._waiting.discard(first)
        return first

    def free_forsaken(self) -> None:
        """Take back places of steps that were to begin when their start was durable, and whose execution has gone."""
        for pending, live in list(self.holders.items()):
            number = pending.command.number
            task = live.running.get(number)  # one that was cancelled before it began never says so
            if (task is None or task.done()) and (live.dropped or live.run.pending.get(number) is not pending):
                del self.holders[pending]

    def pending(self) -> int:
        return sum(not live.dropped and number in live.run.pending for live, number in self._line)


class Queues:
    """See the module's rules.

    Args:
        configured: name to concurrency.
    """

    def __init__(self, configured: Mapping[str, int]) -> None:
        self._limits = {**BUILT_IN, **checked_queues(configured)}
        self._lanes: dict[str, Lane] = {}
        self._default = self._made(DEFAULT_QUEUE) if DEFAULT_QUEUE in self._limits else None

    def lane_of(self, live: LiveExecution, pending: PendingStep) -> Lane | None:
        """Return the lane that a step goes through; None: it need not wait for anybody."""
        name = pending.command.queue or live.row.queue
        return self._default if name == DEFAULT_QUEUE else self._lanes.get(name) or self._made(name)

    def _made(self, name: str) -> Lane:
        if name not in self._limits:
            _log.warning(
                f"queue {name!r} is not configured: at most {UNCONFIGURED_CONCURRENCY} of its steps run at once here; "
                f"set it in cerebelum.toml under [queues], or with connect(queues={{{name!r}: {UNCONFIGURED_CONCURRENCY}}})"
            )
        lane = self._lanes[name] = Lane(name, self._limits.get(name, UNCONFIGURED_CONCURRENCY))
        return lane

    @property
    def lanes(self) -> list[Lane]:
        """The lanes that have been used."""
        return list(self._lanes.values())

    def stats(self, name: str, *, running: int = 0) -> QueueStats:
        """Return what a queue does; `running` is what the caller counts for one without a limit."""
        lane = self._lanes.get(name)
        if lane is None:
            limit = self._limits.get(name, None if name == DEFAULT_QUEUE else UNCONFIGURED_CONCURRENCY)
            return QueueStats(name, running, 0, limit)
        return QueueStats(name, len(lane.holders), lane.pending(), lane.concurrency)
