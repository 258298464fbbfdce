"""Schedules fire: on a virtual clock, through a whole node."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import force_setattr, replace

from cerebelum.engine.domain.durations import utc
from cerebelum.engine.domain.schedules.catching_up import Progress
from cerebelum.engine.domain.schedules.spec import Options, cron_schedule, interval_schedule, one_time_schedule
from cerebelum.engine.ports.schedule_store import ScheduleDecision
from cerebelum.engine.runtime.node import NodeSettings
from cerebelum.testing import InMemoryEngine, in_memory_engine
from tests.engine.schedules.world_of_schedules import BEGIN, at_us, fired, report, schedules_of, slow

MINUTE_US = 60_000_000
BEGIN_US = at_us("2026-03-02T08:30")


async def test_three_hours_of_an_hourly_schedule() -> None:
    """J5: every hour the workflow starts with its input and queue; last_run_at and next_run_at move on."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        spec = cron_schedule("0 * * * *", options=Options(input={"region": "eu"}, queue="reports"))
        row = await schedules_of(kit).put("hourly", report, spec)
        assert (row.last_run_at_us, row.next_run_at_us) == (None, at_us("2026-03-02T09:00"))
        await kit.advance(hours=3)
        assert await fired(kit, "hourly") == [at_us(f"2026-03-02T{hour}:00") for hour in ("09", "10", "11")]
        row = await schedules_of(kit).get("hourly")
        assert (row.last_run_at_us, row.next_run_at_us) == (at_us("2026-03-02T11:00"), at_us("2026-03-02T12:00"))
        for execution in await kit.list():
            assert (execution.queue, execution.status) == ("reports", "completed")
            assert (await kit.get_execution(execution.id)).result == "report of eu"


@pytest.mark.parametrize("begin", ["2026-03-05T00:00", "2026-10-29T00:00"])
async def test_nine_in_new_york_across_both_changes(begin: str) -> None:
    """J6: on every day at 09:00 local time, once, through the scheduler of a node, in spring and in autumn."""
    zone = ZoneInfo("America/New_York")
    async with in_memory_engine(start_at=datetime.fromisoformat(begin).replace(tzinfo=zone)) as kit:
        await kit.register(report)
        await schedules_of(kit).put("daily", report, cron_schedule("0 9 * * *", timezone="America/New_York"))
        await kit.advance(days=7)
        local = [utc(fire_us).astimezone(zone) for fire_us in await fired(kit, "daily")]
        first = datetime.fromisoformat(begin).date()
        assert [(moment.date(), moment.hour, moment.minute) for moment in local] == [
            (first + timedelta(days=n), 9, 0) for n in range(7)
        ]
        assert len({moment.utcoffset() for moment in local}) == 2
        assert len(await kit.list()) == 7


async def test_a_schedule_that_is_switched_off_does_not_run() -> None:
    """J8: a paused schedule starts nothing; resumed, it goes on from then, and what it missed stays missed."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        schedules = schedules_of(kit)
        await schedules.put("often", report, cron_schedule("*/10 * * * *", options=Options(catch_up="all")))
        paused = await schedules.pause("often", "holidays")
        assert (paused.enabled, paused.paused_reason, paused.next_run_at_us) == (False, "holidays", None)
        await kit.advance(hours=1)
        assert await kit.list() == []
        resumed = await schedules.resume("often")
        assert (resumed.enabled, resumed.paused_reason) == (True, "")
        await kit.advance(minutes=25)
        assert await fired(kit, "often") == [at_us("2026-03-02T09:40"), at_us("2026-03-02T09:50")]


async def test_a_node_whose_scheduler_is_off_fires_nothing() -> None:
    """J8: `scheduler` off in a node's settings, and not one run in an hour."""
    async with in_memory_engine(start_at=BEGIN, settings=NodeSettings(scheduler=False)) as kit:
        await kit.register(report)
        await schedules_of(kit).put("often", report, cron_schedule("* * * * *"))
        await kit.advance(hours=1)
        assert await kit.list() == []


