"""`run`, and what the commands that look tell of it."""

from __future__ import annotations

import json

import pytest

from tests.cli.cli_project import Project


def test_a_good_flow_prints_its_result_and_its_story(project: Project) -> None:
    """W1: stdout ends with the result as JSON; stderr has the id, the version, each step with its time, and the outcome."""
    result = project("run", "flow.py:good", "-i", "n=21", "--id", "one")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "42"
    first, *lines = result.stderr.splitlines()
    assert first.startswith("one  good@")
    assert "✓ double" in lines[0]
    assert "ms" in lines[0]
    assert lines[-1].strip().startswith("completed in ")


def test_a_failing_flow_exits_1_with_the_line(project: Project) -> None:
    """W1: the error names the user's line, masks the secret, and nothing reaches the terminal raw."""
    result = project("run", "flow.py:bad")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error[CB808]" in result.stderr
    assert 'raise ValueError(f"password=' in result.stderr
    assert "hunter2" not in result.stderr
    assert "\x1b" not in result.stderr


def test_failed_attempts_are_told(project: Project) -> None:
    """W1: a retried step shows each failed attempt, and in the end how often it failed."""
    result = project("run", "flow.py:retries")
    assert "attempt 1: ConnectionError: not yet" in result.stderr
    assert "(attempt 2; ConnectionError once)" in result.stderr


@pytest.mark.parametrize(
    "given,expected",
    [
        (("-i", 'order={"item": "book", "total": 3}'), ["'book'", "3.0", "None", "1", "None"]),
        (
            (
                "-i",
                'order={"item": "1", "total": 3}',
                "-i",
                "when=2026-01-02T03:04:05",
                "-i",
                "price=30",
                "-i",
                'tags=["a"]',
            ),
            ["'1'", "3.0", "2026-01-02 03:04:05", "30", "['a']"],
        ),
        (
            ("--input", '{"order": {"item": "x", "total": 1.5}}', "-i", "price=2.50"),
            ["'x'", "1.5", "None", "2.50", "None"],
        ),
    ],
    ids=["defaults", "typed", "merged"],
)
def test_arguments_are_typed_by_the_annotations(project: Project, given: tuple[str, ...], expected: list[str]) -> None:
    """W1, N6: `-i` is JSON where that fits the annotation, and text where that fits."""
    result = project("run", "flow.py:typed", *given)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == expected


def test_digits_stay_text_where_text_is_wanted(project: Project) -> None:
    """W1: `-i zip=94107` for a `str` is the text "94107"."""
    project("run", "flow.py:good", "-i", "zip=94107", "--id", "one")
    assert project.json("show", "one")["input"] == {"zip": "94107"}


def test_input_comes_from_a_file_and_from_stdin(project: Project) -> None:
    """W1: `--input @file` and `--input -`."""
    project.write("in.json", '{"n": 4}')
    assert project("run", "flow.py:good", "--input", "@in.json").stdout.splitlines()[-1] == "8"
    assert project("run", "flow.py:good", "--input", "-", stdin='{"n": 5}').stdout.splitlines()[-1] == "10"


def test_a_timeout_leaves_the_execution_in_its_place(project: Project) -> None:
    """W1: exit 7, the step that was done is done, and `--resume` goes on without repeating it."""
    result = project("run", "flow.py:waits", "--id", "w", "--timeout", "0.2")
    assert result.exit_code == 7
    assert "error[CB306]" in result.stderr
    assert "cerebelum run --resume w" in result.stderr
    assert project("signal", "w", "go", "--json", "7").exit_code == 0
    resumed = project("run", "--resume", "w")
    assert resumed.exit_code == 0, resumed.stderr
    assert json.loads(resumed.stdout.splitlines()[-1]) == {"answer": 7}


def test_resume_takes_the_file_or_finds_it(project: Project) -> None:
    """W1: with the file it is used; without, the stored path is looked for, and asked for when it is gone."""
    project("run", "flow.py:waits", "--id", "w", "--detach")
    project("signal", "w", "go", "1")
    (project.folder / "flow.py").rename(project.folder / "moved.py")
    lost = project("run", "--resume", "w")
    assert lost.exit_code == 9
    assert "error[CB202]" in lost.stderr
    assert "cerebelum run FLOW.py --resume w" in lost.stderr
    assert "cerebelum run --resume w --allow-stored-code" in lost.stderr
    named = project("run", "moved.py", "--resume", "w")
    assert named.exit_code == 0, named.stderr


