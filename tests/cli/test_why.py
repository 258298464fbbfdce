"""`cerebelum why`: one execution, and all that are stuck."""

from __future__ import annotations

import json

import pytest

from tests.cli.cli_project import Project


@pytest.fixture
def stood(project: Project) -> Project:
    """One that completed, one that failed, one that waits for a signal, one that sleeps; no node runs."""
    project("run", "flow.py:good", "--id", "a-good")
    project("run", "flow.py:bad", "--id", "b-bad")
    project("run", "flow.py:waits", "--id", "c-waits", "--timeout", "0.2")
    project("run", "flow.py:sleeps", "--id", "d-sleeps", "--timeout", "0.4")
    return project


def test_a_wait_is_told_with_the_commands_that_end_it(stood: Project) -> None:
    """H15: what it waits for, since when, who can move it, and what to type; no node is there, and that is said."""
    told = stood("why", "c-waits")
    assert told.exit_code == 0
    for text in (
        "it waits for signal 'go'", "flow.py:", "since", "who      whoever sends the signal",
        "cerebelum signal c-waits go --json …", "no node knows workflow 'waits' (nodes: 0, workflows: none)",
        "cerebelum worker flow.py", "stuck    nothing moves it by itself",
    ):  # fmt: skip
        assert text in told.stdout
    told = stood("why", "d-sl")
    assert "it sleeps" in told.stdout
    assert "until" in told.stdout
    assert "cerebelum resume d-sleeps" in told.stdout


def test_an_ended_execution_tells_how_and_where(stood: Project) -> None:
    """H15: the first failing step with its place; secrets are masked, and no escape reaches the terminal."""
    told = stood("why", "@last-failed").stdout
    assert "it failed: ValueError: password=•••" in told
    assert "first step that failed: refuse" in told
    assert "raised at flow.py:" in told
    assert "\x1b" not in told
    assert "hunter2" not in told
    assert "it completed" in stood("why", "a-good").stdout


def test_json_has_each_reason(stood: Project) -> None:
    """W10: one object with a schema; jsonl is the same on one line; ids is the id."""
    found = stood.json("why", "c-waits")
    assert (found["schema"], found["status"], found["stuck"]) == ("cerebelum.why/1", "waiting", True)
    kinds = {reason["kind"]: reason for reason in found["reasons"]}
    assert kinds["signal"]["commands"] == ["cerebelum signal c-waits go --json …"]
    assert kinds["signal"]["since"].endswith("Z")
    assert json.loads(stood("why", "c-waits", "-o", "jsonl").stdout) == found
    assert stood("why", "c-w", "-o", "ids").stdout == "c-waits\n"


def test_stuck_lists_groups(stood: Project) -> None:
    """H15: grouped by reason, with the ids, and what to type; sleepers are not among them."""
    told = stood("why", "--stuck", "--for", "0")
    assert told.exit_code == 0
    assert "no node knows workflow 'waits'" in told.stdout
    assert "c-waits" in told.stdout
    assert "d-sleeps" not in told.stdout
    assert "1 of 2 open executions are stuck for 0 or longer" in told.stderr
    groups = stood.json("why", "--stuck", "--for", "0")
    assert [(group["kind"], group["count"]) for group in groups] == [("no_node", 1)]
    assert groups[0]["executions"][0]["id"] == "c-waits"
    lines = stood("why", "--stuck", "--for", "0", "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == groups
    assert stood("why", "--stuck", "--for", "0", "-o", "ids").stdout == "c-waits\n"


def test_stuck_for_less_long_is_counted(stood: Project) -> None:
    """Nothing is stuck for ten minutes yet, and the command that shows what is younger is named."""
    told = stood("why", "--stuck")
    assert (told.exit_code, told.stdout) == (0, "")
    assert "for less long: 1; with them: cerebelum why --stuck --for 0" in told.stderr
    assert stood.json("why", "--stuck") == []


@pytest.mark.parametrize(
    "words, code, says",
    [
        (("why",), 2, "neither an ID nor --stuck"),
        (("why", "x", "--stuck"), 2, "an ID and --stuck were given"),
        (("why", "x", "--for", "1h"), 2, "go with --stuck"),
        (("why", "--stuck", "--for", "soon"), 2, "is no duration"),
        (("why", "nobody"), 3, "no execution 'nobody'"),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, tuple) else "",
)
def test_mistakes_are_told(stood: Project, words: tuple[str, ...], code: int, says: str) -> None:
    """H10: what is wrong, and what to type instead."""
    told = stood(*words)
    assert told.exit_code == code
    assert says in told.stderr
    assert "help: " in told.stderr