async def test_a_hundred_missed_minutes_lead_to_one_run() -> None:
    """J10: after a standstill one run catches up, says how many it stands for, and the next lies in the future."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        await schedules_of(kit).put("minutely", report, cron_schedule("* * * * *"))
        await kit.engine.stop_node()
        kit.clock.move_to(kit.clock.now_us() + 100 * MINUTE_US)
        await kit.register(report)
        await kit.settle()
        (run,) = await schedules_of(kit).runs("minutely")
        assert (utc(run.fire_at_us), run.outcome) == (BEGIN + timedelta(minutes=100), "started")
        assert run.reason == '99 fires were missed and left out: catch_up="one"'
        row = await schedules_of(kit).get("minutely")
        assert row.next_run_at_us == run.fire_at_us + MINUTE_US


@pytest.mark.parametrize(
    "catch_up, outcomes",
    [("one", ["started"]), ("all", ["started"] * 5), ("none", ["started"])],
)
async def test_a_million_missed_fires_do_not_flood(catch_up: str, outcomes: list[str]) -> None:
    """J10: two years of missed minutes start at most `max_missed` executions, and leave as few rows."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        options = Options(catch_up=catch_up, max_missed=5, overlap="allow")
        await schedules_of(kit).put("minutely", report, cron_schedule("* * * * *", options=options))
        await kit.engine.stop_node()
        kit.clock.move_to(at_us("2028-03-02T08:30:00") + 90_000_000)
        await kit.register(report)
        await kit.settle()
        runs = await schedules_of(kit).runs("minutely", 100)
        assert [run.outcome for run in runs] == outcomes
        assert "missed and left out" in runs[-1].reason
        assert f"{1_052_641 - len(outcomes):,} fires" in runs[-1].reason


async def test_what_catch_up_none_leaves_out_is_one_row() -> None:
    """J10: missed fires that stay missed are told by one run, at the newest of them, with their number."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        spec = cron_schedule("0 * * * *", options=Options(catch_up="none"))
        await schedules_of(kit).put("hourly", report, spec)
        await kit.engine.stop_node()
        kit.clock.move_to(at_us("2026-03-03T08:30"))
        await kit.register(report)
        await kit.settle()
        (run,) = await schedules_of(kit).runs("hourly")
        assert (run.outcome, utc(run.fire_at_us).isoformat()) == ("missed", "2026-03-03T08:00:00+00:00")
        assert run.reason == '24 fires were missed and left out: catch_up="none"'
        await kit.advance(hours=1)
        assert await fired(kit, "hourly") == [at_us("2026-03-03T09:00")]


async def test_intervals_and_one_off_times() -> None:
    """J5: an interval keeps to its anchor, and a one-off time fires once and never again."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        schedules = schedules_of(kit)
        await schedules.put("every", report, interval_schedule(timedelta(minutes=25), anchor=BEGIN))
        await schedules.put("once", report, one_time_schedule(BEGIN + timedelta(minutes=1)))
        await kit.advance(hours=2)
        assert await fired(kit, "every") == [
            at_us(f"2026-03-02T{when}") for when in ("08:55", "09:20", "09:45", "10:10")
        ]
        assert await fired(kit, "once") == [at_us("2026-03-02T08:31")]
        assert (await schedules.get("once")).next_run_at_us is None


async def test_jitter_starts_later_and_never_twice() -> None:
    """Each fire starts within its jitter, under the rule's own time."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        await schedules_of(kit).put("spread", report, cron_schedule("0 * * * *", options=Options(jitter=600)))
        await kit.advance(hours=6)
        runs = await schedules_of(kit).runs("spread")
        assert [utc(run.fire_at_us).hour for run in runs] == [14, 13, 12, 11, 10, 9]
        late_us = {run.at_us - run.fire_at_us for run in runs}
        assert all(0 <= late <= 600_000_000 for late in late_us)
        assert len(late_us) > 1


async def _overlapping(kit: InMemoryEngine, overlap: str, most: int = 100) -> list[tuple[str, str]]:
    """Run `slow` for nearly 25 minutes every ten minutes, for an hour; return (minute, outcome) of each fire."""
    await kit.register(slow)
    chosen = Options(input={"seconds": 1490}, overlap=overlap, max_missed=most)
    await schedules_of(kit).put("s", slow, cron_schedule("*/10 * * * *", options=chosen))
    await kit.advance(hours=1)
    runs = await schedules_of(kit).runs("s")
    return [(f"{utc(run.fire_at_us):%H:%M}", run.outcome) for run in reversed(runs)]


async def test_overlap_skip() -> None:
    """A fire is left out while the one before runs, and the run says which."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        assert await _overlapping(kit, "skip") == [
            ("08:40", "started"), ("08:50", "skipped"), ("09:00", "skipped"), ("09:10", "started"),
            ("09:20", "skipped"), ("09:30", "skipped"),
        ]  # fmt: skip
        skipped = (await schedules_of(kit).runs("s"))[-2]
        assert skipped.reason == "s-2026-03-02T08:40:00Z still runs"
        assert skipped.execution_id is None


