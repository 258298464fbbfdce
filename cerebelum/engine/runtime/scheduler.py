"""Fires schedules. Each node looks at those whose workflows it knows; the store lets one of them decide (`write_schedule`).

Nothing is kept here but the time of the next look, so a node may die at any point: what it has not committed is due still,
and the next look, here or elsewhere, decides the same.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.domain.execution import FINAL
from cerebelum.engine.domain.schedules.catching_up import MOST_WAITED_OUT_US
from cerebelum.engine.domain.schedules.firing import Firing, look_at, refreshed
from cerebelum.engine.domain.schedules.schedule import ScheduleRow
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.ports.schedule_store import MOST_RUNS, ScheduleDecision
from cerebelum.engine.ports.store import Message, Start, Store
from cerebelum.engine.runtime.code.registry import WorkflowRegistry
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.scheduled_start import check_input, scheduled_start
from cerebelum.engine.runtime.store_clock import StoreClock
from cerebelum.engine.runtime.waiting import is_set_within

_POLL_S = 1.0  # a schedule written by another process is seen so late at most
_SURVEY_US = 60_000_000  # all schedules are looked at so often: a clock may have been set, and zone data changed
_ZONES_US = 3_600_000_000
_BACK_US = 1_000_000  # a clock that goes back by more was set
_MOST_REASON_CHARS = 500
_log = OwnLog("cerebelum.scheduler")


class NotForThisNode(Exception):
    """Another version of the workflow is the newest one, and the input does not fit the one that is loaded here."""


class Scheduler:
    """Component `run`; `poke` says that a schedule was written here.

    Args:
        started: called after a commit that started or cancelled executions.
    """

    def __init__(
        self,
        store: Store,
        codec: PayloadCodec,
        registry: WorkflowRegistry,
        clock: StoreClock,
        *,
        started: Callable[[], None],
    ) -> None:
        self._store, self._codec, self._registry, self._clock = store, codec, registry, clock
        self._started = started
        self._wake = asyncio.Event()
        self._seen_us = self._survey_us = self._zones_us = 0
        self.firing = True

    def poke(self) -> None:
        """Look now."""
        self._wake.set()

    async def run(self) -> None:
        """Fire for ever; a component of the node."""
        while True:
            self._wake.clear()
            await is_set_within(self._wake, await self._turn())

    async def _turn(self) -> float:
        """Do what is due; return the seconds until the next look."""
        names = self._registry.names()
        if not names or not self.firing:
            return _POLL_S
        again = False
        for row in [*await self._surveyed(names), *await self._due(names)]:
            again |= not await self.look(row)
        if again:
            return 0.0  # another was faster: what it has left is looked at anew
        next_us = await self._store.next_schedule_us(workflows=names)
        away_us = None if next_us is None else next_us - self._clock.now_us()
        return _POLL_S if away_us is None or away_us <= 0 else min(_POLL_S, away_us / 1e6 + 0.0002)

    async def _due(self, names: tuple[str, ...]) -> list[ScheduleRow]:
        """Return what is due. By the store's own clock: this machine's may have been set since it was measured."""
        found = await self._store.due_schedules(workflows=names, now_us=self._clock.now_us())
        if found:
            await self._clock.measure(self._store)
        return found

    async def _surveyed(self, names: tuple[str, ...]) -> list[ScheduleRow]:
        """Return now and then those whose next look is not what it should be."""
        now_us = self._clock.now_us()
        set_back, self._seen_us = now_us < self._seen_us - _BACK_US, now_us
        if not set_back and now_us < self._survey_us + _SURVEY_US:
            return []
        self._survey_us = now_us
        if set_back or now_us >= self._zones_us + _ZONES_US:
            forget_zones()
            self._zones_us = now_us
        rows = [row for row in await self._store.list_schedules() if row.enabled and row.workflow in names]
        return [row for row in rows if _is_off(row, now_us)]

    async def look(self, row: ScheduleRow) -> bool:
        """Decide one schedule; a fault of it pauses it and harms no other. False: it has moved on meanwhile."""
        try:
            decision = await self._decision(row) if self.firing else None
            if decision is None:
                return True
            written = await self._store.write_schedule(decision)
        except NotForThisNode:
            return True
        except StoreError:
            raise
        except Exception as error:
            return await self._pause(row, error)
        if written and (decision.starts or decision.messages):
            self._started()
        return written

    async def _decision(self, row: ScheduleRow) -> ScheduleDecision | None:
        now_us = self._clock.now_us()
        ran_us: list[int] = []
        if row.progress.decided_until_us - now_us > MOST_WAITED_OUT_US:
            ran = await self._store.schedule_runs(row.name, from_us=now_us + 1, limit=MOST_RUNS)
            ran_us = [run.fire_at_us for run in ran if run.execution_id is not None or run.is_open]
        firing = look_at(row, now_us, await self._store.open_runs(row.name), ran_later_us=ran_us)
        if firing.row is row:
            return None
        starts = await self._starts(firing, now_us)
        return ScheduleDecision(
            row=firing.row,
            runs=firing.runs,
            ended=firing.ended,
            starts=starts,
            messages=_cancellations(firing),
            blobs=[blob for start in starts for blob in start.blobs],
        )

    async def _starts(self, firing: Firing, now_us: int) -> list[Start]:
        row = firing.row
        if not firing.started:
            return []
        newest = self._registry.newest(row.workflow)
        try:
            check_input(self._codec, newest.definition, row.input)
        except Exception:
            code = await self._store.get_code(row.workflow)
            if code is not None and code.short_digest != newest.digest:
                raise NotForThisNode from None
            raise
        return [
            scheduled_start(row, run.execution_id, now_us=now_us, code=newest.digest, definition=newest.definition)
            for run in firing.started
            if run.execution_id is not None
        ]

    async def _pause(self, row: ScheduleRow, error: Exception) -> bool:
        reason = f"{type(error).__name__}: {error}"[:_MOST_REASON_CHARS]
        _log.error("schedule paused: it cannot fire", schedule=row.name, error=reason)
        paused = replace(
            row, enabled=False, paused_by="fault", paused_reason=reason, next_run_at_us=None, due_at_us=None
        )
        return await self._store.write_schedule(ScheduleDecision(row=paused))

    async def has_work(self) -> bool:
        """Return whether a look now would change something; for virtual time."""
        now_us = self._clock.now_us()
        for row in await self._store.due_schedules(workflows=self._registry.names(), now_us=now_us):
            if row.due_at_us is not None and row.due_at_us <= now_us:
                return True
            runs = await self._store.open_runs(row.name)
            if all(run.execution_id is None or status is None or status in FINAL for run, status in runs):
                return True
        return False


def forget_zones() -> None:
    """Have zones read anew when they are asked for next: their data may have been updated."""
    if (zones := sys.modules.get("zoneinfo")) is not None:  # not imported: nothing has been read
        zones.ZoneInfo.clear_cache()


def _is_off(row: ScheduleRow, now_us: int) -> bool:
    """Whether the schedule would miss its next fire, or stay silent for long, as it is stored."""
    if row.progress.decided_until_us - now_us > MOST_WAITED_OUT_US:
        return True
    try:
        return refreshed(row).due_at_us != row.due_at_us
    except Exception:
        return True  # its zone is gone, say: the look at it pauses it


def _cancellations(firing: Firing) -> list[Message]:
    reason = msgspec.json.encode(f"schedule {firing.row.name} starts it anew")
    return [
        Message(execution_id=id_, kind="cancel", payload=reason, sender=f"schedule {firing.row.name}")
        for id_ in firing.cancel
    ]
