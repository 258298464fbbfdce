"""What people and programs do with schedules."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from cerebelum import workflow
from cerebelum.connect import make_codec
from cerebelum.engine.application.schedules import Declaration
from cerebelum.engine.domain.durations import utc
from cerebelum.engine.domain.errors import DefinitionError, UnknownWorkflow
from cerebelum.engine.domain.errors_payload import ArgumentError, PayloadMismatch
from cerebelum.engine.domain.errors_schedule import BackfillTooLarge, InvalidSchedule, ScheduleNotFound
from cerebelum.engine.domain.schedules.spec import Options, ScheduleSpec, cron_schedule, interval_schedule
from cerebelum.testing import in_memory_engine
from tests.engine.behaviour.test_sealed_payloads import Cipher
from tests.engine.schedules.world_of_schedules import BEGIN, at_us, fired, report, schedules_of, slow

HOURLY = cron_schedule("0 * * * *")
MODULE = "flows.reports"


@workflow
async def of_a_day(day: date) -> int:
    return day.year


def spec_with(**options: Any) -> ScheduleSpec:
    """Return an hourly schedule with these options."""
    return cron_schedule("0 * * * *", options=Options(**options))


async def test_putting_again_updates_and_keeps() -> None:
    """J4: one row, with the new values; last_run_at, the enabled flag and when it was inserted stay."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        schedules = schedules_of(kit)
        await schedules.put("r", report, HOURLY)
        await kit.advance(hours=1)
        await schedules.pause("r", "for now")
        before = await schedules.get("r")
        after = await schedules.put("r", "report", spec_with(input={"region": "eu"}, queue="q"), module="m")
        assert (await schedules.list()) == [after]
        assert (after.last_run_at_us, after.enabled, after.paused_reason, after.inserted_at_us) == (
            before.last_run_at_us, False, "for now", before.inserted_at_us,
        )  # fmt: skip
        assert (after.spec.input, after.spec.queue, after.module) == ({"region": "eu"}, "q", "m")
        assert after.progress == before.progress


async def test_putting_the_same_again_writes_nothing() -> None:
    """J4: each reload of a file puts its schedules; what is stored as it should be stays untouched, and so does its revision."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        schedules = schedules_of(kit)
        first = await schedules.put("r", report, HOURLY)
        kit.clock.move_to(at_us("2026-03-02T12:15"))
        assert await schedules.put("r", report, HOURLY) == first
        assert (await schedules.put("r", report, HOURLY, module="m")).revision > first.revision


async def test_a_changed_rule_goes_on_from_now() -> None:
    """J4: the new rule's earlier times were never missed; the same rule keeps what it has to catch up."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        schedules = schedules_of(kit)
        for name in ("same", "other"):
            await schedules.put(name, report, HOURLY)
        await kit.engine.stop_node()
        kit.clock.move_to(at_us("2026-03-02T12:15"))
        await schedules.put("same", report, HOURLY)
        await schedules.put("other", report, cron_schedule("5 * * * *"))
        await kit.register(report)
        await kit.settle()
        assert [utc(fire_us).hour for fire_us in await fired(kit, "same")] == [12]
        assert await fired(kit, "other") == []


async def test_an_unknown_workflow_is_refused() -> None:
    """J7: a workflow that nobody registered, a step's name say, is an error that names those that are known."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report, slow)
        with pytest.raises(UnknownWorkflow, match="known: report, slow"):
            await schedules_of(kit).put("r", "collect", HOURLY)
        assert await schedules_of(kit).list() == []


@pytest.mark.parametrize(
    "given, error, said",
    [
        ({"city": "Bern"}, ArgumentError, "unexpected argument 'city'"),
        ({}, ArgumentError, "missing argument 'day'"),
        ({"day": "soon"}, PayloadMismatch, "day"),
        (["2026-03-02"], InvalidSchedule, "by name"),
    ],
)
async def test_an_input_that_does_not_fit_is_refused(given: Any, error: type[Exception], said: str) -> None:
    """J7: the workflow's arguments decide, when the schedule is put and not at night when it fires."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        with pytest.raises(error, match=said):
            await schedules_of(kit).put("r", of_a_day, spec_with(input=given))
        assert await schedules_of(kit).list() == []


