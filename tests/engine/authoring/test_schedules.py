"""`@cron`, `@every`, `@at`: what they note on a workflow, and what they refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

import pytest

from cerebelum import Flow, InvalidSchedule, Workflow, at, cron, every, hours, minutes, ok, step, workflow
from cerebelum.engine.authoring.schedules import declarations_of
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.durations import US_PER_S, instant_us
from cerebelum.engine.domain.errors_code import FlowImportFailed
from cerebelum.engine.domain.schedules.coming import coming_fires
from cerebelum.engine.domain.schedules.rules import At, Cron, Every
from cerebelum.engine.runtime.code.loading import load_flow

NINE = cron("0 9 * * *")


@step
def a_step(n: int = 1) -> int:
    return n


def undecorated(n: int = 1) -> int:
    return n


def test_the_three_schedules_of_the_specification() -> None:
    """J1, F20: name, queue, input and zone of a decorator are noted on the workflow below it."""

    @cron("0 9 * * *", queue="reports", input={"kind": "daily"}, timezone="America/New_York")
    @workflow
    async def daily_report(kind: str) -> str:
        return kind

    @cron("0 * * * *")
    @workflow
    async def hourly() -> None: ...

    @cron("*/15 * * * *", queue="sync")
    @workflow
    def quarter_hourly() -> None: ...

    found = declarations_of([daily_report, hourly, quarter_hourly])
    assert [(one.name, one.workflow) for one in found] == [
        (name, name) for name in ("daily_report", "hourly", "quarter_hourly")
    ]
    spec = found[0].schedule.spec_in("Asia/Kathmandu")
    assert spec.rule == Cron("0 9 * * *", "America/New_York")
    assert (spec.queue, spec.input) == ("reports", {"kind": "daily"})
    assert found[1].schedule.spec_in("Asia/Kathmandu").rule == Cron("0 * * * *", "Asia/Kathmandu")
    assert found[1].schedule.spec.rule == Cron("0 * * * *", "UTC")
    assert found[2].module == __name__


@pytest.mark.parametrize(
    "expression, first, second",
    [
        ("0 9 * * *", "2027-01-01T09:00", "2027-01-02T09:00"),
        ("0 * * * *", "2027-01-01T01:00", "2027-01-01T02:00"),
        ("*/15 * * * *", "2027-01-01T00:15", "2027-01-01T00:30"),
        ("* * * * *", "2027-01-01T00:01", "2027-01-01T00:02"),
    ],
)
def test_the_times_of_the_specification(expression: str, first: str, second: str) -> None:
    """J2: the next times after a fixed instant are those that the expression says."""
    after_us = instant_us(datetime(2027, 1, 1, tzinfo=UTC), what="after")
    fires = coming_fires(cron(expression).spec.rule, after_us=after_us, count=2)
    assert [f"{fire.local:%Y-%m-%dT%H:%M}" for fire in fires] == [first, second]


def test_all_faults_are_told_where_it_is_written() -> None:
    """J2: a bad expression is refused at definition, with every other fault of the line."""
    with pytest.raises(InvalidSchedule) as refused:
        cron("99 * * * *", timezone="Europe/Zuric", overlap="skipp", max_missed=0)
    text = "\n".join(refused.value.faults)
    for part in ("'99' is not in 0-59", "did you mean 'Europe/Zurich'", "overlap: must be one of", "max_missed:"):
        assert part in text


def test_every_form_of_workflow_takes_them_and_keeps_its_type() -> None:
    """J1, U1: `async def`, `def`, `Flow` and `Workflow` classes; type checkers see the same thing as without."""

    @every(minutes(5), jitter=timedelta(seconds=30), overlap="queue")
    @workflow
    async def often(n: int = 1) -> int:
        return n

    @at(datetime(2030, 1, 1, tzinfo=UTC))
    @workflow
    def once() -> str:
        return "done"

    flow = cron("@daily")(Flow("nightly-flow", undecorated))

    @cron("@weekly", name="weekly-class")
    class Weekly(Workflow):
        @staticmethod
        def start(state: dict[str, Any]) -> Any:
            return ok(state)

    same: WorkflowDefinition[[int], int] = often
    assert same.name == "often"
    assert_type(once, WorkflowDefinition[[], str])
    assert_type(flow, Flow)
    assert isinstance(Weekly, WorkflowDefinition)
    found = {one.name: one.schedule.spec for one in declarations_of([often, once, flow, Weekly])}
    assert found["often"].rule == Every(300 * US_PER_S)
    assert (found["often"].jitter_us, found["often"].overlap) == (30 * US_PER_S, "queue")
    assert found["once"].rule == At(instant_us(datetime(2030, 1, 1, tzinfo=UTC), what="at"))
    assert found["nightly-flow"].rule == Cron("@daily", "UTC")
    assert found["weekly-class"].rule == Cron("@weekly", "UTC")


async def test_a_workflow_stays_what_it_is() -> None:
    """J1: with a schedule above it, it is called as before."""

    @NINE
    @workflow
    async def plain(n: int = 2) -> int:
        return n

    assert await plain(3) == 3


def test_several_on_one_workflow_have_names() -> None:
    """J1: the first has the workflow's name; each other needs its own, so that none takes another's place when one goes."""

    @cron("0 18 * * 5", name="report-on-friday", input={"long": True})
    @NINE
    @workflow
    async def report(long: bool = False) -> bool:
        return long

    assert [one.name for one in report.schedules] == ["report-on-friday", "report"]
    with pytest.raises(
        InvalidSchedule, match=r"has a schedule 'report' already, at test_schedules.py:\d+; .* name='…'"
    ):
        every(hours(1))(report)
    with pytest.raises(InvalidSchedule, match="the name 'report-on-friday' is used twice"):
        every(hours(1), name="report-on-friday")(report)
    assert len(report.schedules) == 2


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda: NINE(undecorated), "it stands on 'undecorated', which is no workflow there; write .* above @workflow"),  # type: ignore[type-var]
        (lambda: NINE(a_step), "it stands on the step 'a_step'"),  # type: ignore[type-var]
        (lambda: NINE(Workflow), "no workflow"),
        (lambda: NINE(5), "it stands on 5, which is no workflow"),  # type: ignore[type-var]
        (lambda: cron(undecorated), "it says no time; write it like this: @cron"),  # type: ignore[arg-type]
        (lambda: every(workflow(undecorated)), "it says no time; write it like this: @every"),  # type: ignore[arg-type]
        (lambda: at(workflow(undecorated)), "it says no time; write it like this: @at"),  # type: ignore[arg-type]
        (lambda: cron("0 9 * * *", name="two words"), "name: must be 1 to 150 of the characters"),
        (lambda: NINE(workflow("two words")(undecorated)), "give the schedule its own"),
        (lambda: cron("0 9 * * *", input={"m": 1})(workflow(undecorated)), "input: .*unexpected argument 'm'"),
        (lambda: cron("0 9 * * *", input=[1])(workflow(undecorated)), "input: must be the arguments by name"),
    ],
)
def test_wrong_use_is_told(wrong: Any, says: str) -> None:
    """J1: below @workflow, on a function or a step, without parentheses, with input that does not fit: each says what to write."""
    with pytest.raises(InvalidSchedule, match=says):
        wrong()


def test_a_missing_argument_is_told_at_definition() -> None:
    """J1: a schedule whose workflow could not be called would fail every night; it is refused where it is written."""

    @workflow
    async def needs(day: str) -> str:
        return day

    with pytest.raises(InvalidSchedule, match="missing argument 'day'"):
        NINE(needs)
    assert cron("0 9 * * *", input={"day": "monday"})(needs) is needs


def test_two_of_one_name_in_a_module_are_refused(tmp_path: Path) -> None:
    """J4: a name is one row; the message has both lines."""
    file = tmp_path / "twin_schedules.py"
    file.write_text(
        "from cerebelum import cron, workflow\n\n"
        "@cron('0 9 * * *', name='x')\n@workflow\nasync def one(): ...\n\n"
        "@cron('0 9 * * *', name='x')\n@workflow\nasync def two(): ...\n"
    )
    with pytest.raises(
        InvalidSchedule, match=r"declared twice, at twin_schedules.py:3 .* at twin_schedules.py:7 for 'two'"
    ):
        load_flow(file)


def test_a_fault_in_a_file_shows_its_line(tmp_path: Path) -> None:
    """J2: a flow with a bad expression does not load, and the message has the file, the line and the fault."""
    file = tmp_path / "bad_schedule.py"
    file.write_text("from cerebelum import cron, workflow\n\n@cron('99 * * * *')\n@workflow\nasync def one(): ...\n")
    with pytest.raises(FlowImportFailed, match=r"(?s)bad_schedule.py.*'99' is not in 0-59"):
        load_flow(file)
