"""The commands that look: their formats, ids, masking and filter."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.cli.cli_project import Project


@pytest.fixture
def ran(project: Project) -> Project:
    """One completed, one failed and one waiting execution, in this order."""
    project("run", "flow.py:good", "--id", "a-good", "-i", "n=2")
    project("run", "flow.py:bad", "--id", "b-bad")
    project("run", "flow.py:waits", "--id", "c-waits", "--timeout", "0.2")
    return project


READING: list[Sequence[str]] = [
    ("list",),
    ("show", "a-good"),
    ("events", "a-good"),
    ("logs", "a-good"),
    ("result", "a-good"),
    ("wait", "a-good"),
    ("replay", "a-good"),
    ("replay", "a-good", "--check"),
    ("db", "status"),
    ("version",),
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_json_is_one_valid_value(ran: Project, words: Sequence[str]) -> None:
    """W10: `-o json` and `--json` print one JSON value with snake_case keys and a schema."""
    for option in (("--json",), ("-o", "json")):
        result = ran(*words, *option)
        assert result.exit_code == 0, result.stderr
        value = json.loads(result.stdout)
        for part in value if isinstance(value, list) else [value]:
            assert part["schema"].startswith("cerebelum.")
            assert all(key == key.lower() for key in part)


@pytest.mark.parametrize(
    "words", [("list",), ("events", "a-good"), ("logs", "a-good"), ("replay", "a-good")], ids=" ".join
)
def test_jsonl_is_one_object_a_line(ran: Project, words: Sequence[str]) -> None:
    """W10: `-o jsonl` prints the same objects as `-o json`, one a line."""
    whole = json.loads(ran(*words, "-o", "json").stdout)
    lines = [json.loads(line) for line in ran(*words, "-o", "jsonl").stdout.splitlines()]
    assert lines == whole


def test_off_a_terminal_tables_are_tsv(ran: Project) -> None:
    """W10: the columns of the table, separated by tabs, without header, colour or cut ids."""
    lines = [line.split("\t") for line in ran("list").stdout.splitlines()]
    assert [line[0] for line in lines] == ["c-waits", "b-bad", "a-good"]
    assert [line[2] for line in lines] == ["waiting", "failed", "completed"]
    assert {len(line) for line in lines} == {7}
    assert ran("list", "-o", "ids").stdout.split() == ["c-waits", "b-bad", "a-good"]


def test_list_filters_and_limits(ran: Project) -> None:
    """N2, N3: by workflow, status and step; `open` stands for all that has not ended."""
    assert ran("list", "--status", "failed", "-o", "ids").stdout.split() == ["b-bad"]
    assert ran("list", "--status", "open", "-o", "ids").stdout.split() == ["c-waits"]
    assert ran("list", "--workflow", "good", "-o", "ids").stdout.split() == ["a-good"]
    assert ran("list", "--step", "signal go", "-o", "ids").stdout.split() == ["c-waits"]
    assert len(ran("list", "--limit", "2", "-o", "ids").stdout.split()) == 2


def test_last_and_prefixes_stand_for_ids(ran: Project) -> None:
    """H15: `@last`, `@last-failed` and a unique beginning work for commands that read."""
    assert ran.json("show", "@last")["id"] == "c-waits"
    assert ran.json("show", "@last-failed")["id"] == "b-bad"
    assert ran.json("show", "a-")["id"] == "a-good"


def test_a_command_that_changes_takes_the_whole_id(ran: Project) -> None:
    """H10: a beginning is refused and the whole id named; the whole id is printed when it is done."""
    refused = ran("cancel", "c-w")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "cerebelum cancel c-waits" in refused.stderr
    done = ran("cancel", "c-waits", "--reason", "no need")
    assert (done.exit_code, done.stdout) == (0, "cancel requested: c-waits\n")
    assert ran("run", "--resume", "c-waits").exit_code == 8
    again = ran("cancel", "c-waits")
    assert again.exit_code == 5
    assert "error[CB304]" in again.stderr
    assert ran.json("show", "c-waits")["reason"] == "no need"


def test_show_tells_what_it_waits_for_and_the_command(ran: Project) -> None:
    """H15, N1: status, current step, and the command that answers the wait."""
    text = ran("show", "c-waits").stdout
    assert "waiting" in text
    assert "cerebelum signal c-waits go --json …" in text
    shown = ran.json("show", "c-waits")
    assert (shown["status"], shown["current_step"]) == ("waiting", "signal go")
    assert shown["waiting_for"][0]["name"] == "go"


def test_show_at_an_event_shows_that_moment(ran: Project) -> None:
    """E17: `--at N` is the state after event N; a number beyond the history exits 3."""
    assert ran.json("show", "a-good", "--at", "2")["steps"][0]["status"] == "running"
    assert ran.json("show", "a-good")["steps"][0]["status"] == "completed"
    beyond = ran("show", "a-good", "--at", "99")
    assert beyond.exit_code == 3
    assert "error[CB203]" in beyond.stderr


def test_show_steps_lists_attempts(ran: Project) -> None:
    """N1: each step with its line, input, result and the error of each failed attempt."""
    text = ran("show", "b-bad", "--steps").stdout
    assert "refuse" in text
    assert "attempt 1 failed: ValueError" in text


def test_logs_are_filtered_by_step_and_level(ran: Project) -> None:
    """M7: all lines in order of time, those of one step, those from a level on."""
    assert "doubling 2" in ran("logs", "a-good").stdout
    assert ran("logs", "a-good", "--step", "other").stdout == ""
    assert ran("logs", "a-good", "--level", "warning").stdout == ""
    assert "ValueError" in ran("logs", "b-bad", "--level", "error").stdout
    assert "doubling 2" in ran("logs", "a-good", "-f").stdout  # it has ended, so following ends


def test_result_tells_each_outcome(ran: Project) -> None:
    """H15: the result as JSON; exit 1 failed, 5 still open, 7 out of patience."""
    assert ran("result", "a-good").stdout == "4\n"
    assert ran("result", "b-bad").exit_code == 1
    still = ran("result", "c-waits")
    assert still.exit_code == 5
    assert "error[CB204]" in still.stderr
    assert ran("wait", "c-waits", "--timeout", "0.1").exit_code == 7
    assert ran("wait", "b-bad").exit_code == 1


@pytest.mark.parametrize("words", [("show", "b-bad", "--steps"), ("show", "b-bad", "--json"), ("events", "b-bad"),
                                   ("events", "b-bad", "--json"), ("logs", "b-bad"), ("list",), ("replay", "b-bad"),
                                   ("replay", "b-bad", "--json")], ids=" ".join)  # fmt: skip
def test_secrets_are_masked_and_escapes_are_visible(ran: Project, words: Sequence[str]) -> None:
    """W10: no secret value and no raw escape character reaches any output."""
    result = ran(*words)
    assert result.exit_code == 0, result.stderr
    assert "hunter2" not in result.stdout + result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    assert result.stdout


def test_a_terminal_gets_no_control_characters(project: Project) -> None:
    """W10: off a terminal the result is exact data; in `show` it is masked and escaped."""
    result = project("run", "flow.py:hostile", "--id", "h")
    assert json.loads(result.stdout) == "\x1b[2J\u202e token=abcdef123"
    text = project("show", "h").stdout
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "abcdef123" not in text


def test_replay_check_tells_match_and_mismatch(ran: Project) -> None:
    """W5, E16: exit 0 on the code that ran; after an edit exit 4 with the recorded and the present line."""
    assert ran("replay", "a-good", "--check").exit_code == 0
    flow = ran.folder / "flow.py"
    edited = flow.read_text().replace(
        "    return await double(n)\n", "    await flaky(n)\n    return await double(n)\n"
    )
    flow.write_text(edited)
    result = ran("replay", "a-good", "--check")
    assert result.exit_code == 4
    assert "error[CB401]" in result.stderr
    recorded = next(line for line in result.stderr.splitlines() if line.strip().startswith("recorded"))
    now = next(line for line in result.stderr.splitlines() if line.strip().startswith("now"))
    assert "double" in recorded
    assert "flow.py:" in recorded
    assert "flaky" in now
    assert "flow.py:" in now
    assert "await flaky(n)" in result.stderr
    assert ran("replay", "a-good").exit_code == 0  # on the code that ran


def test_replay_check_tells_another_end(ran: Project) -> None:
    """W5: the same steps and another result exit 4, with both."""
    flow = ran.folder / "flow.py"
    flow.write_text(flow.read_text().replace("    return await double(n)\n", "    return 1 + await double(n)\n"))
    result = ran("replay", "a-good", "--check")
    assert result.exit_code == 4
    assert "error[CB402]" in result.stderr
    assert "completed  4" in result.stderr
    assert "completed  5" in result.stderr


def test_replay_stops_and_shows_the_state(ran: Project) -> None:
    """W5: `--to N` prints the events up to N, then the line and the locals there; `--watch` follows a path."""
    result = ran("replay", "a-good", "--to", "2", "--watch", "n")
    assert result.exit_code == 0, result.stderr
    assert "after event 2" in result.stdout
    assert "return await double(n)" in result.stdout
    assert "n = 2" in result.stdout
    assert "watch n = 2" in result.stdout
    assert len(ran.json("replay", "a-good", "--to", "2")) == 2
    assert ran("replay", "a-good", "--watch", "n +").exit_code == 2
    assert ran("replay", "a-good", "--to", "99").exit_code == 3


def test_a_signal_with_a_key_is_delivered_once(ran: Project) -> None:
    """C8: the same key again changes nothing, and says so; bad JSON is refused."""
    assert "sent" in ran("signal", "c-waits", "go", "--json", "1", "--key", "k").stdout
    assert "before" in ran("signal", "c-waits", "go", "--json", "2", "--key", "k").stdout
    assert ran("signal", "c-waits", "go", "--json", "{").exit_code == 2
    assert ran("signal", "a-good", "go").exit_code == 5
    assert json.loads(ran("run", "--resume", "c-waits").stdout.splitlines()[-1]) == {"answer": 1}


def test_pause_and_resume(ran: Project) -> None:
    """H8, H9: both are stored for the node that runs it next."""
    assert ran("pause", "c-waits", "--reason", "lunch").exit_code == 0
    assert ran("run", "--resume", "c-waits", "--timeout", "0.3").exit_code == 7
    assert ran.json("show", "c-waits")["status"] == "paused"
    assert ran("pause", "c-waits").exit_code == 5
    assert ran("resume", "c-waits").exit_code == 0
    ran("signal", "c-waits", "go", "3")
    assert ran("run", "--resume", "c-waits").exit_code == 0


def test_a_module_that_prints_is_not_among_the_data(project: Project) -> None:
    """W5: what a flow prints while it is imported goes to stderr, from the file as from the store."""
    project.write(
        "loud.py",
        "from cerebelum import workflow\nprint('hello from the module')\n\n@workflow\nasync def quiet():\n    return 1\n",
    )
    ran = project("run", "loud.py", "--id", "loud-1")
    assert ran.exit_code == 0, ran.stderr
    assert "hello" not in ran.stdout
    assert "hello from the module" in ran.stderr
    (project.folder / "loud.py").unlink()
    replayed = project("replay", "loud-1", "-o", "jsonl")
    assert replayed.exit_code == 0, replayed.stderr
    assert [json.loads(line)["version"] for line in replayed.stdout.splitlines() if "version" in line]
    assert "hello" not in replayed.stdout
