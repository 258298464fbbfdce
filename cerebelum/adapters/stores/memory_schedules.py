"""Schedules of the store in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from cerebelum.adapters.stores.memory_database import MemoryDatabase
from cerebelum.adapters.stores.rows import made_key
from cerebelum.engine.domain.errors import InternalError
from cerebelum.engine.domain.execution import Status
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.ports.schedule_store import MOST_RUNS, ScheduleDecision
from cerebelum.engine.ports.store import Batch


class MemorySchedules:
    """`engine.ports.schedule_store.ScheduleStore`; a part of `MemoryStore`."""

    _db: MemoryDatabase
    _clock: Callable[[], int]
    _commit: Callable[[Batch, int], object]

    async def write_schedule(self, decision: ScheduleDecision) -> bool:
        """Write the row, its runs and what they start."""
        db, row = self._db, decision.row
        with db.lock:
            stored = db.schedules.get(row.name)
            if row.revision != (0 if stored is None else stored.revision):
                return False
            runs = db.schedule_runs.get(row.name, {})
            for run in decision.runs:
                before = runs.get(run.fire_at_us)
                if before is not None and before.execution_id is not None:
                    raise InternalError(f"the fire {run.fire_at_us} of schedule {row.name!r} has been run already")
            now_us = self._clock()
            self._start_all(decision, now_us)
            db.schedules[row.name] = replace(
                row, spec=replace(row.spec, input=None), revision=row.revision + 1,
                inserted_at_us=row.inserted_at_us or now_us, updated_at_us=now_us,
            )  # fmt: skip
            runs = db.schedule_runs.setdefault(row.name, {})
            for run in decision.runs:
                runs[run.fire_at_us] = replace(run, at_us=run.at_us or now_us)
            for fire_us in decision.ended:
                if fire_us in runs:
                    runs[fire_us] = replace(runs[fire_us], is_open=False)
            return True

    def _start_all(self, decision: ScheduleDecision, now_us: int) -> None:
        batch = Batch(id=made_key(), starts=decision.starts, messages=decision.messages, blobs=decision.blobs)
        saved = self._db.snapshot(batch)
        try:
            self._commit(batch, now_us)
        except BaseException:
            self._db.restore(saved)
            raise

    async def get_schedule(self, name: str) -> ScheduleRow | None:
        """Return a schedule."""
        row = self._db.schedules.get(name)
        return None if row is None else replace(row)

    async def list_schedules(self) -> list[ScheduleRow]:
        """Return all schedules by name."""
        return [replace(row) for _, row in sorted(self._db.schedules.items())]

    async def due_schedules(self, *, workflows: Sequence[str], now_us: int) -> list[ScheduleRow]:
        """Return what is due, the longest due first."""
        due = [row for row in self._enabled(workflows) if row.waiting or _is_due(row, now_us)]
        return [replace(row) for row in sorted(due, key=lambda row: (row.due_at_us or 0, row.name))]

    async def next_schedule_us(self, *, workflows: Sequence[str]) -> int | None:
        """Return when the first one is due."""
        dues = (row.due_at_us for row in self._enabled(workflows))
        return min((due_us for due_us in dues if due_us is not None), default=None)

    def _enabled(self, workflows: Sequence[str]) -> list[ScheduleRow]:
        wanted = set(workflows)
        return [row for row in self._db.schedules.values() if row.enabled and row.workflow in wanted]

    async def delete_schedule(self, name: str) -> bool:
        """Remove a schedule with its runs."""
        with self._db.lock:
            self._db.schedule_runs.pop(name, None)
            return self._db.schedules.pop(name, None) is not None

    async def schedule_runs(
        self, name: str, *, from_us: int | None = None, until_us: int | None = None, limit: int = 50
    ) -> list[ScheduleRun]:
        """Return runs, the newest fire first."""
        found = [
            replace(run)
            for fire_us, run in sorted(self._db.schedule_runs.get(name, {}).items(), reverse=True)
            if (from_us is None or fire_us >= from_us) and (until_us is None or fire_us < until_us)
        ]
        return found[: max(1, min(limit, MOST_RUNS))]

    async def open_runs(self, name: str) -> list[tuple[ScheduleRun, Status | None]]:
        """Return the open runs, oldest first, with their executions' status."""
        found: list[tuple[ScheduleRun, Status | None]] = []
        for _, run in sorted(self._db.schedule_runs.get(name, {}).items()):
            if run.is_open:
                execution = self._db.executions.get(run.execution_id or "")
                found.append((replace(run), None if execution is None else execution.status))
        return found


def _is_due(row: ScheduleRow, now_us: int) -> bool:
    return row.due_at_us is not None and row.due_at_us <= now_us
