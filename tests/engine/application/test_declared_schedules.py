"""Schedules from Python: what a client registers, by hand or from above workflows, and what a reload does to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

import cerebelum
from cerebelum import InvalidSchedule, cron, every, fire_time, minutes, step, workflow
from cerebelum.engine.application.declared_schedules import modules_of, register_schedules
from cerebelum.engine.application.schedules import Schedules
from cerebelum.engine.domain.errors import UnknownWorkflow
from cerebelum.engine.domain.errors_payload import ArgumentError, PayloadMismatch
from cerebelum.engine.domain.schedules.rules import Cron
from cerebelum.engine.runtime.code.loading import LoadedFlow, load_flow
from cerebelum.engine.runtime.code.modules import finder
from cerebelum.testing import in_memory_engine

BEGIN = datetime(2027, 3, 1, tzinfo=UTC)


@cron("0 9 * * *", timezone="America/New_York", input={"kind": "daily"}, queue="reports")
@every(minutes(30), name="half-hourly")
@workflow
async def digest(kind: str = "short") -> str:
    return f"{kind} {fire_time().isoformat()}"


@step
def when() -> str:
    return fire_time().isoformat()


@workflow
async def tells() -> list[str]:
    return [fire_time().isoformat(), await when()]


Loader = Callable[[str], LoadedFlow]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Loader]:
    """Loads a text as the module `declared_crons`, as after a save."""

    def loaded(text: str) -> LoadedFlow:
        file = tmp_path / "declared_crons.py"
        file.write_text(text, encoding="utf-8")
        return load_flow(file)

    yield loaded
    finder.remove(["declared_crons"])
    sys.modules.pop("declared_crons", None)


async def test_a_client_schedules_by_hand() -> None:
    """J7: by function, with what `cron` was given; the row and its runs appear, and the execution has the fire's time."""
    async with in_memory_engine(start_at=BEGIN) as engine:
        row = await engine.schedule(
            "nightly", digest, cron("0 3 * * *", input={"kind": "long"}), timezone="Asia/Kathmandu"
        )
        assert (row.name, row.workflow, row.spec.rule) == ("nightly", "digest", Cron("0 3 * * *", "Asia/Kathmandu"))
        await engine.advance(days=1)
        (found,) = await engine.list(workflow="digest")
        assert found.id == "nightly-2027-03-01T21:15:00Z"
        assert await engine.handle(found.id).result() == "long 2027-03-01T21:15:00+00:00"
        assert [run.execution_id for run in await engine.client.schedules.runs("nightly")] == [found.id]


async def test_what_cannot_be_scheduled_by_hand() -> None:
    """J7: a name that is no workflow (a step's, as in the founding documents) and input that does not fit are errors."""
    async with in_memory_engine() as engine:
        await engine.register(tells)
        for name in ("when", "generate_report"):
            with pytest.raises(UnknownWorkflow, match="known: tells"):
                await engine.schedule("x", name, cron("0 3 * * *"))
        with pytest.raises(ArgumentError, match="unexpected argument 'kin'"):
            await engine.schedule("x", digest, cron("0 3 * * *", input={"kin": 1}))
        with pytest.raises(InvalidSchedule, match="did you mean 'Europe/Zurich'"):
            await engine.schedule("x", digest, cron("0 3 * * *"), timezone="Zurich")
        assert await engine.client.schedules.list() == []


async def test_all_of_a_module_at_once() -> None:
    """J1, J3, J4: `schedule_all` registers what stands above a module's workflows; to call it again changes nothing."""
    module = ModuleType("some_module")
    async with in_memory_engine(start_at=BEGIN) as engine:
        synced = await engine.schedule_all(sys.modules[__name__])
        assert synced.added == ("digest", "half-hourly")
        row = await engine.client.schedules.get("digest")
        assert (row.module, row.spec.rule, row.spec.queue) == (
            __name__,
            Cron("0 9 * * *", "America/New_York"),
            "reports",
        )
        await engine.client.schedules.pause("half-hourly")
        again = await engine.schedule_all(digest)
        assert (again.added, again.updated, again.resumed, again.paused) == ((), (), (), ())
        assert not (await engine.client.schedules.get("half-hourly")).enabled
        assert (await engine.schedule_all(module)).paused == ()