async def test_overlap_queue() -> None:
    """A fire waits its turn, starts when the one before has ended, and of what waits there is a bounded number."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        assert await _overlapping(kit, "queue", most=2) == [
            ("08:40", "started"), ("08:50", "started"), ("09:00", "started"), ("09:10", "queued"), ("09:20", "skipped"),
            ("09:30", "queued"),
        ]  # fmt: skip
        begun = [utc(row.inserted_at_us) for row in reversed(await kit.list())]
        assert [f"{moment:%H:%M}" for moment in begun] == ["08:40", "09:04", "09:29"]
        assert (await schedules_of(kit).get("s")).waiting == 2
        await kit.advance(minutes=9)
        await schedules_of(kit).pause("s")
        await kit.advance(hours=3)
        assert len(await kit.list()) == 3
        await schedules_of(kit).resume("s")
        await kit.settle()
        assert len(await kit.list()) == 4


async def test_overlap_allow() -> None:
    """Fires run side by side."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        assert {outcome for _, outcome in await _overlapping(kit, "allow")} == {"started"}
        assert sum(row.status == "waiting" for row in await kit.list()) == 3


async def test_overlap_cancel_previous() -> None:
    """A fire cancels what runs and starts in its place."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        assert {outcome for _, outcome in await _overlapping(kit, "cancel_previous")} == {"started"}
        assert [row.status for row in await kit.list()] == ["waiting", *["cancelled"] * 5]


async def test_a_queue_of_a_schedule_that_was_changed_is_emptied() -> None:
    """Fires that wait when the overlap is changed to "skip" are left out and say so; with "allow" they start."""
    for overlap, outcome in (("skip", "skipped"), ("allow", "started")):
        async with in_memory_engine(start_at=BEGIN) as kit:
            await _overlapping(kit, "queue")
            changed = cron_schedule("0 0 1 1 *", options=Options(input={"seconds": 1}, overlap=overlap))
            await schedules_of(kit).put("s", slow, changed)
            await kit.settle()
            runs = await schedules_of(kit).runs("s")
            assert [run.outcome for run in runs] == [outcome] * 3 + ["started"] * 3
            assert (await schedules_of(kit).get("s")).waiting == 0


async def test_a_fault_of_one_schedule_pauses_it_and_harms_no_other() -> None:
    """J5: an input that the changed workflow does not take any more pauses its schedule with the reason; the other fires."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        schedules = schedules_of(kit)
        for name in ("bad", "good"):
            await schedules.put(name, report, cron_schedule("0 * * * *"))
        row = await kit.store.get_schedule("bad")
        assert row is not None
        await kit.store.write_schedule(ScheduleDecision(row=replace(row, input=b'{"city":"Bern"}')))
        await kit.advance(hours=2)
        assert len(await fired(kit, "good")) == 2
        bad = await schedules.get("bad")
        assert (bad.enabled, bad.paused_by, bad.next_run_at_us) == (False, "fault", None)
        assert "unexpected argument 'city'" in bad.paused_reason
        assert await schedules.runs("bad") == []


