"""Each kind of bad input gives one error with its code and exit code, leaves stdout empty, and nothing half-written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cerebelum.adapters.stores.sqlite import connections, writer
from cerebelum.adapters.stores.sqlite.store import SqliteStore
from tests.cli.cli_project import Project

CASES: list[tuple[str, str, Sequence[str], str, int, Sequence[str]]] = [
    ("missing", "", ("run", "nowhere.py"), "CB101", 9, ("nowhere.py", "no such file")),
    ("folder", "", ("run", "."), "CB101", 9, ("folder",)),
    ("syntax", "def x(:\n", ("run", "own.py"), "CB102", 9, ("own.py:1", "def x(:")),
    (
        "import",
        "import nothing_like_it\n",
        ("run", "own.py"),
        "CB103",
        9,
        ("own.py:1", "nothing_like_it", "pip install"),
    ),
    ("none", "async def main(): ...\n", ("run", "own.py"), "CB104", 9, ("@workflow", "async def main")),
    ("several", "", ("run", "flow.py"), "CB105", 9, ("cerebelum run flow.py:good",)),
    ("name", "", ("run", "flow.py:god"), "CB107", 3, ("god", "flow.py:good")),
    ("not json", "", ("run", "flow.py:good", "--input", "{nope"), "CB603", 2, ("not JSON", "line 1")),
    ("not an object", "", ("run", "flow.py:good", "--input", "[1]"), "CB603", 2, ("JSON object", "n: int")),
    ("quotes", "", ("run", "flow.py:good", "--input", "{'n': 1}"), "CB603", 2, ("double quotes",)),
    ("no file", "", ("run", "flow.py:good", "--input", "@none.json"), "CB201", 2, ("none.json",)),
    ("misfit", "", ("run", "flow.py:good", "-i", "n=one"), "CB603", 2, ("n:", "int")),
    ("field", "", ("run", "flow.py:typed", "-i", 'order={"item":"a","total":"b"}'), "CB603", 2, ("order.total",)),
    ("missing argument", "", ("run", "flow.py:typed"), "CB604", 2, ("order", "order: Order")),
    ("unknown argument", "", ("run", "flow.py:good", "-i", "m=1"), "CB604", 2, ("'m'", "n: int")),
    ("no value", "", ("run", "flow.py:good", "-i", "n"), "CB201", 2, ("NAME=VALUE",)),
    ("twice", "", ("run", "flow.py:good", "-i", "n=1", "-i", "n=2"), "CB201", 2, ("twice",)),
    ("nested", "", ("run", "flow.py:good", "--input", "[" * 100_000), "CB603", 2, ("deep",)),
    ("constant", "", ("run", "flow.py:good", "--input", '{"n": NaN}'), "CB603", 2, ("NaN",)),
    ("too large", "", ("run", "flow.py:good", "-i", "zip=" + "a" * 3_000_000), "CB602", 1, ("too large", "limit")),
    ("bad id", "", ("run", "flow.py:good", "--id", "a b"), "CB307", 2, ("'a b'",)),
    ("no store", "", ("list",), "CB702", 6, (".cerebelum/dev.db", "cerebelum run")),
    ("no store for start", "", ("start", "good"), "CB702", 6, (".cerebelum/dev.db",)),
    ("no folder", "", ("run", "flow.py:good", "--store", "no/where.db"), "CB702", 6, ("folder",)),
    ("scheme", "", ("list", "--store", "mysql://host/db"), "CB709", 6, ("mysql", "sqlite:///")),
    ("command", "", ("lsit",), "CB201", 2, ("lsit",)),
    ("option", "", ("list", "--nope"), "CB201", 2, ("--nope", "cerebelum list --help")),
    ("status", "", ("list", "--status", "done"), "CB201", 2, ("done", "completed")),
    ("nothing", "", ("run",), "CB201", 2, ("cerebelum run FLOW.py",)),
]


@pytest.mark.parametrize("own,words,code,exit_code,told", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_input_is_one_clear_error(
    project: Project, own: str, words: Sequence[str], code: str, exit_code: int, told: Sequence[str]
) -> None:
    """W1: the error has its code, the values, a way out and the exit code; stdout stays empty, no traceback shows."""
    project.write("own.py", own)
    result = project(*words)
    assert result.stderr.startswith(f"error[{code}]: "), result.stderr
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    for text in told:
        assert text in result.stderr


@pytest.mark.parametrize(
    "name", ["missing", "syntax", "not json", "misfit", "too large", "no store", "no store for start"]
)
def test_bad_input_makes_no_store(project: Project, name: str) -> None:
    """W1: what is refused before it begins leaves no file behind."""
    case = next(case for case in CASES if case[0] == name)
    project.write("own.py", case[1])
    project(*case[2])
    assert sorted(path.name for path in project.folder.iterdir() if path.name != "__pycache__") == ["flow.py", "own.py"]


@pytest.mark.parametrize("command", ["show", "events", "logs", "result", "wait", "replay", "cancel", "pause", "resume"])
def test_an_unknown_id_is_not_found(project: Project, command: str) -> None:
    """C8, H15, N1: every command says which id, in which store, and exits 3."""
    project("run", "flow.py:good", "--id", "order-1041")
    result = project(command, "order-1042x")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "error[CB301]: no execution 'order-1042x' in .cerebelum/dev.db" in result.stderr


def test_an_ambiguous_id_names_what_it_fits(project: Project) -> None:
    """N1: a beginning of several ids is refused, and lists them."""
    for number in (1, 2):
        project("run", "flow.py:good", "--id", f"order-{number}")
    result = project("show", "order-")
    assert result.exit_code == 3
    assert "error[CB303]" in result.stderr
    assert "order-1" in result.stderr
    assert "order-2" in result.stderr


def test_an_id_that_exists_is_a_conflict(project: Project) -> None:
    """H13: `run --id` of a taken id exits 5 and runs nothing; `--if-exists use` returns the one there is."""
    assert project("run", "flow.py:good", "--id", "one", "-i", "n=3").stdout.splitlines()[-1] == "6"
    refused = project("run", "flow.py:good", "--id", "one", "-i", "n=4")
    assert (refused.exit_code, refused.stdout) == (5, "")
    assert "error[CB302]" in refused.stderr
    assert (
        project("run", "flow.py:good", "--id", "one", "-i", "n=4", "--if-exists", "use").stdout.splitlines()[-1] == "6"
    )
    assert (
        project("run", "flow.py:good", "--id", "one", "-i", "n=4", "--if-exists", "replace").stdout.splitlines()[-1]
        == "8"
    )


def test_a_result_that_cannot_be_encoded_fails_the_execution(project: Project) -> None:
    """W1: the execution ends as failed, with the path of the value; its history is whole."""
    result = project("run", "flow.py:unencodable", "--id", "nan")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "PayloadNotEncodable" in result.stderr
    assert project.json("show", "nan")["status"] == "failed"


def test_a_corrupt_store_is_named_and_left_alone(project: Project) -> None:
    """W1: exit 6, and not a byte of the file is changed."""
    path = project.write("other.db", "this is a letter, not a database\n" * 100)
    before = path.read_bytes()
    for words in (("list",), ("db", "status"), ("run", "flow.py:good")):
        result = project(*words, "--store", "other.db")
        assert (result.exit_code, result.stdout) == (6, ""), words
        assert "error[CB706]" in result.stderr, words
    assert path.read_bytes() == before


def test_a_store_of_a_newer_release_is_refused(project: Project) -> None:
    """W1: exit 6 with the way out, and the store keeps its revision."""
    project("run", "flow.py:good")
    with sqlite3.connect(".cerebelum/dev.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for words in (("list",), ("run", "flow.py:good"), ("db", "upgrade")):
        result = project(*words)
        assert (result.exit_code, result.stdout) == (6, ""), words
        assert "error[CB707]" in result.stderr, words
    status = project("db", "status", "--json")
    assert status.exit_code == 6
    assert '"state": "newer"' in status.stdout


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Root may write to everything, so this test gives its rights up for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_read_only_store_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """W1: exit 6 with CB704, for a command that writes; one that looks prints what it finds."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        monkeypatch.chdir(name)
        there = Project(Path(name))
        assert there("run", "flow.py:good", "--id", "one", "--store", "s.db").exit_code == 0
        Path("s.db").chmod(0o444)
        with _as_nobody():
            seen = there("list", "-o", "ids", "--store", "s.db")
            refused = there("signal", "one", "go", "--store", "s.db")
        assert (seen.exit_code, seen.stdout) == (0, "one\n"), seen.stderr
        assert (refused.exit_code, refused.stdout) == (6, "")
        assert "error[CB704]: s.db takes no writes" in refused.stderr
        monkeypatch.chdir(project.folder)