async def test_the_time_of_a_fire_is_known_in_workflows_and_steps() -> None:
    """J5: late or backfilled it is the schedule's; of an execution started by hand it is when that was started."""
    async with in_memory_engine(start_at=BEGIN) as engine:
        by_hand = await engine.start(tells)
        started = datetime.fromisoformat((await by_hand.result())[0])
        assert started == (await by_hand.execution()).started_at
        await engine.schedule("t", tells, cron("0 12 * * *"))
        day_us = 24 * 3600 * 1_000_000
        from_us = int(BEGIN.timestamp()) * 1_000_000 - day_us
        (one,) = await engine.client.schedules.backfill("t", from_us, from_us + day_us)
        assert await engine.handle(one.execution_id).result() == ["2027-02-28T12:00:00+00:00"] * 2


async def test_a_reload_follows_the_code(load: Loader) -> None:
    """J4: a changed time is taken over, a removed schedule is paused, a deleted module's, too; by hand put ones stay."""
    head = "from cerebelum import cron, workflow\n\n"
    flow = load(
        f"{head}@cron('0 1 * * *')\n@workflow\nasync def one(): ...\n\n@cron('0 2 * * *')\n@workflow\nasync def two(): ...\n"
    )
    async with in_memory_engine(start_at=BEGIN) as engine:
        schedules = Schedules(engine.engine)
        await engine.register(*flow.workflows)
        assert (await register_schedules(engine.engine, [flow])).added == ("one", "two")
        await engine.schedule("mine", flow.workflows[0], cron("0 5 * * *"))
        assert modules_of(flow) == {"declared_crons"}
        flow = load(f"{head}@cron('0 3 * * *')\n@workflow\nasync def one(): ...\n\n@workflow\nasync def two(): ...\n")
        await engine.register(*flow.workflows)
        synced = await register_schedules(engine.engine, [flow], timezone="Asia/Kathmandu")
        assert (synced.updated, synced.paused) == (("one",), ("two",))
        assert (await schedules.get("one")).spec.rule == Cron("0 3 * * *", "Asia/Kathmandu")
        assert (await schedules.get("two")).paused_by == "code"
        assert (await register_schedules(engine.engine, [], gone=["declared_crons"])).paused == ("one",)
        assert (await schedules.get("mine")).enabled


async def test_input_of_the_wrong_type_is_told_with_its_line(load: Loader) -> None:
    """J3: what does not fit is refused when it is registered, with file, line and name; the other schedules are there."""
    flow = load(
        "from cerebelum import cron, workflow\n\n@cron('0 1 * * *', input={'n': 'x'})\n@workflow\nasync def one(n: int): ...\n\n"
        "@cron('0 2 * * *')\n@workflow\nasync def two(): ...\n"
    )
    async with in_memory_engine() as engine:
        await engine.register(*flow.workflows)
        with pytest.raises(PayloadMismatch) as refused:
            await register_schedules(engine.engine, [flow])
        assert refused.value.__notes__ == ["  at   declared_crons.py:3: schedule 'one', @cron('0 1 * * *')"]
        assert [row.name for row in await engine.client.schedules.list()] == ["two"]


async def test_two_of_one_name_in_different_files_are_refused(load: Loader, tmp_path: Path) -> None:
    """J4: a name is one row; nothing is registered of either."""
    text = "from cerebelum import cron, workflow\n\n@cron('0 1 * * *', name='x')\n@workflow\nasync def {}(): ...\n"
    one = load(text.format("one"))
    other = tmp_path / "declared_other.py"
    other.write_text(text.format("other"), encoding="utf-8")
    two = load_flow(other)
    async with in_memory_engine() as engine:
        with pytest.raises(InvalidSchedule, match=r"declared_crons.py:3 .* declared_other.py:3"):
            await register_schedules(engine.engine, [one, two])
        assert await engine.client.schedules.list() == []


def test_the_blocking_client_has_the_same(tmp_path: Path) -> None:
    """J7: the same calls, each waits; on a file, and the zone is still there when it is opened again (F20)."""
    url = f"sqlite:///{tmp_path}/s.db"
    with cerebelum.connect_blocking(url) as client:
        row = client.schedule("nightly", tells, cron("0 9 * * *", timezone="America/New_York"))
        assert row.next_run_at_us is not None
        assert client.schedule_all(digest).added == ("digest", "half-hourly")
        execution_id = client.schedules.trigger("nightly")
        assert len(client.handle(execution_id).result()) == 2
    with cerebelum.connect_blocking(url, node=False) as client:
        assert client.schedules.get("nightly").spec.rule == Cron("0 9 * * *", "America/New_York")
        assert [row.name for row in client.schedules.list()] == ["digest", "half-hourly", "nightly"]
