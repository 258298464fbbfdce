"""All schedules with what the last fire of each has led to. What has ended is not asked for again."""

from __future__ import annotations

from datetime import tzinfo

from msgspec import Struct

from cerebelum.engine.application.cluster import who_runs_of
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.schedules import Schedules
from cerebelum.engine.domain.execution import FINAL
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.domain.schedules.wording import zone_of
from cerebelum.engine.domain.schedules.zones import zone_named

LOOKED_AT_MOST = 200  # schedules whose last runs are read; the list itself has all


class ScheduleLook(Struct, frozen=True, kw_only=True):
    """One schedule.

    Attributes:
        problem: what stands in the way of its fires, "" for nothing.
        last: its newest fire.
        last_status: of the execution that it started; "" where there is none any more.
    """

    row: ScheduleRow
    problem: str = ""
    last: ScheduleRun | None = None
    last_status: str = ""

    @property
    def state(self) -> str:
        """One word, as `cerebelum schedule list` has it: active, paused, done, no-node."""
        if not self.row.enabled:
            return "paused"
        if self.row.next_run_at_us is None:
            return "done"
        return "no-node" if self.problem else "active"

    @property
    def zone(self) -> tzinfo:
        """On whose wall clock it fires."""
        return zone_named(zone_of(self.row.spec.rule))


class Board:
    """Reads all of them, and remembers what cannot change any more."""

    def __init__(self) -> None:
        self._settled: dict[str, tuple[int, ScheduleRun | None, str]] = {}  # name -> revision, run, its final status

    async def read(self, engine: Engine) -> list[ScheduleLook]:
        """Return all schedules by name."""
        rows = await Schedules(engine).list()
        now_us = await engine.store.now_us()
        alive = [node for node in await engine.store.nodes() if node.lease_until_us > now_us]
        looks = []
        for number, row in enumerate(rows):
            fires = row.enabled and row.next_run_at_us is not None
            problem = who_runs_of(row.workflow, alive) or "" if fires else ""
            last, status = await self._last(engine, row) if number < LOOKED_AT_MOST else (None, "")
            looks.append(ScheduleLook(row=row, problem=problem, last=last, last_status=status))
        names = {row.name for row in rows}
        self._settled = {name: known for name, known in self._settled.items() if name in names}
        return looks

    async def _last(self, engine: Engine, row: ScheduleRow) -> tuple[ScheduleRun | None, str]:
        known = self._settled.get(row.name)
        if known is not None and known[0] == row.revision:
            return known[1:]
        runs = await engine.store.schedule_runs(row.name, limit=1)
        last = runs[0] if runs else None
        status = await status_of(engine, last)
        if last is None or last.execution_id is None or status in FINAL:
            self._settled[row.name] = (row.revision, last, status)
        return last, status


async def status_of(engine: Engine, run: ScheduleRun | None) -> str:
    """Return the status of what a fire started; "" where there is none."""
    if run is None or run.execution_id is None:
        return ""
    found = await engine.store.get_execution(run.execution_id)
    return "" if found is None else found.status
