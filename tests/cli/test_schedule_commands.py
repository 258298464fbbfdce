"""`cerebelum schedule`: what changes schedules, what is printed of it, and what is refused."""

from __future__ import annotations

import json
import shlex

import pexpect
import pytest

from cerebelum_cli.projects import commands_in, without_comment
from cerebelum_cli.typed_times import typed_duration
from tests.architecture.repository import ROOT
from tests.cli.cli_project import Project, command, environ
from tests.cli.schedule_files import CRONS, VIEW, rows, serve


@pytest.fixture
def known(project: Project) -> Project:
    """A project whose store knows the workflow `good`."""
    assert project("run", "flow.py:good").exit_code == 0
    return project


def test_durations_are_read_as_people_write_them() -> None:
    """W10: units in order, with fractions; a bare number is seconds."""
    texts = ("90s", "5m", "1h30m", "2d", "1.5h", "90", " 1D 2H ")
    assert [typed_duration(text, "--every").total_seconds() for text in texts] == [
        90, 300, 5400, 172_800, 5400, 90, 93_600,
    ]  # fmt: skip


def test_create_puts_a_row_and_says_when_it_fires(known: Project) -> None:
    """J7, F20: the schedule is stored with what was typed, and shown; the default zone is the settings'."""
    result = known(
        "schedule", "create", "nightly", "good", "--cron", "0 3 * * *", "--timezone", "Asia/Kathmandu", "-i", "n=7",
        "--queue", "low", "--jitter", "5m", "--overlap", "queue", "--catch-up", "all", "--max-missed", "9",
    )  # fmt: skip
    assert (result.exit_code, result.stdout) == (0, "nightly\n"), result.stderr
    assert "+05:45 Asia/Kathmandu" in result.stderr
    assert "no node has workflow 'good'" in result.stderr
    shape = known.json("schedule", "show", "nightly")
    expected = {
        "workflow_name": "good", "cron_expression": "0 3 * * *", "timezone": "Asia/Kathmandu", "input": {"n": 7},
        "queue": "low", "jitter_ms": 300_000, "overlap": "queue", "catch_up": "all", "max_missed": 9, "enabled": True,
        "origin": "hand", "state": "no-node", "last_run_at": None, "runs": [],
    }  # fmt: skip
    assert {key: shape[key] for key in expected} == expected
    text = known("schedule", "show", "nightly").stdout
    assert "when      0 3 * * *  Asia/Kathmandu\n" in text
    assert "overlap   queue, at most 9\n" in text
    assert len(rows(known, VIEW)) == 1


def test_create_once_and_every_so_often(known: Project) -> None:
    """J7: a time without an offset is meant in the zone that is named; an interval has none."""
    assert (
        known(
            "schedule", "create", "new-year", "good", "--at", "2037-01-01T09:00", "--timezone", "Asia/Kathmandu"
        ).exit_code
        == 0
    )
    assert known("schedule", "create", "often", "good", "--every", "1h30m").exit_code == 0
    once, often = known.json("schedule", "list")
    assert (once["kind"], once["at"]) == ("at", "2037-01-01T03:15:00.000000Z")
    assert (often["kind"], often["every_ms"]) == ("every", 5_400_000)
    cells = [line.split("\t")[:3] for line in known("schedule", "list").stdout.splitlines()]
    assert cells == [["new-year", "at 2037-01-01 03:15:00Z", "UTC"], ["often", "every 1h30m", "UTC"]]


@pytest.mark.parametrize(
    "words, exit_code, says",
    [
        (("x", "nope", "--cron", "@daily"), 3, "no workflow 'nope'"),
        (("x", "good"), 2, "it is not said when"),
        (("x", "good", "--cron", "@daily", "--every", "5m"), 2, "--cron and --every were given"),
        (("x", "good", "--cron", "0 0 30 2 *"), 2, "error[CB140]"),
        (("x y", "good", "--every", "5m"), 2, "name: must be 1 to 150 of the characters"),
        (("x", "good", "--every", "5m", "--timezone", "UTC"), 2, "--timezone has no meaning"),
        (("x", "good", "--every", "5m", "--jitter", "6m", "--overlap", "no"), 2, "overlap: must be one of skip"),
        (("x", "good", "--at", "2037-01-01"), 2, "does not say in which time zone"),
        (("x", "good", "--at", "2020-01-01T00:00Z"), 2, "is past: it would never fire"),
        (("x", "good", "--every", "5m", "-i", "n"), 2, "-i 'n' is not NAME=VALUE"),
        (("often", "good", "--every", "6m"), 5, "there is a schedule 'often' already"),
    ],
)
def test_create_refuses(known: Project, words: tuple[str, ...], exit_code: int, says: str) -> None:
    """J7, W10: what cannot work, or is there already, is refused with a way on, and nothing is stored or changed."""
    known("schedule", "create", "often", "good", "--every", "5m")
    before = known.json("schedule", "list")
    result = known("schedule", "create", *words)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert says in result.stderr
    assert known.json("schedule", "list") == before


