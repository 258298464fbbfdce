"""Schedules in the store. A part of `ports.store.Store`.

Rules every adapter keeps, and `engine.testing.store_contract_schedules` checks:
- A write names the revision that it has read. If the row has moved on, nothing is written and False comes back.
- One transaction holds the row, the runs, and the executions that they start: a crash loses nothing and doubles nothing.
- (schedule, fire_at_us) is unique. A run that has an execution is never replaced; a write that would raises
  `InternalError`, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from cerebelum.engine.domain.execution import Status
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun

if TYPE_CHECKING:
    from cerebelum.engine.ports.store import Message, Start

MOST_RUNS = 10_000  # that one call returns


class ScheduleDecision(Struct, kw_only=True):
    """One write of a schedule.

    Attributes:
        row: after it; its `revision` is the one that was read, and the store counts it up. 0: insert it.
        runs: new ones, or ones that take the place of a run without execution.
        ended: fires of open runs whose executions have ended.
        starts: new executions; one whose id is taken is left as it is.
        messages: to other executions, such as the cancellation of a previous one.
    """

    row: ScheduleRow
    runs: Sequence[ScheduleRun] = ()
    ended: Sequence[int] = ()
    starts: Sequence[Start] = ()
    messages: Sequence[Message] = ()
    blobs: Sequence[tuple[str, bytes]] = ()


class ScheduleStore(Protocol):
    """Where schedules and what they did are kept."""

    async def write_schedule(self, decision: ScheduleDecision) -> bool:
        """Write all of it in one transaction; False: another was faster, and nothing was written. See the rules."""
        ...

    async def get_schedule(self, name: str) -> ScheduleRow | None: ...

    async def list_schedules(self) -> list[ScheduleRow]:
        """Return all schedules by name."""
        ...

    async def due_schedules(self, *, workflows: Sequence[str], now_us: int) -> list[ScheduleRow]:
        """Return the enabled schedules of these workflows that are due at `now_us` or have queued fires.

        The longest due first.
        """
        ...

    async def next_schedule_us(self, *, workflows: Sequence[str]) -> int | None:
        """Return the earliest `due_at_us` of the enabled schedules of these workflows; None: there is none."""
        ...

    async def delete_schedule(self, name: str) -> bool:
        """Remove a schedule with its runs; False: there was none. Executions that it started go on."""
        ...

    async def schedule_runs(
        self, name: str, *, from_us: int | None = None, until_us: int | None = None, limit: int = 50
    ) -> list[ScheduleRun]:
        """Return runs with a fire from `from_us`, inclusive, until `until_us`, exclusive; the newest fire first."""
        ...

    async def open_runs(self, name: str) -> list[tuple[ScheduleRun, Status | None]]:
        """Return the open runs, oldest fire first, with their executions' status; None: queued, or it was deleted."""
        ...