@pytest.mark.parametrize("day", ["2026-03-02", date(2026, 3, 2)])
async def test_an_input_is_json_or_values(day: object) -> None:
    """J7: an argument's own type and its JSON form give the same execution."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        row = await schedules_of(kit).put("r", of_a_day, spec_with(input={"day": day}))
        assert row.spec.input == {"day": "2026-03-02"}
        await kit.register(of_a_day)
        await kit.advance(hours=1)
        (execution,) = await kit.list()
        assert (await kit.get_execution(execution.id)).result == 2026


async def test_a_sealed_input_is_stored_sealed_and_shown_in_clear() -> None:
    """J7: with a payload transform nothing of the input lies in the store in clear, and it arrives all the same."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        kit.engine.codec = make_codec(transforms=(Cipher(),))
        row = await schedules_of(kit).put("r", report, spec_with(input={"region": "secret place"}))
        assert row.spec.input == {"region": "secret place"}
        stored = await kit.store.get_schedule("r")
        assert stored is not None
        assert b"secret" not in stored.input
        await kit.register(report)
        await kit.advance(hours=1)
        (execution,) = await kit.list()
        assert (await kit.get_execution(execution.id)).result == "report of secret place"


@pytest.mark.parametrize("name", ["", "a b", "x" * 151, "-a", "ä"])
async def test_names_that_cannot_be_used(name: str) -> None:
    """J7: a name becomes a part of executions' ids, so it is held to their characters."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        with pytest.raises(InvalidSchedule, match="1 to 150 of the characters"):
            await schedules_of(kit).put(name, report, HOURLY)


async def test_a_name_that_is_not_there_names_similar_ones() -> None:
    """J7: every call says which schedules have nearly this name."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        schedules = schedules_of(kit)
        await schedules.put("nightly-report", report, HOURLY)
        for call in (
            schedules.get, schedules.pause, schedules.resume, schedules.trigger, schedules.delete, schedules.next_fires,
            schedules.runs,
        ):  # fmt: skip
            with pytest.raises(ScheduleNotFound, match="similar: nightly-report"):
                await call("nightly-reprot")


async def test_trigger_runs_now_beside_the_rule() -> None:
    """J7: an execution starts at once, also of a paused schedule; the rule's own fires are not touched, but see it run."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(slow)
        schedules = schedules_of(kit)
        await schedules.put("s", slow, cron_schedule("0 * * * *", options=Options(input={"seconds": 2400})))
        await schedules.pause("s")
        ids = [await schedules.trigger("s"), await schedules.trigger("s")]
        assert len(set(ids)) == 2
        await schedules.resume("s")
        await kit.advance(hours=2)
        runs = await schedules.runs("s")
        assert [run.outcome for run in runs] == ["started", "skipped", "triggered", "triggered"]
        assert {run.execution_id for run in runs[2:]} == set(ids)
        assert runs[1].reason == f"{ids[0]} still runs"


async def test_a_trigger_at_a_fire_leaves_the_fire_its_own() -> None:
    """J9: called at the very instant of a fire, both run."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        await schedules_of(kit).put("r", report, spec_with(overlap="allow"))
        kit.clock.move_to(at_us("2026-03-02T09:00"))
        await schedules_of(kit).trigger("r")
        await kit.settle()
        assert [run.outcome for run in await schedules_of(kit).runs("r")] == ["triggered", "started"]


async def test_delete_forgets_the_schedule_and_not_its_executions() -> None:
    """J4: what it started stays."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        await schedules_of(kit).put("r", report, HOURLY)
        await kit.advance(hours=1)
        await schedules_of(kit).delete("r")
        await kit.advance(hours=1)
        assert await schedules_of(kit).list() == []
        assert len(await kit.list()) == 1


async def test_next_fires_show_the_wall_clock_and_what_changes_it() -> None:
    """J6: the coming times with their offset, and a note where the clocks change."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        schedules = schedules_of(kit)
        await schedules.put("r", report, cron_schedule("30 2 28,29 3 *", timezone="Europe/Zurich"))
        first, second, *_ = await schedules.next_fires("r", 3)
        assert (first.local, first.dst, first.note) == ("2026-03-28 02:30:00+01:00", "", "")
        assert (second.fire_us, second.local, second.dst) == (
            at_us("2026-03-29T01:00"), "2026-03-29 03:00:00+02:00", "gap",
        )  # fmt: skip
        assert "02:30 is skipped" in second.note


