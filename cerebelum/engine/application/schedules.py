"""Schedules: put, looked at, paused, run by hand, and kept in step with what modules declare.

Every change is one write that names the revision it has read; who was too slow reads again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import TypeVar

from msgspec.structs import replace

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.schedule_answers import Backfilled, Declaration, NextFire, Synced, Workflow
from cerebelum.engine.application.schedule_input import check_workflow, shown, stored_input
from cerebelum.engine.application.schedule_sync import sync
from cerebelum.engine.domain.durations import utc
from cerebelum.engine.domain.errors_schedule import BackfillTooLarge, ScheduleBusy, ScheduleNotFound
from cerebelum.engine.domain.ids import new_nonce
from cerebelum.engine.domain.schedules.catching_up import Progress
from cerebelum.engine.domain.schedules.coming import coming_fires
from cerebelum.engine.domain.schedules.firing import refreshed
from cerebelum.engine.domain.schedules.rules import fires_between
from cerebelum.engine.domain.schedules.schedule import (
    Origin,
    PausedBy,
    ScheduleRow,
    ScheduleRun,
    checked_name,
    execution_id_of,
)
from cerebelum.engine.domain.schedules.spec import ScheduleSpec
from cerebelum.engine.ports.schedule_store import MOST_RUNS, ScheduleDecision
from cerebelum.engine.runtime.scheduled_start import scheduled_start

__all__ = ["MOST_BACKFILLED", "Backfilled", "Declaration", "NextFire", "Schedules", "Synced", "Workflow"]

MOST_BACKFILLED = 1_000
_TRIES = 20
_RECENT_US = 60_000_000
T = TypeVar("T")
Rows = list[ScheduleRow]  # `list` is a method here
Fires = list[NextFire]
Backfill = list[Backfilled]
Runs = list[ScheduleRun]


class Schedules:
    """The use cases. Schedules are fired by the nodes that know their workflows; this class needs no node.

    Every method that names a schedule raises `ScheduleNotFound`, with similar names.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._store = engine, engine.store

    async def put(
        self, name: str, workflow: Workflow, spec: ScheduleSpec, *, module: str = "", origin: Origin = "hand"
    ) -> ScheduleRow:
        """Add a schedule, or change the one of this name; return it as it is stored.

        A changed one keeps whether it is enabled, its progress and its last run. A rule that has changed goes on from now.

        Args:
            workflow: by its function, which is registered, or by name.
            spec: its `input` holds arguments by name; None: none.

        Raises:
            UnknownWorkflow: nobody ever registered this name; tells those that are known.
            ArgumentError, PayloadMismatch, PayloadNotEncodable: the input does not fit the workflow's arguments.
            InvalidSchedule: the name cannot be used.
        """
        checked_name(name)
        workflow_name, data = await stored_input(self._engine, workflow, spec)
        stored_spec = replace(spec, input=None)

        async def write() -> bool:
            row = await self._store.get_schedule(name)
            progress = Progress(await self._now_us())
            if row is None:
                row = ScheduleRow(name=name, workflow=workflow_name, spec=stored_spec, progress=progress)
            elif row.spec.rule != spec.rule:
                row = replace(row, progress=_from_now(row.progress, progress.decided_until_us))
            changed = refreshed(
                replace(row, workflow=workflow_name, spec=stored_spec, input=data, module=module, origin=origin)
            )
            return changed == row or await self._write(ScheduleDecision(row=changed))  # each reload puts all again

        await self._until_written(name, write)
        return await self.get(name)

    async def list(self) -> Rows:
        """Return all schedules by name; `spec.input` in clear."""
        return [shown(self._engine, row) for row in await self._store.list_schedules()]

    async def get(self, name: str) -> ScheduleRow:
        """Return a schedule; `spec.input` in clear."""
        return shown(self._engine, await self._stored(name))

    async def pause(self, name: str, reason: str = "") -> ScheduleRow:
        """Fire no more until `resume`. Idempotent. What runs goes on; fires that are queued wait."""
        return await self._paused(name, reason, "hand")

    async def resume(self, name: str) -> ScheduleRow:
        """Fire again, from now on: what was missed meanwhile stays missed. Idempotent."""

        async def write() -> bool:
            row = await self._stored(name)
            if row.enabled:
                return True
            resumed = replace(
                row, enabled=True, paused_by="", paused_reason="",
                progress=_from_now(row.progress, await self._now_us()),
            )  # fmt: skip
            return await self._write(ScheduleDecision(row=refreshed(resumed)))

        await self._until_written(name, write)
        return await self.get(name)

    async def trigger(self, name: str) -> str:
        """Start an execution now, outside of the rule, also of a paused schedule; return its id.

        It starts beside what runs; later fires see it as one that runs.

        Raises:
            UnknownWorkflow: the workflow was removed.
        """
        nonce = new_nonce()[:8]
        started: list[str] = []

        async def write() -> bool:
            row = await self._stored(name)
            now_us = await self._now_us()
            if started and await self._has_run(name, started[-1], now_us):
                return True  # the line broke after it was written
            code, definition = await check_workflow(self._engine, row)
            fire_us = await self._free_instant(row, now_us)
            started.append(f"{execution_id_of(name, fire_us)}-{nonce}")
            run = ScheduleRun(
                schedule=name, fire_at_us=fire_us, outcome="triggered", execution_id=started[-1], is_open=True
            )
            start = scheduled_start(row, started[-1], now_us=now_us, code=code, definition=definition)
            return await self._write(
                ScheduleDecision(row=replace(row, last_run_at_us=now_us), runs=[run], starts=[start], blobs=start.blobs)
            )

        await self._until_written(name, write)
        return started[-1]

    async def delete(self, name: str) -> None:
        """Remove a schedule and the record of its runs. Executions that it started go on."""
        if not await self._store.delete_schedule(name):
            await self._stored(name)

    async def next_fires(self, name: str, count: int = 5) -> Fires:
        """Return the coming fires, also of a paused schedule."""
        row = await self._stored(name)
        after_us = max(await self._now_us(), row.progress.decided_until_us)  # of those before, none fires any more
        coming = coming_fires(row.spec.rule, after_us=after_us, count=count)
        return [NextFire(each.at_us, each.local.isoformat(" "), each.dst, each.note) for each in coming]

    async def backfill(self, name: str, from_us: int, until_us: int, *, dry_run: bool = False) -> Backfill:
        """Start the fires from `from_us`, inclusive, until `until_us`, exclusive, which have not been run; oldest first.

        They start at once, side by side. No fire starts twice, whoever asks.

        What is still to come is left out.

        Raises:
            BackfillTooLarge: the range holds more than 1,000 fires.
            UnknownWorkflow: the workflow was removed.
        """
        answer: list[Backfilled] = []

        async def write() -> bool:
            row = await self._stored(name)
            now_us = await self._now_us()
            answer[:] = await self._backfilled(row, from_us, min(until_us, now_us))
            new = [each for each in answer if not each.existed]
            if dry_run or not new:
                return True
            code, definition = await check_workflow(self._engine, row)
            runs = [
                ScheduleRun(
                    schedule=name, fire_at_us=each.fire_us, outcome="backfilled", execution_id=each.execution_id,
                    is_open=True,
                )
                for each in new
            ]  # fmt: skip
            starts = [
                scheduled_start(row, each.execution_id, now_us=now_us, code=code, definition=definition) for each in new
            ]
            until = row.progress.decided_until_us
            ahead = {*row.progress.ran_ahead_us, *(each.fire_us for each in new if each.fire_us > until)}
            after = replace(row, last_run_at_us=now_us, progress=Progress(until, tuple(sorted(ahead))))
            blobs = [blob for start in starts for blob in start.blobs]
            return await self._write(ScheduleDecision(row=after, runs=runs, starts=starts, blobs=blobs))

        await self._until_written(name, write)
        return answer

    async def runs(self, name: str, limit: int = 50) -> Runs:
        """Return what its fires have led to, the newest fire first."""
        await self._stored(name)
        return await self._store.schedule_runs(name, limit=limit)

    async def sync(self, declarations: Mapping[str, Declaration], modules: Iterable[str]) -> Synced:
        """Bring the stored schedules in step with what these modules declare, by name.

        A schedule that one of them declared and does not any more is paused with the reason, and so is one whose workflow
        its module no longer has; declared again, it goes on. Schedules put by hand and those of other modules stay as they are.

        Raises:
            DefinitionError: as `put`, of any of them; the others are put all the same.
        """
        return await sync(self, self._engine, declarations, frozenset(modules))

    async def pause_for_code(self, name: str, reason: str) -> None:
        """Pause what code does not declare any more, until it does."""
        await self._paused(name, reason, "code")

    # -- parts ----------------------------------------------------------------------------------------------------
    async def _paused(self, name: str, reason: str, by: PausedBy) -> ScheduleRow:
        async def write() -> bool:
            row = await self._stored(name)
            why = reason if reason or row.enabled else row.paused_reason
            paused = replace(row, enabled=False, paused_by=by, paused_reason=why, next_run_at_us=None, due_at_us=None)
            return paused == row or await self._write(ScheduleDecision(row=paused))

        await self._until_written(name, write)
        return await self.get(name)

    async def _stored(self, name: str) -> ScheduleRow:
        row = await self._store.get_schedule(name)
        if row is None:
            names = [other.name for other in await self._store.list_schedules()]
            raise ScheduleNotFound(name, store=self._store.name, similar=get_close_matches(name, names, 3))
        return row

    async def _now_us(self) -> int:
        node = self._engine.node
        return node.clock.now_us() if node else await self._store.now_us()

    async def _until_written(self, name: str, write: Callable[[], Awaitable[bool]]) -> None:
        """Have `write` read and write until nobody comes between."""
        for _ in range(_TRIES):
            if await write():
                break
        else:
            raise ScheduleBusy(name, _TRIES)

    async def _write(self, decision: ScheduleDecision) -> bool:
        written = await self._store.write_schedule(decision)
        if written and self._engine.node is not None:
            self._engine.node.scheduler.poke()
            self._engine.node.dispatcher.poke()
        return written

    async def _has_run(self, name: str, execution_id: str, now_us: int) -> bool:
        runs = await self._store.schedule_runs(name, from_us=now_us - _RECENT_US, limit=MOST_RUNS)
        return any(run.execution_id == execution_id for run in runs)

    async def _free_instant(self, row: ScheduleRow, now_us: int) -> int:
        """Return the first instant from now on that is no fire of the rule and stands for no run yet."""
        fire_us = now_us
        while row.spec.rule.count(fire_us - 1, fire_us) or await self._store.schedule_runs(
            row.name, from_us=fire_us, until_us=fire_us + 1
        ):
            fire_us += 1
        return fire_us

    async def _backfilled(self, row: ScheduleRow, from_us: int, until_us: int) -> Backfill:
        rule = row.spec.rule
        if from_us >= until_us:
            return []
        count = rule.count(from_us - 1, until_us - 1)
        fires = list(islice(fires_between(rule, from_us, until_us), MOST_BACKFILLED + 1))
        if count > MOST_BACKFILLED:
            raise BackfillTooLarge(row.name, count, MOST_BACKFILLED, utc(fires[-1]).isoformat())
        found: list[Backfilled] = []
        for fire_us in fires:
            runs = await self._store.schedule_runs(row.name, from_us=fire_us, until_us=fire_us + 1)
            own_id = execution_id_of(row.name, fire_us)
            known = any(run.execution_id is not None or run.is_open for run in runs)
            existed = known or await self._store.get_execution(own_id) is not None
            found.append(Backfilled(fire_us, own_id, existed))
        return found


def _from_now(progress: Progress, now_us: int) -> Progress:
    """Return the progress of a schedule that goes on from now; what was decided stays so."""
    until_us = max(progress.decided_until_us, now_us)
    return Progress(until_us, tuple(fire_us for fire_us in progress.ran_ahead_us if fire_us > until_us))
