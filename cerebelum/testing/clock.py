"""Virtual time: it stands still while anything runs, and jumps to the next timer when nothing does.

Rules:
- Time moves only while the test waits for something (a result, an assertion, `advance`): between two lines of a test
  it stands still, so a signal sent after a start is never too late.
- All executions of one engine share the clock. Steps are real code: a step that sleeps takes that long, and the clock
  stands still meanwhile.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from cerebelum.engine.runtime import quiet
from cerebelum.engine.runtime.node import Node
from cerebelum.engine.runtime.store_clock import StoreClock

Action = Callable[[], Awaitable[object]]
_CALM_ROUNDS = 3  # a component that was just woken needs a turn of the loop to show that it has work
_TOLD_ROUNDS = 10  # until whoever waits for what just happened goes on, and may stop the flow
_SPINS = 200  # turns of the loop before a busy node is given real time
_PAUSE_S = 0.002


class VirtualClock(StoreClock):
    """The clock of a store and of a node on it; it shows what it was last set to."""

    def __init__(self, now_us: int) -> None:
        super().__init__()
        self._now_us = now_us

    def now_us(self) -> int:
        """Return virtual time in microseconds since the Unix epoch."""
        return self._now_us

    async def measure(self, store: object) -> None:
        """The store has this very clock."""

    def move_to(self, now_us: int) -> None:
        """Be `now_us`; time never goes back."""
        self._now_us = max(self._now_us, now_us)


class FlowOfTime:
    """See the module's rules.

    Args:
        clock: what it moves.
        node: returns the node that runs now; None before the first start, and while it is crashed.
    """

    def __init__(self, clock: VirtualClock, node: Callable[[], Node | None]) -> None:
        self.clock, self._node = clock, node
        self.dry = asyncio.Event()  # nothing runs, and nothing will, however much time passes
        self._agenda: list[tuple[int, int, Action]] = []
        self._order = itertools.count()
        self._waiters = 0
        self._flow: asyncio.Task[None] | None = None

    def plan(self, due_us: int, action: Action) -> None:
        """Do something when it is `due_us`, before the timers of that instant."""
        heapq.heappush(self._agenda, (due_us, next(self._order), action))

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[asyncio.Task[None]]:
        """Let time flow meanwhile; gives the task that moves it, which ends only with the error of a planned action."""
        self._waiters += 1
        if self._flow is None:
            self._flow = asyncio.get_running_loop().create_task(self._run())
        flow = self._flow
        try:
            yield flow
        finally:
            self._waiters -= 1
            if not self._waiters:
                self._flow = None
                flow.cancel()
                await asyncio.gather(flow, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            node = self._node()
            await self.settled()
            for _ in range(_TOLD_ROUNDS):
                await asyncio.sleep(0)
            due_us = await self._next_us()
            if due_us is not None:
                self.dry.clear()
                await self._jump(due_us)
            else:
                if node is not None and self._node() is node:  # one that came meanwhile may not have looked yet
                    self.dry.set()
                await asyncio.sleep(_PAUSE_S)

    async def settled(self) -> None:
        """Return when nothing happens any more without time passing."""
        calm = spins = 0
        while calm < _CALM_ROUNDS:
            await asyncio.sleep(0)
            node = self._node()
            if node is None or await quiet.is_quiet(node):
                calm += 1
                continue
            calm, spins = 0, spins + 1
            self.dry.clear()
            await quiet.next_attempt_done(node, _PAUSE_S)
            if spins > _SPINS:
                await asyncio.sleep(_PAUSE_S)

    async def advance(self, by_us: int) -> None:
        """Have that much time pass, and all happen that falls due meanwhile."""
        target_us = self.clock.now_us() + by_us
        await self.settled()
        while (due_us := await self._next_us()) is not None and due_us <= target_us:
            await self._jump(due_us)
            await self.settled()
        await self._jump(target_us)
        await self.settled()

    async def _next_us(self) -> int | None:
        node = self._node()
        due_us = None if node is None else await quiet.next_due_us(node)
        planned_us = self._agenda[0][0] if self._agenda else None
        return min((us for us in (due_us, planned_us) if us is not None), default=None)

    async def _jump(self, to_us: int) -> None:
        self.clock.move_to(to_us)
        while self._agenda and self._agenda[0][0] <= self.clock.now_us():
            _, _, action = heapq.heappop(self._agenda)
            await action()
        node = self._node()
        if node is not None:
            quiet.clock_moved(node)