def test_resume_finds_the_file_beside_the_store(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """W1: from another folder, with the store named, the flow is found where the store's project is."""
    project("run", "flow.py:waits", "--id", "w", "--detach")
    project("signal", "w", "go", "1")
    elsewhere = project.folder.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    resumed = project("run", "--resume", "w", "--store", str(project.folder / ".cerebelum" / "dev.db"))
    assert resumed.exit_code == 0, resumed.stderr
    assert json.loads(resumed.stdout.splitlines()[-1]) == {"answer": 1}


def test_resume_names_the_files_when_two_fit(project: Project) -> None:
    """W1: it does not guess which of two is meant."""
    project("run", "flow.py:waits", "--id", "w", "--detach")
    for name in ("old", "new"):
        (project.folder / name).mkdir()
        (project.folder / name / "flow.py").write_bytes((project.folder / "flow.py").read_bytes())
    (project.folder / "flow.py").unlink()
    lost = project("run", "--resume", "w")
    assert lost.exit_code == 9
    assert "several places: new/flow.py, old/flow.py" in lost.stderr


def test_resume_runs_the_stored_source_where_that_is_allowed(project: Project) -> None:
    """W1: with `--allow-stored-code` an execution whose file is gone goes on, and without it nothing is run."""
    project("run", "flow.py:waits", "--id", "w", "--detach")
    project("signal", "w", "go", "3")
    (project.folder / "flow.py").unlink()
    assert project("run", "--resume", "w").exit_code == 9
    resumed = project("run", "--resume", "w", "--allow-stored-code")
    assert resumed.exit_code == 0, resumed.stderr
    assert json.loads(resumed.stdout.splitlines()[-1]) == {"answer": 3}


def test_resume_of_an_ended_execution_runs_nothing(project: Project) -> None:
    """W1: it prints the outcome there is, and says so."""
    project("run", "flow.py:good", "--id", "one")
    again = project("run", "--resume", "one")
    assert again.exit_code == 0
    assert again.stdout == "2\n"
    assert "nothing was run" in again.stderr


def test_detach_stores_and_says_who_could_run_it(project: Project) -> None:
    """W1, H6: `--detach` prints the id on stdout; without a node it says so at once."""
    result = project("run", "flow.py:good", "--detach", "--id", "later")
    assert (result.exit_code, result.stdout) == (0, "later\n")
    assert "queued; no node has workflow 'good' (nodes: 0, workflows: none)" in result.stderr
    assert project.json("show", "later")["status"] == "pending"


def test_start_knows_only_registered_workflows(project: Project) -> None:
    """N6, H7: an unknown name exits 3 and stores nothing; a known one gets all its options."""
    project("run", "flow.py:good", "--id", "one")
    unknown = project("start", "god")
    assert (unknown.exit_code, unknown.stdout) == (3, "")
    assert "error[CB305]" in unknown.stderr
    assert len(project.json("list")) == 1
    started = project("start", "good", "--priority", "5", "--at", "2999-01-01T00:00:00Z", "--id", "two", "-o", "json")
    row = json.loads(started.stdout)
    assert (row["id"], row["priority"], row["status"]) == ("two", 5, "pending")
    assert row["scheduled_at"] == "2999-01-01T00:00:00.000000Z"
    assert "queued; no node" in started.stderr


def test_the_default_store_is_made_by_run_only(project: Project) -> None:
    """W1, W2: `.cerebelum/dev.db` appears with its folder, which keeps itself out of repositories."""
    assert project("list").exit_code == 6
    assert not (project.folder / ".cerebelum").exists()
    project("run", "flow.py:good")
    assert (project.folder / ".cerebelum" / "dev.db").is_file()
    assert (project.folder / ".cerebelum" / ".gitignore").read_text() == "*\n"


def test_the_store_is_chosen_by_flag_environment_and_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """W10: flag before environment before cerebelum.toml before the default."""
    project.write("cerebelum.toml", 'store = "file.db"\n')
    project("run", "flow.py:good")
    assert (project.folder / "file.db").is_file()
    monkeypatch.setenv("CEREBELUM_STORE", "environment.db")
    project("run", "flow.py:good")
    assert (project.folder / "environment.db").is_file()
    project("run", "flow.py:good", "--store", "sqlite:///flag.db")
    assert (project.folder / "flag.db").is_file()
    assert not (project.folder / ".cerebelum").exists()
