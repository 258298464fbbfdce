"""Looking at a store that this process may not write to: real files, real permission bits, for root as well.

Root passes over permission bits by a capability of its own, which the commands here start without.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cerebelum.connect import open_store
from cerebelum.engine.domain.errors_store import StoreReadOnly
from tests.cli.cli_project import Project, command, environ, wait_for_line

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1

LOOKING: list[Sequence[str]] = [
    ("list",),
    ("list", "--status", "completed"),
    ("show", "done"),
    ("events", "done"),
    ("events", "done", "-f"),
    ("logs", "done"),
    ("logs", "done", "-f"),
    ("result", "done"),
    ("wait", "done"),
    ("replay", "done"),
    ("replay", "done", "--check"),
]


# As root, exec gives no capability that has left the bounding set.
OBEY = f"""
import ctypes, os, sys

if sys.platform == "linux" and os.geteuid() == 0:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl({PR_CAPBSET_DROP}, {CAP_DAC_OVERRIDE}, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_CAPBSET_DROP")
os.execv(sys.argv[1], sys.argv[1:])
"""


def start_bound(*words: str, folder: Path) -> subprocess.Popen[str]:
    """Start a command for which permission bits hold."""
    return subprocess.Popen(
        [sys.executable, "-c", OBEY, *command(*words)], cwd=folder, env=environ(PYTHONDONTWRITEBYTECODE="1"),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def bound(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command for which permission bits hold."""
    with start_bound(*words, folder=folder) as process:
        out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


@pytest.fixture
def store(project: Project) -> Iterator[Path]:
    """A folder with a store in it; whatever a test forbids is permitted again at the end."""
    assert project("run", "flow.py:good", "--id", "done", "-i", "n=2").exit_code == 0
    folder = project.folder / ".cerebelum"
    yield folder
    permit(folder)


def forbid(folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)


def permit(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_a_store_without_write_permission_can_be_looked_at(project: Project, store: Path, words: Sequence[str]) -> None:
    """N1, W5: each command that looks prints what it prints elsewhere, and leaves every byte of the folder as it is."""
    expected = project(*words)
    forbid(store)
    before = content(store)
    result = bound(*words, folder=project.folder)
    assert (result.returncode, result.stdout) == (0, expected.stdout), result.stderr
    assert content(store) == before


@pytest.mark.parametrize("words", [("run", "flow.py:good"), ("cancel", "done"), ("signal", "done", "go"),
                                   ("start", "good")], ids=" ".join)  # fmt: skip
def test_commands_that_write_say_that_they_may_not(project: Project, store: Path, words: Sequence[str]) -> None:
    """W10: exit 6, the file, and the command that permits it."""
    forbid(store)
    result = bound(*words, folder=project.folder)
    assert (result.returncode, result.stdout) == (6, ""), result.stderr
    assert "error[CB704]" in result.stderr
    assert "chmod u+w" in result.stderr


def test_a_live_store_of_another_process_can_be_looked_at(project: Project, store: Path) -> None:
    """N1: commits that are still in the other process's WAL are seen, and a wait ends when it has."""
    with project.start("run", "flow.py:waits", "--id", "live") as running:
        try:
            wait_for_line(running.stderr, "waiting for signal")
            forbid(store)
            shown = bound("show", "live", "--json", folder=project.folder)
            assert shown.returncode == 0, shown.stderr
            assert json.loads(shown.stdout)["status"] == "waiting"
            following = start_bound("events", "live", "-f", "-o", "jsonl", folder=project.folder)
            with following:
                wait_for_line(following.stdout, "wait_started")
                permit(store)
                assert project("signal", "live", "go", "1").exit_code == 0
                wait_for_line(following.stdout, "execution_completed")
            assert following.returncode == 0
        finally:
            running.kill()


def test_a_wal_that_cannot_be_read_is_an_error_with_a_way_out(project: Project, store: Path) -> None:
    """R7: after a crash, on a read-only copy, an answer without the newest commits would be a lie."""
    with project.start("run", "flow.py:waits", "--id", "live") as running:
        wait_for_line(running.stderr, "waiting for signal")
        running.kill()
    (store / "dev.db-shm").unlink()
    forbid(store)
    result = bound("list", folder=project.folder)
    assert (result.returncode, result.stdout) == (6, "")
    assert "error[CB702]" in result.stderr
    assert "cp " in result.stderr
    permit(store)
    assert "live" in bound("list", folder=project.folder).stdout


def test_looking_makes_no_file_and_takes_no_lock(project: Project, store: Path) -> None:
    """W10: the folder holds the same files before and after, also where it may be written."""
    (store / "dev.db-lock").unlink()
    before = content(store)
    assert bound("list", folder=project.folder).returncode == 0
    assert {name for name in content(store) if not name.endswith(("-wal", "-shm"))} == set(before)


async def test_a_read_only_store_reads_everything_and_writes_nothing(store: Path) -> None:
    """W10: lists and counts come through the same connection, and a call that writes is refused before it begins."""
    opened = open_store(f"sqlite:///{store}/dev.db", read_only=True)
    await opened.open()
    try:
        assert (await opened.count_executions())["completed"] == 1
        assert [code.workflow for code in await opened.list_workflows() if code.workflow == "good"] == ["good"]
        with pytest.raises(StoreReadOnly):
            await opened.delete_execution("done")
        with pytest.raises(StoreReadOnly):
            await opened.release_dead(dead=["node"])
        assert await opened.get_execution("done") is not None
    finally:
        await opened.close()


def test_an_empty_file_is_no_store(project: Project) -> None:
    """W10: exit 6, and it stays empty."""
    (project.folder / "empty.db").touch()
    result = project("list", "--store", "empty.db")
    assert result.exit_code == 6
    assert "is empty" in result.stderr
    assert (project.folder / "empty.db").stat().st_size == 0