class TestBackfill:
    """J10's other side: missed fires that somebody wants after all."""

    async def test_it_runs_each_missed_fire_once(self) -> None:
        """J9, J10: what has been run stays; the rest starts once, however often it is asked for; a dry run starts nothing."""
        async with in_memory_engine(start_at=BEGIN) as kit:
            await kit.register(report)
            schedules = schedules_of(kit)
            await schedules.put("r", report, HOURLY)
            await kit.advance(hours=2)
            since = at_us("2026-03-02T06:00"), at_us("2026-03-02T10:00")
            planned = await schedules.backfill("r", *since, dry_run=True)
            assert [(utc(each.fire_us).hour, each.existed) for each in planned] == [
                (6, False), (7, False), (8, False), (9, True),
            ]  # fmt: skip
            assert len(await kit.list()) == 2
            assert await schedules.backfill("r", *since) == planned
            again = await schedules.backfill("r", *since)
            assert [each.existed for each in again] == [True] * 4
            await kit.settle()
            assert sorted(row.id for row in await kit.list()) == [
                f"r-2026-03-02T{hour}:00:00Z" for hour in ("06", "07", "08", "09", "10")
            ]
            assert await fired(kit, "r", "backfilled") == [at_us(f"2026-03-02T0{hour}:00") for hour in (6, 7, 8)]

    async def test_what_was_skipped_or_missed_can_be_run(self) -> None:
        """J10: the fires that catching up left out."""
        async with in_memory_engine(start_at=BEGIN) as kit:
            await kit.register(slow)
            schedules = schedules_of(kit)
            await schedules.put("s", slow, spec_with(input={"seconds": 5000}))
            await kit.advance(hours=2)
            assert await fired(kit, "s", "skipped") == [at_us("2026-03-02T10:00")]
            (one,) = await schedules.backfill("s", at_us("2026-03-02T10:00"), at_us("2026-03-02T10:01"))
            assert not one.existed
            await kit.settle()
            assert len(await kit.list()) == 2

    async def test_a_fire_that_the_rule_has_not_come_to_is_not_run_again(self) -> None:
        """J9: backfilled while no node fired, it is the rule's no more; what is still to come is left out."""
        async with in_memory_engine(start_at=BEGIN) as kit:
            schedules = schedules_of(kit)
            await schedules.put("r", report, spec_with(catch_up="all", overlap="allow"))
            kit.clock.move_to(at_us("2026-03-02T10:30"))
            (one,) = await schedules.backfill("r", at_us("2026-03-02T10:00"), at_us("2026-03-09T00:00"))
            assert utc(one.fire_us).hour == 10
            await kit.register(report)
            await kit.settle()
            await kit.advance(hours=1)
            assert await fired(kit, "r") == [at_us("2026-03-02T09:00"), at_us("2026-03-02T11:00")]
            assert len(await kit.list()) == 3

    async def test_a_deleted_schedule_that_comes_back_does_not_run_a_fire_again(self) -> None:
        """J9: the execution under the fire's own id is still there."""
        async with in_memory_engine(start_at=BEGIN) as kit:
            await kit.register(report)
            schedules = schedules_of(kit)
            await schedules.put("r", report, HOURLY)
            await kit.advance(hours=1)
            await schedules.delete("r")
            await schedules.put("r", report, HOURLY)
            (one,) = await schedules.backfill("r", at_us("2026-03-02T09:00"), at_us("2026-03-02T09:30"))
            assert one.existed

    async def test_it_is_bounded(self) -> None:
        """J10: more than a thousand fires are refused, with the end of a first part; nothing starts."""
        async with in_memory_engine(start_at=BEGIN) as kit:
            schedules = schedules_of(kit)
            await schedules.put("m", report, interval_schedule(timedelta(minutes=1)))
            with pytest.raises(BackfillTooLarge, match="10,080 fires") as caught:
                await schedules.backfill("m", at_us("2026-02-01T00:00"), at_us("2026-02-08T00:00"))
            assert "--to 2026-02-01T16:40:00+00:00" in str(caught.value)
            part = await schedules.backfill("m", at_us("2026-02-01T00:00"), at_us("2026-02-01T16:40"))
            assert len(part) == len(await kit.list(limit=10_000)) == 1000


