"""One look at a schedule: what is done now, given what it has started before. Pure; the caller commits it as a whole.

1. What has ended is noted. 2. A queued fire takes its place. 3. What is due is decided (`catching_up`), and what of it
starts beside what runs (`overlapping`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from cerebelum.engine.domain.execution import FINAL, Status
from cerebelum.engine.domain.schedules.catching_up import Due, Progress, decide, rewound
from cerebelum.engine.domain.schedules.jitter import jitter_of_us
from cerebelum.engine.domain.schedules.overlapping import Admission, admit
from cerebelum.engine.domain.schedules.schedule import Outcome, ScheduleRow, ScheduleRun, execution_id_of

OpenRuns = Sequence[tuple[ScheduleRun, Status | None]]
_OUTCOMES: dict[str, Outcome] = {"start": "started", "queue": "queued", "skip": "skipped"}


class Firing(Struct, frozen=True):
    """What to commit.

    Attributes:
        row: the schedule afterwards.
        started: those of `runs` that start their execution.
        cancel: ids of executions that make room.
    """

    row: ScheduleRow
    runs: tuple[ScheduleRun, ...] = ()
    ended: tuple[int, ...] = ()
    cancel: tuple[str, ...] = ()

    @property
    def started(self) -> tuple[ScheduleRun, ...]:
        return tuple(run for run in self.runs if run.execution_id is not None)


def look_at(row: ScheduleRow, now_us: int, open_runs: OpenRuns, *, ran_later_us: Iterable[int] = ()) -> Firing:
    """Return what `row` does at `now_us`; its row is `row` itself where nothing is to be done.

    Args:
        open_runs: its open runs, oldest first, with their executions' status.
        ran_later_us: fires later than `now_us` that have been started, where the clock was far ahead.
    """
    progress = rewound(row.progress, now_us, ran_later_us)
    due = _decide(row, progress, now_us)
    ended = tuple(
        run.fire_at_us for run, status in open_runs if run.execution_id and (status is None or status in FINAL)
    )
    running = [run.execution_id for run, _ in open_runs if run.execution_id and run.fire_at_us not in ended]
    queued = [run for run, _ in open_runs if run.execution_id is None]
    from_queue, waiting = _from_queue(row, queued, running=bool(running), now_us=now_us)
    running += [run.execution_id for run in from_queue if run.execution_id is not None]
    admissions = admit(due.fires_us, row.spec.overlap, running=running, queued=waiting, most_queued=row.spec.max_missed)
    fired = [_run(row, admission, due, now_us) for admission in admissions]
    waiting += sum(run.outcome == "queued" for run in fired)
    runs = (*from_queue, *fired, *_missed(row, progress, due, now_us))
    after = replace(
        row, waiting=waiting, due_at_us=due.look_again_us, next_run_at_us=next_run_us(row, due.progress),
        last_run_at_us=now_us if any(run.execution_id for run in runs) else row.last_run_at_us,
    )  # fmt: skip
    if not runs and after == row and progress == row.progress:
        return Firing(row)
    return Firing(
        replace(after, progress=due.progress), runs, ended, tuple(id_ for each in admissions for id_ in each.cancel)
    )


def refreshed(row: ScheduleRow) -> ScheduleRow:
    """Return the row with `next_run_at_us` and `due_at_us` as its rule, its progress and the zone's data have them now."""
    next_us = row.spec.rule.next_after_us(row.progress.decided_until_us) if row.enabled else None
    due_us = None if next_us is None else next_us + jitter_of_us(row.name, next_us, most_us=row.spec.jitter_us)
    return replace(row, next_run_at_us=next_run_us(row, row.progress) if row.enabled else None, due_at_us=due_us)


def next_run_us(row: ScheduleRow, progress: Progress) -> int | None:
    """Return the next fire that has not been started, before jitter."""
    fire_us = row.spec.rule.next_after_us(progress.decided_until_us)
    while fire_us is not None and fire_us in progress.ran_ahead_us:
        fire_us = row.spec.rule.next_after_us(fire_us)
    return fire_us


def _decide(row: ScheduleRow, progress: Progress, now_us: int) -> Due:
    spec = row.spec
    return decide(
        spec.rule, progress, now_us, name=row.name, jitter_us=spec.jitter_us, catch_up=spec.catch_up,
        max_missed=spec.max_missed,
    )  # fmt: skip


def _from_queue(
    row: ScheduleRow, queued: Sequence[ScheduleRun], *, running: bool, now_us: int
) -> tuple[list[ScheduleRun], int]:
    """Return what becomes of queued fires, and how many go on waiting."""
    if row.spec.overlap == "queue":
        first = [] if running else queued[:1]
        return [_started(row, run.fire_at_us, "it waited its turn", now_us) for run in first], len(queued) - len(first)
    if row.spec.overlap == "allow":
        return [_started(row, run.fire_at_us, "nothing waits its turn any more", now_us) for run in queued], 0
    reason = "nothing waits its turn any more: the schedule was changed"
    return [replace(run, outcome="skipped", reason=reason, at_us=now_us, is_open=False) for run in queued], 0


def _started(row: ScheduleRow, fire_us: int, reason: str, now_us: int) -> ScheduleRun:
    return ScheduleRun(
        schedule=row.name, fire_at_us=fire_us, outcome="started", execution_id=execution_id_of(row.name, fire_us),
        reason=reason, at_us=now_us, is_open=True,
    )  # fmt: skip


def _run(row: ScheduleRow, admission: Admission, due: Due, now_us: int) -> ScheduleRun:
    fire_us, reason = admission.fire_us, admission.reason
    if due.dropped and fire_us == due.fires_us[0]:
        reason = "; ".join(filter(None, (_left_out(row, due.dropped), reason)))
    if admission.action == "start":
        return _started(row, fire_us, reason, now_us)
    outcome = _OUTCOMES[admission.action]
    return ScheduleRun(
        schedule=row.name, fire_at_us=fire_us, outcome=outcome, reason=reason, at_us=now_us, is_open=outcome == "queued"
    )


def _missed(row: ScheduleRow, progress: Progress, due: Due, now_us: int) -> tuple[ScheduleRun, ...]:
    """Return the one run that stands for all fires that were left out, where none of them starts."""
    if due.fires_us or not due.dropped:
        return ()
    fire_us = row.spec.rule.last_until_us(due.progress.decided_until_us, after_us=progress.decided_until_us)
    if fire_us is None or fire_us in progress.ran_ahead_us:
        return ()
    reason = _left_out(row, due.dropped)
    return (ScheduleRun(schedule=row.name, fire_at_us=fire_us, outcome="missed", reason=reason, at_us=now_us),)


def _left_out(row: ScheduleRow, dropped: int) -> str:
    fires = "1 fire was" if dropped == 1 else f"{dropped:,} fires were"
    return f'{fires} missed and left out: catch_up="{row.spec.catch_up}"'