def test_replace_changes_a_schedule_and_keeps_its_pause(known: Project) -> None:
    """J4, J7: the same row with another rule; what is paused stays so, and that is said."""
    known("schedule", "create", "often", "good", "--every", "5m")
    known("schedule", "pause", "often", "--reason", "moving")
    result = known("schedule", "create", "often", "good", "--every", "6m", "--replace")
    assert result.exit_code == 0
    assert "it is paused: moving" in result.stderr
    assert [(shape["every_ms"], shape["enabled"]) for shape in known.json("schedule", "list")] == [(360_000, False)]


def test_pause_and_resume(known: Project) -> None:
    """J8: a paused schedule has no next fire and says why; each of them twice is a conflict, exit 5."""
    known("schedule", "create", "often", "good", "--every", "5m")
    assert known("schedule", "pause", "often", "--reason", "moving").stdout == "paused: often\n"
    shape = known.json("schedule", "show", "often")
    assert (shape["state"], shape["paused_reason"], shape["paused_by"], shape["next_run_at"]) == (
        "paused",
        "moving",
        "hand",
        None,
    )
    assert "it is paused and does not fire: moving" in known("schedule", "next", "often").stderr
    assert known("schedule", "pause", "often").exit_code == 5
    assert known("schedule", "resume", "often", "-o", "ids").stdout == "often\n"
    assert "cerebelum schedule next often" in known("schedule", "resume", "often").stderr
    assert known.json("schedule", "show", "often")["next_run_at"] is not None


def test_trigger_starts_an_execution_now(known: Project) -> None:
    """J5: its id is printed, and it is among the schedule's runs; a node takes it up."""
    known("schedule", "create", "often", "good", "--every", "5m", "-i", "n=4")
    result = known("schedule", "trigger", "often")
    execution_id = result.stdout.strip()
    assert result.exit_code == 0
    assert execution_id.startswith("often-20")
    assert "queued; no node has workflow 'good'" in result.stderr
    assert [(run["outcome"], run["execution_id"]) for run in known.json("schedule", "show", "often")["runs"]] == [
        ("triggered", execution_id)
    ]
    assert known("run", "--resume", execution_id).stdout.endswith("\n8\n")


def test_delete(known: Project) -> None:
    """J7: it is gone, its executions stay; of what code declares it is said that it may come back."""
    known("schedule", "create", "often", "good", "--every", "5m")
    execution_id = known("schedule", "trigger", "often").stdout.strip()
    assert known("schedule", "delete", "often").stdout == "deleted: often\n"
    assert known("schedule", "delete", "often").exit_code == 3
    assert known("show", execution_id).exit_code == 0
    known.write("crons.py", CRONS)
    serve(known, "crons.py")
    assert "it is back when a node loads that" in known("schedule", "delete", "discovery").stderr


