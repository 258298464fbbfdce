from __future__ import annotations

import json

from tests.cli.cli_project import Project

ONCE = """
from cerebelum import step, workflow


@step(at_most_once=True)
async def charge(card: str) -> str:
    return "charged " + card


@workflow
async def pays(card: str = "1234") -> str:
    return await charge(card)
"""


def test_a_flow_that_survives_is_reported_and_nothing_is_stored(project: Project) -> None:
    """S7: exit code 0, one report on stdout without what the steps print, and no store is made."""
    result = project("test", "--crash-everywhere", "flow.py:waits", "-i", "n=4", "--signal", "go=3")
    assert result.exit_code == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert first.startswith("waits: the same after each of ")
    assert second.endswith("completed: {'answer': 3}")
    assert sorted(path.name for path in project.folder.iterdir() if path.name != "__pycache__") == ["flow.py"]


def test_the_report_can_be_read_by_programs(project: Project) -> None:
    """S7: `-o json` gives the same facts."""
    report = project.json("test", "--crash-everywhere", "flow.py:retries")
    assert report["schema"] == "cerebelum.crash_test/1"
    assert (report["ok"], report["difference"]) == (True, None)
    assert report["events"] > 3


def test_weeks_pass_at_once(project: Project) -> None:
    """S7: virtual time: the flow sleeps for a month in each of its runs."""
    assert project("test", "--crash-everywhere", "flow.py:sleeps", "-i", "seconds=2592000").exit_code == 0


def test_a_flow_that_a_crash_changes_fails_the_test(project: Project) -> None:
    """S7: exit code 1, and on stdout the place of the crash, the line of the step, and both values."""
    project.write("once.py", ONCE)
    result = project("test", "--crash-everywhere", "once.py", "-i", "card=99")
    assert result.exit_code == 1
    interrupted = "step 'charge' was interrupted; it is at_most_once, so it was not run again. Check what it did"
    assert result.stdout.splitlines() == [
        "pays: a crash changes result of step charge, once.py:12",
        "  crash    after event 3 of 5, step_started charge (attempt 1) (once.py:12)",
        "  without  charge(card='99') → 'charged 99'",
        f"  with     charge(card='99') failed: StepInterrupted: {interrupted}",
    ]
    found = json.loads(project("test", "--crash-everywhere", "once.py", "-o", "json").stdout)
    assert (found["ok"], found["difference"]["what"]) == (False, "result of step charge, once.py:12")


def test_a_flow_that_waits_for_ever_fails_the_test(project: Project) -> None:
    """S7: exit code 1 without a single crash, and what the flow waits for."""
    result = project("test", "--crash-everywhere", "flow.py:waits")
    assert result.exit_code == 1
    assert "waits, without any crash: whether it ends" in result.stdout
    assert "waiting, for signal go" in result.stdout
    assert json.loads(project("test", "--crash-everywhere", "flow.py:waits", "-o", "json").stdout)["ok"] is False


def test_it_must_be_said_what_to_test(project: Project) -> None:
    """S7: the bare command says what to type."""
    result = project("test", "flow.py")
    assert result.exit_code == 2
    assert "help: cerebelum test --crash-everywhere flow.py" in result.stderr


def test_a_signal_that_is_no_json_is_refused(project: Project) -> None:
    """S7: bad options are refused before anything runs."""
    result = project("test", "--crash-everywhere", "flow.py:waits", "--signal", "go={'a'}")
    assert result.exit_code != 0
    assert "--signal go" in result.stderr
    assert project("test", "--crash-everywhere", "flow.py:waits", "--signal", "=1").exit_code == 2


QUEUED = """
import asyncio

from cerebelum import step, workflow

running, MOST = 0, 1


@step(queue="narrow")
async def alone(n: int) -> int:
    global running
    running += 1
    try:
        await asyncio.sleep(0.01)
        if running > MOST:
            raise SystemError("beside another")
    finally:
        running -= 1
    return n


@workflow
async def wide() -> int:
    return sum(await asyncio.gather(*(alone(n) for n in range(3))))
"""


def test_queues_of_the_settings_count(project: Project) -> None:
    """S7: `[queues]` in `cerebelum.toml` limits the steps of the runs, and nobody warns of what is configured."""
    project.write("queued.py", QUEUED)
    project.write("cerebelum.toml", "[queues]\nnarrow = 1\n")
    result = project("test", "--crash-everywhere", "queued.py")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[1].endswith("completed: 3")
    assert "not configured" not in result.stderr


def test_a_queue_without_settings_is_told_of_once(project: Project) -> None:
    """S7: of a queue that nobody configured, dozens of runs warn once."""
    project.write("queued.py", QUEUED.replace("MOST = 0, 1", "MOST = 0, 3"))
    process = project.start("test", "--crash-everywhere", "queued.py")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert err.count("queue 'narrow' is not configured") == 1