class TestSync:
    """What loading modules does."""

    async def test_declared_schedules_are_put_and_loading_again_changes_nothing(self) -> None:
        """J3, J4: each declaration is a row; a second time, there is still one, and nothing is said to have changed."""
        async with in_memory_engine(start_at=BEGIN) as kit:
            schedules, declared = schedules_of(kit), {"r": Declaration(report, HOURLY, MODULE)}
            assert (await schedules.sync(declared, [MODULE])).added == ("r",)
            synced = await schedules.sync(declared, [MODULE])
            assert (synced.added, synced.updated, synced.paused, synced.resumed) == ((), (), (), ())
            (row,) = await schedules.list()
            assert (row.origin, row.module) == ("code", MODULE)
            changed = {"r": Declaration(report, cron_schedule("5 * * * *"), MODULE)}
            assert (await schedules.sync(changed, [MODULE])).updated == ("r",)

    async def test_what_is_declared_no_more_is_paused_and_comes_back(self) -> None:
        """J3: it is paused with the reason and not deleted; declared again, it goes on from then."""
        async with in_memory_engine(start_at=BEGIN) as kit:
            await kit.register(report)
            schedules, declared = schedules_of(kit), {"r": Declaration(report, HOURLY, MODULE)}
            await schedules.sync(declared, [MODULE])
            assert (await schedules.sync({}, [MODULE])).paused == ("r",)
            row = await schedules.get("r")
            assert (row.enabled, row.paused_reason) == (False, "flows.reports does not declare it any more")
            await kit.advance(hours=2)
            assert await kit.list() == []
            assert (await schedules.sync(declared, [MODULE])).resumed == ("r",)
            await kit.advance(hours=1)
            assert await fired(kit, "r") == [at_us("2026-03-02T11:00")]

    async def test_others_are_left_alone(self) -> None:
        """J3: schedules put by hand, and those of modules that were not loaded, stay as they are."""
        async with in_memory_engine(start_at=BEGIN) as kit:
            schedules = schedules_of(kit)
            await schedules.put("mine", report, HOURLY)
            await schedules.sync({"theirs": Declaration(report, HOURLY, "flows.other")}, ["flows.other"])
            assert (await schedules.sync({}, [MODULE])).paused == ()
            assert [row.enabled for row in await schedules.list()] == [True, True]

    async def test_a_person_s_pause_outlives_a_load(self) -> None:
        """J4, J8: a schedule that a person paused stays paused however often its module is loaded."""
        async with in_memory_engine(start_at=BEGIN) as kit:
            schedules, declared = schedules_of(kit), {"r": Declaration(report, HOURLY, MODULE)}
            await schedules.sync(declared, [MODULE])
            await schedules.pause("r", "holidays")
            await schedules.sync({}, [MODULE])
            await schedules.sync(declared, [MODULE])
            row = await schedules.get("r")
            assert (row.enabled, row.paused_reason) == (False, "holidays")

    async def test_a_workflow_that_is_gone_pauses_its_schedules(self) -> None:
        """J3: also one put by hand: nobody would fire it, and nobody would know."""
        async with in_memory_engine(start_at=BEGIN) as kit:
            schedules = schedules_of(kit)
            await schedules.put("by-hand", report, HOURLY)
            code = await kit.store.get_code("report")
            assert code is not None
            kit.engine.registry.remove("report", code.short_digest)
            await schedules.sync({}, [code.module])
            assert "has no workflow 'report' any more" in (await schedules.get("by-hand")).paused_reason
            await schedules.resume("by-hand")
            await kit.store.delete_workflow("report")
            await schedules.sync({}, [MODULE])
            assert (await schedules.get("by-hand")).paused_reason == "its workflow 'report' was removed"

    async def test_a_declaration_that_is_refused_pauses_what_it_was(self) -> None:
        """J3: the old schedule must not go on as the code no longer says; the others are put, and the fault is raised."""
        async with in_memory_engine(start_at=BEGIN) as kit:
            schedules = schedules_of(kit)
            await schedules.sync(
                {"bad": Declaration(of_a_day, spec_with(input={"day": "2026-01-01"}), MODULE)}, [MODULE]
            )
            declared = {
                "bad": Declaration(of_a_day, HOURLY, MODULE),
                "good": Declaration(report, HOURLY, MODULE),
                "worse name": Declaration(report, HOURLY, MODULE),
            }
            with pytest.raises(ArgumentError) as caught:
                await schedules.sync(declared, [MODULE])
            assert "worse name" in caught.value.__notes__[0]
            bad, good = await schedules.list()
            assert (bad.enabled, good.enabled) == (False, True)
            assert "its declaration was refused" in bad.paused_reason


async def test_faults_are_definition_errors() -> None:
    """J2: a caller catches all that is wrong with a declaration as one kind."""
    assert issubclass(InvalidSchedule, DefinitionError)