HOLD_LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_locked_store_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """W1: exit 6 with CB703 after the wait, and the command that finds the holder."""
    project("run", "flow.py:good")
    defaults = SqliteStore.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "lock_wait_s", 0.05)
    hold = [sys.executable, "-c", HOLD_LOCK, ".cerebelum/dev.db-lock"]
    with subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        result = project("run", "flow.py:good")
        holder.communicate()
    assert (result.exit_code, result.stdout) == (6, "")
    assert "error[CB703]" in result.stderr
    assert "fuser -v" in result.stderr
    assert len(project.json("list")) == 1


def test_a_full_disk_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """W1: exit 6 with CB705, and what was there before is still there."""
    project("run", "flow.py:good", "--id", "before")
    original = connections.connect_writer

    def without_room(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = original(*arguments, **options)
        connection.execute("PRAGMA max_page_count = 1")  # not below what there is: it cannot grow any more
        return connection

    monkeypatch.setattr(writer, "connect_writer", without_room)
    refused = project("run", "flow.py:good", "-i", "zip=" + "x" * 1_000_000)
    assert (refused.exit_code, refused.stdout) == (6, ""), refused.stderr
    assert "error[CB705]" in refused.stderr
    monkeypatch.undo()
    monkeypatch.chdir(project.folder)
    assert [row["id"] for row in project.json("list")] == ["before"]


def test_a_bug_of_ours_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception exits 70 with a short message; `--debug` adds the frames, and never locals."""
    from cerebelum_cli import settings

    def broken(flag: str | None) -> str:
        password = "hunter2"
        raise ZeroDivisionError(f"oops {len(password)}")

    monkeypatch.setattr(settings, "store_url", broken)
    result = project("list")
    assert result.exit_code == 70
    assert "error[CB002]" in result.stderr
    assert "Traceback" not in result.stderr
    debug = project("list", "--debug")
    assert "Traceback" in debug.stderr
    assert "in broken" in debug.stderr


def test_errors_are_json_where_data_is(project: Project) -> None:
    """W10: with JSON output, stderr holds one JSON object with code, message and exit code."""
    import json

    for words in (("show", "x", "--json"), ("list", "-o", "jsonl", "--nope"), ("show", "x", "--output=json")):
        result = project(*words)
        error = json.loads(result.stderr)
        assert error["schema"] == "cerebelum.error/1"
        assert error["error"]["exit_code"] == result.exit_code
