"""`cerebelum schedule`: what it prints, what it changes, what it refuses; and how a worker registers what files declare."""

from __future__ import annotations

import signal

import pytest

from cerebelum_cli.setting_errors import SettingRefused
from cerebelum_cli.setting_layers import settle
from cerebelum_cli.settings import node_settings
from tests.cli.cli_project import Project, wait_for_line
from tests.cli.schedule_files import CRONS, VIEW, rows, serve


def test_a_worker_registers_what_a_file_declares(project: Project) -> None:
    """J1, J3, J4, F20: three schedules become three rows without a call; again, and they are the same rows; J8: in the settings' zone."""
    project.write("crons.py", CRONS)
    project.write("cerebelum.toml", '[scheduler]\ntimezone = "Asia/Kathmandu"\n')
    assert "schedules new: daily_report, discovery, hourly_sync" in serve(project, "crons.py")
    found = rows(project, VIEW)
    assert [row[:7] for row in found] == [
        ("daily_report", "crons", "daily_report", "0 9 * * *", '{"kind":"daily"}', "reports", 1),
        ("discovery", "crons", "discovery", "*/15 * * * *", "{}", "ingestion", 1),
        ("hourly_sync", "crons", "hourly_sync", "0 * * * *", "{}", None, 1),
    ]
    assert [row[9] for row in found] == ["America/New_York", "Asia/Kathmandu", "Asia/Kathmandu"]
    assert all(row[8] for row in found)
    assert project("schedule", "pause", "discovery", "--reason", "quiet").exit_code == 0
    assert "schedules" not in serve(project, "crons.py")
    again = rows(project, VIEW)
    assert [row[:7] for row in again] == [(*row[:6], row[0] != "discovery") for row in found]


def test_a_schedule_that_code_does_not_have_any_more_is_paused(project: Project) -> None:
    """J4: the worker says so, `list` and `show` say so; declared again it goes on, and a changed time is taken over."""
    project.write("crons.py", CRONS)
    serve(project, "crons.py")
    project.write("crons.py", CRONS.replace('@cron("0 * * * *")\n', "").replace("*/15", "*/20"))
    said = serve(project, "crons.py")
    assert "schedules changed: discovery" in said
    assert "schedule hourly_sync is paused: its module does not declare it any more" in said
    assert "cerebelum schedule delete hourly_sync" in said
    listed = project("schedule", "list")
    assert "hourly_sync is paused: crons does not declare it any more" in listed.stderr
    assert "state     paused: crons does not declare it any more" in project("schedule", "show", "hourly_sync").stdout
    project.write("crons.py", CRONS)
    assert "schedules resumed: hourly_sync" in serve(project, "crons.py")


def test_a_switched_off_scheduler_is_said(project: Project) -> None:
    """J8, T4: with scheduler.enabled = false a node fires nothing; what is declared is kept up to date, and people are told."""
    project.write("crons.py", CRONS)
    said = serve(project, "crons.py", CEREBELUM_SCHEDULER_ENABLED="false")
    assert "schedules do not fire here: scheduler.enabled is false" in said
    assert len(project.json("schedule", "list")) == 3


def test_a_worker_fires(project: Project) -> None:
    """J3, J5: what is due starts, in a process of its own, under the name of its schedule with its time."""
    project.write(
        "tick.py",
        "from cerebelum import every, fire_time, seconds, step, workflow\n\n"
        "@step\ndef note(text: str) -> None:\n    print('ticked', text, flush=True)\n    open('ticked', 'a').write(text + '\\n')\n\n"
        "@every(seconds(1))\n@workflow\nasync def tick() -> None:\n    await note(fire_time().isoformat())\n",
    )
    with project.start("worker", "tick.py", CEREBELUM_LOG_LEVEL="debug") as worker:
        wait_for_line(worker.stderr, "node ready")
        ticked = project.folder / "ticked"
        while not (ticked.exists() and ticked.read_text().count("\n") >= 2):
            assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        worker.communicate()
    runs = project.json("schedule", "show", "tick")["runs"]
    assert len(runs) >= 2
    for run in runs:
        assert run["execution_id"] == f"tick-{run['fire_at'].partition('.')[0]}Z"
    times = [line.replace("+00:00", ".000000Z") for line in ticked.read_text().splitlines()]
    assert set(times) <= {run["fire_at"] for run in runs}


def test_run_neither_registers_nor_fires(project: Project) -> None:
    """J3: `run` is for one execution; its node leaves schedules alone."""
    project.write("crons.py", CRONS)
    assert project("run", "crons.py:hourly_sync").exit_code == 0
    assert project.json("schedule", "list") == []
    settings = settle(None, {}).settings
    assert node_settings(settings, "park").scheduler
    assert not node_settings(settings, "park", fires_schedules=False).scheduler
    off = settle(None, {"CEREBELUM_SCHEDULER_ENABLED": "false"}).settings
    assert not node_settings(off, "park").scheduler


