"""`cerebelum export` and `cerebelum import`: from one store to another, without the project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.cli_project import Project


@pytest.fixture
def ran(project: Project) -> Project:
    """One completed, one failed, one waiting."""
    project("run", "flow.py:good", "--id", "a-good", "-i", "n=21")
    project("run", "flow.py:bad", "--id", "b-bad", "-i", "api_key=sesame-open")
    project("run", "flow.py:waits", "--id", "c-waits", "--timeout", "0.2")
    return project


def test_a_bundle_replays_where_the_project_is_not(ran: Project) -> None:
    """E13, E15, W5: exported, the flow's file gone, imported into another store: it replays, shows its log, and why."""
    told = ran("export", "a-good", "-o", "good.jsonl")
    assert (told.exit_code, told.stdout) == (0, "good.jsonl\n")
    assert "exported a-good: " in told.stderr
    (ran.folder / "flow.py").unlink()
    there = ("--store", str(ran.folder / "laptop.db"))
    done = ran("import", "good.jsonl", *there)
    assert (done.exit_code, done.stdout) == (0, "a-good\n")
    assert "it never runs here" in done.stderr
    replayed = ran("replay", "a-good", *there)
    assert replayed.exit_code == 0
    assert "step_completed" in replayed.stdout
    assert "doubling 21" in ran("logs", "a-good", *there).stdout
    assert ran("result", "a-good", *there).stdout == "42\n"
    assert "it completed" in ran("why", "a-good", *there).stdout
    assert ran("events", "a-good", *there).stdout == ran("events", "a-good").stdout


def test_a_copy_of_what_waits_cannot_be_moved(ran: Project) -> None:
    """D2, H10: it is shown as it was, and every command that would run it is refused."""
    ran("export", "c-waits", "-o", "waits.jsonl")
    there = ("--store", str(ran.folder / "laptop.db"))
    ran("import", "waits.jsonl", "--as", "a-copy", *there)
    shown = ran("show", "a-copy", *there).stdout
    assert "waiting" in shown
    assert "it never runs here" in shown
    assert ran("list", "--status", "open", "-o", "ids", *there).stdout == ""
    for words in (("signal", "a-copy", "go"), ("resume", "a-copy"), ("cancel", "a-copy"), ("pause", "a-copy")):
        assert ran(*words, *there).exit_code == 5, words
    for words in (
        ("result", "a-copy"),
        ("result", "a-copy", "--wait"),
        ("wait", "a-copy"),
        ("run", "--resume", "a-copy"),
    ):
        told = ran(*words, *there)
        assert told.exit_code == 5, words
        assert "error[CB343]" in told.stderr
    assert ran("logs", "a-copy", "-f", *there).exit_code == 0
    assert ran("replay", "a-copy", *there).exit_code == 0
    assert "imported copy of an execution that was waiting" in ran("why", "a-copy", *there).stdout


def test_values_are_taken_out_on_the_way(ran: Project) -> None:
    """What is redacted is not in the file, and the command says what becomes of a replay."""
    told = ran("export", "b-bad", "-o", "bad.jsonl", "--redact-rule", "secrets")
    assert told.exit_code == 0
    assert "replay: they replay as before" in told.stderr
    text = Path("bad.jsonl").read_text(encoding="utf-8")
    assert "sesame-open" not in text
    assert "[redacted]" in text
    body = json.loads(ran("export", "a-good", "-o", "x.jsonl", "--redact", "n", "--json").stdout)
    assert (body["schema"], body["redacted"]) == ("cerebelum.export/1", ["n"])
    assert body["changed_events"] >= 2


def test_stdout_and_stdin(ran: Project) -> None:
    """What is data goes to stdout: a bundle goes through a pipe as it is; JSON says what was imported."""
    piped = ran("export", "a-good").stdout
    assert piped.startswith('{"part":"bundle"')
    done = ran("import", "-", "--as", "again", "--json", stdin=piped)
    assert done.exit_code == 0
    body = json.loads(done.stdout)
    assert (body["schema"], body["id"], body["original"]) == ("cerebelum.import/1", "again", "a-good")


def test_a_bundle_is_its_owners_alone_and_replaces_no_file(ran: Project) -> None:
    """It holds payloads: no one else may read it; a file that is there stays unless --force; no part is left behind."""
    ran("export", "a-good", "-o", "one.jsonl")
    assert (Path("one.jsonl").stat().st_mode & 0o077) == 0
    before = Path("one.jsonl").read_bytes()
    assert ran("export", "b-bad", "-o", "one.jsonl").exit_code == 2
    assert Path("one.jsonl").read_bytes() == before
    assert ran("export", "b-bad", "-o", "one.jsonl", "--force").exit_code == 0
    assert ran("export", "a-good", "-o", "nowhere/one.jsonl").exit_code == 2
    assert ran("export", "a-good", "-o", ".").exit_code == 2
    assert ran("export", "a-good", "-o", "two.jsonl", "--redact", "nothing.here").exit_code == 2
    assert not [path for path in Path().iterdir() if path.name.startswith((".one", "two"))]


@pytest.mark.parametrize(
    "words, code, says",
    [
        (("export", "nobody", "-o", "x"), 3, "no execution 'nobody'"),
        (("export", "a-good", "-o", "x", "--redact", "a..b"), 2, "error[CB342]"),
        (("export", "a-good", "-o", "x", "--redact-rule", "names"), 2, "secrets, emails, logs"),
        (("import", "nothing.jsonl"), 2, "nothing.jsonl cannot be read"),
        (("import", "flow.py"), 2, "error[CB340]"),
        (("import", "good.jsonl"), 5, "cerebelum import good.jsonl --as "),
        (("import", "good.jsonl", "--as", "../x"), 2, "error[CB307]"),
        (("import", "cut.jsonl"), 2, "was cut off"),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, tuple) else "",
)
def test_mistakes_are_told(ran: Project, words: tuple[str, ...], code: int, says: str) -> None:
    """H10: what is wrong with the values, and what to do."""
    ran("export", "a-good", "-o", "good.jsonl")
    Path("cut.jsonl").write_bytes(Path("good.jsonl").read_bytes()[:-400])
    told = ran(*words)
    assert told.exit_code == code, told.stderr
    assert says in told.stderr
    assert "help: " in told.stderr