def test_backfill_shows_starts_and_never_twice(known: Project) -> None:
    """J10: a dry run starts nothing; the range ends before --to; a second backfill starts only what is missing."""
    known("schedule", "create", "daily", "good", "--cron", "30 2 * * *", "--timezone", "Europe/Zurich")
    words = ("schedule", "backfill", "daily", "--from", "2026-03-28", "--to", "2026-03-30")
    planned = known.json(*words, "--dry-run")
    assert [(one["fire_at"], one["state"]) for one in planned] == [
        ("2026-03-28T01:30:00.000000Z", "planned"), ("2026-03-29T01:00:00.000000Z", "planned"),
    ]  # fmt: skip
    assert len(known.json("list")) == 1
    refused = known(*words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "2 executions would start" in refused.stderr
    started = known.json(*words, "--yes")
    assert [one["state"] for one in started] == ["started", "started"]
    assert {one["execution_id"] for one in started} == {"daily-2026-03-28T01:30:00Z", "daily-2026-03-29T01:00:00Z"}
    longer = known.json(*words[:-1], "2026-03-31", "--yes")
    assert [one["state"] for one in longer] == ["existed", "existed", "started"]
    again = known(*words, "--yes")
    assert (again.exit_code, "nothing to start" in again.stderr) == (0, True)
    assert len(known.json("list")) == 4


@pytest.mark.parametrize(
    "range_, says",
    [
        (("--from", "2026-03-30", "--to", "2026-03-28"), "is not after --from"),
        (("--from", "2026-03-28T03:00", "--to", "2026-03-28T04:00"), "no fire of 'daily' lies from"),
        (("--from", "2036-03-28", "--to", "2036-03-29"), "is still to come"),
        (
            ("--from", "1990-01-01", "--to", "2026-01-01"),
            "fires of schedule 'daily'; one backfill starts 1,000 at most",
        ),
        (("--from", "yesterday", "--to", "2026-01-01"), "--from 'yesterday' is not an instant"),
    ],
)
def test_backfill_refuses(known: Project, range_: tuple[str, ...], says: str) -> None:
    """J10, W10: a range without a fire, one to come, and one with too many are exit 2 with a way on."""
    known("schedule", "create", "daily", "good", "--cron", "30 2 * * *", "--timezone", "Europe/Zurich")
    result = known("schedule", "backfill", "daily", *range_, "--yes")
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


@pytest.mark.parametrize("word", ["show", "next", "pause", "resume", "trigger", "delete"])
def test_an_unknown_schedule_is_told_with_similar_ones(known: Project, word: str) -> None:
    """W10: exit 3, in JSON too, and nothing on stdout."""
    known("schedule", "create", "nightly", "good", "--cron", "@daily")
    result = known("schedule", word, "nightli")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "similar: nightly" in result.stderr
    error = json.loads(known("schedule", word, "nightli", "-o", "json").stderr)
    assert error["error"]["code"] == "CB321"


def test_reading_commands_write_nothing(known: Project) -> None:
    """W10: `list`, `show` and `next` work where the store may only be read; ids are one a line."""
    known("schedule", "create", "nightly", "good", "--cron", "@daily")
    folder = known.folder / ".cerebelum"
    before = (folder / "dev.db").read_bytes()
    assert known("schedule", "list", "-o", "ids").stdout == "nightly\n"
    assert json.loads(known("schedule", "show", "nightly", "-o", "jsonl").stdout)["name"] == "nightly"
    assert len(known("schedule", "next", "nightly").stdout.splitlines()) == 5
    assert (folder / "dev.db").read_bytes() == before


def test_the_page_about_schedules_is_true(project: Project) -> None:
    """W16: the commands of docs/schedules.md, typed one after the other beside its first snippet, do what they say."""
    page = (ROOT / "docs" / "schedules.md").read_text(encoding="utf-8")
    project.write("flow.py", page.partition("```python\n")[2].partition("```")[0])
    said = serve(project, "flow.py")
    assert "schedules new: new_year, sync, week, weekday-report" in said
    lines = [line for block in commands_in(page) for line in block]
    assert len(lines) > 10
    for line in lines:
        result = project(*shlex.split(without_comment(line))[1:])
        assert result.exit_code == 0, f"{line}\n{result.stderr}"


def test_the_group_alone_prints_its_help(project: Project) -> None:
    """W10: `cerebelum schedule` names its commands, exit 2."""
    result = project("schedule")
    assert result.exit_code == 2
    for name in ("list", "create", "show", "pause", "resume", "trigger", "delete", "next", "backfill"):
        assert f"  {name} " in result.stderr


def test_backfill_asks_on_a_terminal(known: Project) -> None:
    """J10, W10: it shows what it will start and asks; "n" starts nothing, exit 1, and "y" starts it."""
    known("schedule", "create", "daily", "good", "--cron", "30 2 * * *", "--timezone", "Europe/Zurich")
    words = command("schedule", "backfill", "daily", "--from", "2026-03-28", "--to", "2026-03-30")
    for answer, exit_code, executions in (("n", 1, 1), ("y", 0, 3)):
        asked = pexpect.spawn(words[0], words[1:], cwd=known.folder, env=environ(), encoding="utf-8", timeout=60)
        asked.expect(r"daily-2026-03-29T01:00:00Z +planned")
        asked.expect("start 2 executions of good")
        asked.sendline(answer)
        asked.expect(pexpect.EOF)
        asked.close()
        assert asked.exitstatus == exit_code
        assert len(known.json("list")) == executions
