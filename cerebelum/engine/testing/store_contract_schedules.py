"""Schedules: what is kept of them, and that no fire runs twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from cerebelum.engine.domain.errors import InternalError
from cerebelum.engine.domain.schedules.catching_up import Progress
from cerebelum.engine.domain.schedules.rules import At, Cron, Every, Rule
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.domain.schedules.spec import ScheduleSpec
from cerebelum.engine.ports.schedule_store import ScheduleDecision
from cerebelum.engine.ports.store import Store
from cerebelum.engine.testing import store_samples as a

DAILY = Cron("0 9 * * *", "America/New_York")


def schedule(name: str = "nightly", rule: Rule = DAILY, **fields: Any) -> ScheduleRow:
    """Return a schedule that is due."""
    values: dict[str, Any] = {
        "workflow": a.WORKFLOW,
        "spec": ScheduleSpec(rule=rule, queue="reports", jitter_us=5, overlap="queue", catch_up="all", max_missed=7),
        "progress": Progress(a.AT_US, (a.AT_US + 1, a.AT_US + 2)),
        "module": "flows.reports",
        "input": b'{"region":"\\u0000\xc3\xa9","n":12345678901234567890}',
        "next_run_at_us": a.AT_US,
        "due_at_us": a.AT_US,
        "origin": "code",
    }
    return ScheduleRow(name=name, **values | fields)


async def stored(store: Store, row: ScheduleRow) -> ScheduleRow:
    """Insert a schedule; return it as it is stored."""
    assert await store.write_schedule(ScheduleDecision(row=row))
    found = await store.get_schedule(row.name)
    assert found is not None
    return found


def fires(row: ScheduleRow, *fires_us: int, **fields: Any) -> ScheduleDecision:
    """Return the write that starts an execution for each of the fires."""
    rows = [a.waiting(f"{row.name}-{fire_us}", status="pending") for fire_us in fires_us]
    runs = [
        ScheduleRun(schedule=row.name, fire_at_us=fire_us, outcome="started", execution_id=new.id, is_open=True)
        for fire_us, new in zip(fires_us, rows, strict=True)
    ]
    return ScheduleDecision(row=row, runs=runs, starts=[a.start(new) for new in rows], **fields)


class ScheduleContract:
    """J4, J5, J9, F20."""

    @pytest.mark.parametrize("rule", [DAILY, Every(60_000_000, 17), At(a.AT_US)], ids=lambda rule: type(rule).__name__)
    async def test_a_schedule_comes_back_as_it_was_written(self, store: Store, rule: Rule) -> None:
        """F20, J4: rule, zone, input, queue, options, progress, flags and times; the store counts revisions and keeps time."""
        row = schedule(rule=rule, enabled=False, paused_reason='a "reason"\n', paused_by="hand", waiting=3)
        row.last_run_at_us = a.AT_US - 1
        found = await stored(store, row)
        assert found.inserted_at_us == found.updated_at_us > 0
        times = {"inserted_at_us": found.inserted_at_us, "updated_at_us": found.updated_at_us}
        assert found == replace(row, revision=1, **times)
        assert await store.list_schedules() == [found]

    async def test_schedules_are_listed_by_name_and_deleted_with_their_runs(self, store: Store) -> None:
        """J4: a name stands for one schedule; what was deleted leaves no run behind for one that comes after."""
        for name in ("b", "a", "c"):
            await stored(store, schedule(name))
        assert [row.name for row in await store.list_schedules()] == ["a", "b", "c"]
        (row, *_) = await store.list_schedules()
        assert await store.write_schedule(fires(row, a.AT_US))
        assert [await store.delete_schedule("a"), await store.delete_schedule("a")] == [True, False]
        assert await store.get_schedule("a") is None
        await stored(store, schedule("a"))
        assert await store.schedule_runs("a") == []
        assert await a.versions(store, f"a-{a.AT_US}") == [1]

    async def test_one_name_is_inserted_once(self, store: Store, second_store: Store) -> None:
        """J4: of many that insert a schedule at once, one does; the others are told."""
        answers = await asyncio.gather(
            *((store, second_store)[n % 2].write_schedule(ScheduleDecision(row=schedule())) for n in range(6))
        )
        assert sorted(answers) == [False] * 5 + [True]

    async def test_what_is_due(self, store: Store) -> None:
        """J5, J8: due by its time or with queued fires, enabled, and of a workflow that the node knows; the longest due first."""
        now_us = a.AT_US
        kinds: dict[str, dict[str, Any]] = {
            "now": {"due_at_us": now_us},
            "longer": {"due_at_us": now_us - 5},
            "later": {"due_at_us": now_us + 1},
            "queued": {"due_at_us": now_us + 2, "waiting": 1},
            "never": {"due_at_us": None},
            "off": {"enabled": False},
            "foreign": {"workflow": "flow:other"},
        }
        for name, fields in kinds.items():
            await stored(store, schedule(name, **fields))
        mine = [a.WORKFLOW, "flow:none"]
        assert [row.name for row in await store.due_schedules(workflows=mine, now_us=now_us)] == [
            "longer",
            "now",
            "queued",
        ]
        assert await store.due_schedules(workflows=[], now_us=now_us) == []
        assert await store.next_schedule_us(workflows=mine) == now_us - 5
        assert await store.next_schedule_us(workflows=["flow:none"]) is None

    async def test_a_decision_starts_and_records(self, store: Store) -> None:
        """J5: one write moves the row, records the run, and starts the execution, which is due for whoever claims it."""
        row = await stored(store, schedule())
        assert await store.write_schedule(fires(replace(row, last_run_at_us=a.AT_US), a.AT_US))
        found = await store.get_schedule(row.name)
        assert found is not None
        assert (found.revision, found.last_run_at_us, found.inserted_at_us) == (2, a.AT_US, row.inserted_at_us)
        ((run, status),) = await store.open_runs(row.name)
        assert (run.fire_at_us, run.outcome, run.execution_id, status) == (
            a.AT_US, "started", f"nightly-{a.AT_US}", "pending",
        )  # fmt: skip
        assert run.at_us > 0
        (claimed,) = await store.claim(a.OWNER, workflows=[a.WORKFLOW], limit=10)
        assert claimed.id == run.execution_id

    async def test_of_those_that_decide_at_once_one_does(self, store: Store, second_store: Store) -> None:
        """J9: ten deciders over two connections that have read the same revision: one fires, nothing of the others is written."""
        row = await stored(store, schedule())
        answers = await asyncio.gather(
            *((store, second_store)[n % 2].write_schedule(fires(row, a.AT_US + n)) for n in range(10))
        )
        assert sorted(answers) == [False] * 9 + [True]
        assert len(await store.schedule_runs(row.name)) == 1
        assert sum((await store.count_executions()).values()) == 1

    async def test_a_deleted_schedule_takes_no_decision(self, store: Store) -> None:
        """J9: who read it before it was deleted starts nothing and brings nothing back."""
        row = await stored(store, schedule())
        await store.delete_schedule(row.name)
        assert not await store.write_schedule(fires(row, a.AT_US))
        assert await store.list_schedules() == []
        assert sum((await store.count_executions()).values()) == 0

    async def test_a_fire_that_has_run_is_never_replaced(self, store: Store) -> None:
        """J9: the second fence: even with the right revision, a fire that has an execution gets no other; all is refused."""
        row = await stored(store, schedule())
        assert await store.write_schedule(fires(row, a.AT_US))
        again = await store.get_schedule(row.name)
        assert again is not None
        with pytest.raises(InternalError, match="has been run already"):
            await store.write_schedule(fires(again, a.AT_US - 1, a.AT_US))
        assert await store.get_schedule(row.name) == again
        assert [run.fire_at_us for run in await store.schedule_runs(row.name)] == [a.AT_US]
        assert sum((await store.count_executions()).values()) == 1

    async def test_a_taken_id_is_left_as_it_is(self, store: Store) -> None:
        """J9: an execution under the fire's own id is the fire's: it is recorded, and not started again."""
        row = await stored(store, schedule())
        await a.started(store, a.row(f"nightly-{a.AT_US}", status="completed", last_version=3))
        assert await store.write_schedule(fires(row, a.AT_US))
        assert await a.versions(store, f"nightly-{a.AT_US}") == [1, 2, 3]

    async def test_a_queued_run_becomes_a_started_one(self, store: Store) -> None:
        """A run without execution gives its place to one that has started; open runs come oldest first."""
        row = await stored(store, schedule())
        queued = [
            ScheduleRun(schedule=row.name, fire_at_us=fire_us, outcome="queued", reason="x still runs", is_open=True)
            for fire_us in (a.AT_US + 2, a.AT_US + 1)
        ]
        assert await store.write_schedule(ScheduleDecision(row=row, runs=queued))
        found = await store.open_runs(row.name)
        assert [(run.fire_at_us, run.outcome, run.reason, status) for run, status in found] == [
            (a.AT_US + 1, "queued", "x still runs", None),
            (a.AT_US + 2, "queued", "x still runs", None),
        ]
        assert await store.write_schedule(fires(replace(row, revision=2), a.AT_US + 1))
        found = await store.open_runs(row.name)
        assert [(run.outcome, status) for run, status in found] == [("started", "pending"), ("queued", None)]

    async def test_ended_runs_are_open_no_more(self, store: Store) -> None:
        """What has ended is said so in the same write, and is not looked at again."""
        row = await stored(store, schedule())
        await store.write_schedule(fires(row, a.AT_US, a.AT_US + 1))
        await store.write_schedule(ScheduleDecision(row=replace(row, revision=2), ended=[a.AT_US]))
        assert [run.fire_at_us for run, _ in await store.open_runs(row.name)] == [a.AT_US + 1]
        assert [run.is_open for run in await store.schedule_runs(row.name)] == [True, False]

    async def test_a_run_whose_execution_was_deleted(self, store: Store) -> None:
        """An open run of an execution that is not there any more has no status."""
        row = await stored(store, schedule())
        decision = fires(row, a.AT_US)
        decision.starts = []
        await store.write_schedule(decision)
        ((run, status),) = await store.open_runs(row.name)
        assert (run.outcome, status) == ("started", None)

    async def test_a_cancellation_goes_with_the_decision(self, store: Store) -> None:
        """J9: a message to the execution before is in the same write as the start that replaces it."""
        row = await stored(store, schedule())
        (before,) = await a.started(store, a.waiting(wake_at_us=None))
        decision = fires(row, a.AT_US, messages=[a.message(before.id, kind="cancel", payload=b'"replaced"')])
        assert await store.write_schedule(decision)
        (message,) = await store.inbox_of(before.id)
        assert (message.kind, message.payload) == ("cancel", b'"replaced"')
        assert (await a.the_row(store, before.id)).wake_at_us is not None

    async def test_runs_are_read_by_range_and_limit(self, store: Store) -> None:
        """Runs come newest first; the range holds its beginning and not its end; another schedule's are not among them."""
        row, other = await stored(store, schedule()), await stored(store, schedule("other"))
        await store.write_schedule(fires(row, *(a.AT_US + n for n in range(5))))
        await store.write_schedule(fires(other, a.AT_US))
        found = await store.schedule_runs(row.name, from_us=a.AT_US + 1, until_us=a.AT_US + 4)
        assert [run.fire_at_us - a.AT_US for run in found] == [3, 2, 1]
        assert [run.fire_at_us - a.AT_US for run in await store.schedule_runs(row.name, limit=2)] == [4, 3]
