"""Time as a developer wants it: faster, held, or skipped to the next timer. A node's clock, on any store.

Rules:
- All executions of the node share one time. It is never behind the store's, and it never goes back: a skip moves it on
  to the instant of the next timer, so whatever fires has reached its due instant, and histories replay as ever.
- A node that starts goes on from the newest instant that open executions have on record, at whatever speed.
- While timers are paused, time goes on at its normal speed and steps run, but no timer comes due; what has fallen due
  meanwhile fires when the pause ends.
- Leases stay on the store's own clock, steps and their timeouts on the machine's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from cerebelum.engine.domain.execution import OPEN, ExecutionRow
from cerebelum.engine.ports.store import ExecutionFilter, Store
from cerebelum.engine.runtime import quiet
from cerebelum.engine.runtime.interception import real
from cerebelum.engine.runtime.live import NEAR_US
from cerebelum.engine.runtime.store_clock import POLL_S, StoreClock
from cerebelum.engine.runtime.timer_names import name_in_history, name_in_memory

if TYPE_CHECKING:
    from cerebelum.engine.runtime.node import Node

MOST_SPEED = 1_000_000.0
_PAGE = 10_000
_SHORTEST_POLL_S = 0.02


class Skipped(Struct, frozen=True, kw_only=True):
    """A timer that was skipped."""

    execution_id: str
    workflow: str
    what: str  # a step's name (its retry), "sleep", "timeout", "signal NAME", "input NAME", "start"
    left_us: int  # how long it had left, in the executions' time


_Timer = tuple[int, Skipped]  # when it is due, and what it is


class TimeControl(StoreClock):
    """See the module's rules. Give it to a node as its `clock`, and to no second one at the same time.

    Args:
        speed: how many times as fast as real time it runs, from 1 to 1,000,000.

    Raises:
        ValueError: another speed; also when it is set later.
    """

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__()
        self._speed, self._paused = _checked(speed), False
        self._ahead_us = 0  # of the store's clock; grows only
        self._since_ns = real.monotonic_ns()  # `_ahead_us` is as of then
        self._held_us = 0  # while paused: what is due later is not due
        self._node: Node | None = None

    # -- what a developer sets --------------------------------------------------------------------------------------
    @property
    def speed(self) -> float:
        """How many times as fast as real time; may be set at any time."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        checked = _checked(speed)
        self._catch_up()
        self._speed = checked
        self._moved()

    @property
    def paused(self) -> bool:
        """Whether no timer comes due now; may be set at any time."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        if paused == self._paused:
            return
        self._catch_up()
        self._paused = paused  # first: else what time gains until the reading would be lost afterwards
        self._held_us = self.now_us()
        self._moved()

    async def skip_next(self) -> Skipped | None:
        """Have the nearest timer of any open execution fire now, also while timers are paused; None: there is none.

        It returns before the execution has gone on. Called again at once, it skips the timer after that.

        Raises:
            StoreError: the store cannot be read.
        """
        node = self._node
        if node is None:
            return None
        at_rest = await self._nearest_at_rest(node)  # first: what was in memory when this began may be there now
        nearest = [found for found in (at_rest, self._nearest_here(node)) if found is not None]
        if not nearest:
            return None
        due_us, skipped = min(nearest, key=itemgetter(0))
        left_us = max(0, due_us - self.now_us())  # none, where a pause has held it for longer
        self._ahead_us += left_us
        self._held_us = max(self._held_us, due_us)
        self._moved()
        return structs.replace(skipped, left_us=left_us)

    # -- what the node asks -----------------------------------------------------------------------------------------
    @property
    def poll_s(self) -> float:  # type: ignore[override]
        """How often a node looks for what is due: what has just been put to rest comes due sooner at speed."""
        return min(POLL_S, max(_SHORTEST_POLL_S, NEAR_US / 1e6 / self._speed))

    def now_us(self) -> int:
        """Return the executions' time in microseconds since the Unix epoch."""
        return self.store_now_us() + self._ahead_us + self._gained_us()

    def store_now_us(self) -> int:
        """Return the store's time."""
        return super().now_us()

    def due_us(self) -> int:
        """Return the instant up to which timers have come due."""
        return self._held_us if self._paused else self.now_us()

    def seconds_until(self, due_us: int) -> float:
        """Return how many real seconds it takes until a timer of that instant comes due; infinite while paused."""
        left_us = due_us - self.due_us()
        if left_us <= 0:
            return 0.0
        return float("inf") if self._paused else left_us / 1e6 / self._speed

    async def overdue(self, store: Store, workflows: Sequence[str]) -> list[str]:
        """Return the ids of unowned executions that are due by this clock and, maybe, not by the store's."""
        next_us = await store.next_wake_us(workflows=workflows) if workflows else None
        if next_us is None or next_us <= self.store_now_us() or next_us > self.due_us():
            return []  # the usual case costs no list
        return [row.id async for row in _resting(store, workflows) if (row.wake_at_us or 0) <= self.due_us()]

    async def attach(self, node: Node) -> None:
        """Be the clock of `node`, which is about to start, and no earlier than what open executions have on record."""
        self._node = node
        async for row in _open_rows(node.store):
            self._ahead_us += max(0, row.updated_at_us - self.now_us())

    # -- inside -----------------------------------------------------------------------------------------------------
    def _gained_us(self) -> int:
        if self._paused or self._speed == 1.0:
            return 0
        return int((real.monotonic_ns() - self._since_ns) * (self._speed - 1)) // 1_000

    def _catch_up(self) -> None:
        """Take into the lead what was gained since the last change."""
        self._ahead_us += self._gained_us()
        self._since_ns = real.monotonic_ns()

    def _moved(self) -> None:
        if self._node is not None:
            quiet.clock_moved(self._node)

    def _nearest_here(self, node: Node) -> _Timer | None:
        """Return the nearest timer of an execution in memory; one that is due already is on its way."""
        due_us = self.due_us()
        timers = [
            (timer_us, live, number)
            for live in node.resident.values()
            if not live.run.paused
            for number, timer_us in live.dues.items()
            if timer_us > due_us
        ]
        if not timers:
            return None
        timer_us, live, number = min(timers, key=itemgetter(0))
        what = name_in_memory(live, number)
        return timer_us, Skipped(execution_id=live.id, workflow=live.row.workflow, what=what, left_us=0)

    async def _nearest_at_rest(self, node: Node) -> _Timer | None:
        due_us, nearest = self.due_us(), None
        async for row in _resting(node.store, node.registry.names()):
            if (row.wake_at_us or 0) > due_us and (
                nearest is None or (row.wake_at_us or 0) < (nearest.wake_at_us or 0)
            ):
                nearest = row
        if nearest is None or nearest.wake_at_us is None:
            return None
        history = await node.store.read_history(nearest.id)
        what = name_in_history(nearest.id, history, nearest.wake_at_us)
        return nearest.wake_at_us, Skipped(execution_id=nearest.id, workflow=nearest.workflow, what=what, left_us=0)


def _checked(speed: float) -> float:
    if not 1 <= speed <= MOST_SPEED:  # refuses NaN, too
        raise ValueError(f"a speed of {speed:g}: it is at least 1 and at most {MOST_SPEED:,.0f}")
    return float(speed)


async def _open_rows(store: Store) -> AsyncIterator[ExecutionRow]:
    before = None
    while True:
        rows = await store.list_executions(ExecutionFilter(statuses=OPEN, before=before, limit=_PAGE))
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        before = rows[-1].inserted_at_us, rows[-1].id


async def _resting(store: Store, workflows: Sequence[str]) -> AsyncIterator[ExecutionRow]:
    """Give the open executions of `workflows` that nobody owns and that time alone would wake."""
    names = frozenset(workflows)
    async for row in _open_rows(store):
        if row.owner is None and row.wake_at_us is not None and row.workflow in names:
            yield row