async def test_a_zone_that_is_gone_pauses_its_schedule_only() -> None:
    """J6: where the zone data do not know a zone any more, its schedule says so, and goes on once they do."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        schedules = schedules_of(kit)
        await schedules.put("gone", report, cron_schedule("0 * * * *", timezone="Europe/Zurich"))
        row = await kit.store.get_schedule("gone")
        assert row is not None
        force_setattr(row.spec.rule, "timezone", "Europe/Zuerich")
        await kit.store.write_schedule(ScheduleDecision(row=row))
        await kit.advance(hours=1)
        gone = await schedules.get("gone")
        assert (gone.enabled, gone.paused_by) == (False, "fault")
        assert "did you mean 'Europe/Zurich'?" in gone.paused_reason


async def test_a_node_leaves_schedules_of_workflows_that_it_does_not_know() -> None:
    """J9: such a schedule is neither started nor paused there; it waits for a node that knows the workflow."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report, slow)
        await schedules_of(kit).put("mine", report, cron_schedule("0 * * * *"))
        kit.engine.registry.remove("report", report.code)
        await kit.advance(hours=2)
        assert await kit.list() == []
        assert (await schedules_of(kit).get("mine")).enabled
        await kit.register(report)
        await kit.settle()
        assert await fired(kit, "mine") == [at_us("2026-03-02T10:00")]


async def test_a_clock_that_goes_back_by_half_an_hour_fires_nothing_twice() -> None:
    """J9: what fires in that half hour has been decided; then it goes on."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        await schedules_of(kit).put("often", report, cron_schedule("*/10 * * * *"))
        await kit.advance(minutes=40)
        kit.clock._now_us -= 30 * MINUTE_US
        await kit.settle()
        await kit.advance(minutes=50)
        fires = await fired(kit, "often")
        assert [f"{utc(fire_us):%H:%M}" for fire_us in fires] == ["08:40", "08:50", "09:00", "09:10", "09:20", "09:30"]


async def test_a_clock_that_was_years_ahead_does_not_silence_a_schedule() -> None:
    """J9: when it is right again the schedule goes on, and what it started ahead is not started again."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        await schedules_of(kit).put("daily", report, cron_schedule("0 9 * * *"))
        begin_us = kit.clock.now_us()
        kit.clock.move_to(begin_us + 3 * 24 * 60 * MINUTE_US)
        await kit.settle()
        assert [utc(fire_us).day for fire_us in await fired(kit, "daily")] == [4]
        kit.clock._now_us = begin_us
        kit.engine.node.scheduler.poke()  # type: ignore[union-attr]
        for _ in range(20):
            await kit.settle()
        assert (await schedules_of(kit).get("daily")).progress == Progress(begin_us, (at_us("2026-03-04T09:00"),))
        await kit.advance(days=4)
        assert [utc(fire_us).day for fire_us in await fired(kit, "daily")] == [2, 3, 4, 5]


async def test_an_older_node_leaves_what_only_newer_code_takes() -> None:
    """J9: in a rollout, a node with the older code does not pause a schedule whose input fits the newer code."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        await schedules_of(kit).put("hourly", report, cron_schedule("0 * * * *"))
        row = await kit.store.get_schedule("hourly")
        code = await kit.store.get_code("report")
        assert row is not None
        assert code is not None
        await kit.store.register(replace(code, digest="f" * 64, version=0))
        await kit.store.write_schedule(ScheduleDecision(row=replace(row, input=b'{"city":"Bern"}')))
        kit.clock.move_to(at_us("2026-03-02T09:00"))
        node = kit.engine.node
        assert node is not None
        (due,) = await kit.store.due_schedules(workflows=["report"], now_us=kit.clock.now_us())
        assert await node.scheduler.look(due)
        assert (await schedules_of(kit).get("hourly")).enabled
        assert await kit.list() == []


async def test_zone_data_that_change_are_picked_up() -> None:
    """J6: a next run that new zone data put elsewhere is found within a minute, and the fire is not missed."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        await schedules_of(kit).put("daily", report, cron_schedule("0 9 * * *", timezone="Europe/Zurich"))
        row = await kit.store.get_schedule("daily")
        assert row is not None
        late = at_us("2026-03-02T12:00")  # as older data would have it
        stale = replace(row, progress=Progress(BEGIN_US - 60 * MINUTE_US), next_run_at_us=late, due_at_us=late)
        await kit.store.write_schedule(ScheduleDecision(row=stale))
        for _ in range(3):  # a look a minute: in virtual time something must happen then
            await (await kit.start(slow, 60)).result()
        assert await fired(kit, "daily") == [at_us("2026-03-02T08:00")]