def test_the_settings_of_the_scheduler(project: Project) -> None:
    """T4, J8: enabled and timezone are taken from the file; an unknown zone is refused with the nearest, and its line."""
    project.write("cerebelum.toml", '[scheduler]\nenabled = false\ntimezone = "Europe/Zurich"\n')
    scheduler = settle(project.folder, {}).settings.scheduler
    assert (scheduler.enabled, scheduler.timezone) == (False, "Europe/Zurich")
    project.write("cerebelum.toml", '[scheduler]\ntimezone = "Europe/Zuric"\n')
    with pytest.raises(SettingRefused, match=r"cerebelum.toml:2: scheduler.timezone .* did you mean 'Europe/Zurich'"):
        settle(project.folder, {})


def test_next_of_an_expression_needs_no_store(project: Project) -> None:
    """J2, J6: local time, offset, UTC, and what changed clocks do to it; nothing is written."""
    words = ("schedule", "next", "--cron", "30 2 * * *", "--timezone", "Europe/Zurich", "--after", "2027-03-27", "3")
    result = project(*words)
    cells = [line.split("\t") for line in result.stdout.splitlines()]
    assert [[row[0], row[1], row[2], row[4], row[5]] for row in cells] == [
        ["Sat 2027-03-27 02:30", "+01:00", "2027-03-27 01:30:00Z", "", ""],
        ["Sun 2027-03-28 03:00", "+02:00", "2027-03-28 01:00:00Z", "gap", "2027-03-28 02:30 is skipped by the clocks; fires at 03:00"],
        ["Mon 2027-03-29 02:30", "+02:00", "2027-03-29 00:30:00Z", "", ""],
    ]  # fmt: skip
    shapes = project.json(*words)
    assert [shape["dst"] for shape in shapes] == [None, "gap", None]
    assert shapes[1]["at"] == "2027-03-28T01:00:00.000000Z"
    assert shapes[1]["local"] == "2027-03-28T03:00:00+02:00"
    assert shapes[1]["clocks_changed_ms"] == 3_600_000
    assert project(*words, "-o", "ids").stdout.splitlines() == [shape["at"] for shape in shapes]
    assert not (project.folder / ".cerebelum").exists()


def test_next_marks_times_that_come_twice_and_changes_in_between(project: Project) -> None:
    """J6: an hour that comes twice is marked first and second; a change between two fires is marked with its size."""
    hourly = project.json(
        "schedule", "next", "--cron", "30 * * * *", "--timezone", "Europe/Zurich", "--after", "2027-10-31T01:45", "3"
    )
    assert [shape["dst"] for shape in hourly] == ["first", "second", None]
    daily = project(
        "schedule", "next", "--cron", "0 9 * * *", "--timezone", "Australia/Lord_Howe", "--after", "2027-04-03", "2"
    )
    marks = [line.split("\t")[4:] for line in daily.stdout.splitlines()]
    assert marks == [["", ""], ["-30m", "the clocks went back by 30m before this"]]


def test_next_takes_the_zone_of_the_settings(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """J8: where no zone is named, the one of the settings counts."""
    monkeypatch.setenv("CEREBELUM_SCHEDULER_TIMEZONE", "Asia/Kathmandu")
    shapes = project.json("schedule", "next", "--cron", "@daily", "1")
    assert (shapes[0]["timezone"], shapes[0]["local"][-6:]) == ("Asia/Kathmandu", "+05:45")
    every = project.json("schedule", "next", "--every", "90m", "--after", "2027-01-01", "2")
    assert [shape["at"][11:16] for shape in every] == ["01:30", "03:00"]


@pytest.mark.parametrize(
    "words, says",
    [
        ((), "which schedule is meant?"),
        (("--cron", "99 * * * *"), "'99' is not in 0-59"),
        (("--cron", "0", "9", "*", "*", "*"), "quote the expression"),
        (("--cron", "@daily", "--every", "5m"), "one rule at a time"),
        (("--cron", "@daily", "0"), "'0' is not how many fires"),
        (("--cron", "@daily", "--timezone", "Zuric"), "did you mean 'Europe/Zurich'"),
        (("--cron", "@daily", "--after", "soon"), "--after 'soon' is not an instant"),
        (("--every", "5 minutes"), "--every '5 minutes' is no duration"),
        (("--every", "0.5s"), "a second or more"),
        (("nightly", "--timezone", "UTC"), "a schedule has its own"),
    ],
)
def test_next_says_what_it_does_not_understand(project: Project, words: tuple[str, ...], says: str) -> None:
    """W10: exit 2, nothing on stdout, what is wrong and what to type."""
    result = project("schedule", "next", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
    assert "help:" in result.stderr
