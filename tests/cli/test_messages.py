"""`query` and `update`, from another process than the one that runs the workflow."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

import pytest

from tests.cli.cli_project import Project, wait_for_line


@pytest.fixture
def worker(project: Project) -> Iterator[subprocess.Popen[str]]:
    """A worker with the project's flows, and the execution `l` of one that listens."""
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(project.start("worker", "flow.py"))
        stack.callback(process.kill)
        wait_for_line(process.stderr, "node ready")
        assert project("start", "listens", "-i", "limit=5", "--id", "l").exit_code == 0
        yield process


def test_a_query_and_updates_from_another_process(project: Project, worker: subprocess.Popen[str]) -> None:
    """C8, C13: the answer is JSON; a refusal says why and exits 5; after the end queries still answer."""
    done = project("update", "l", "set_limit", "--json", "7")
    assert (done.exit_code, done.stdout) == (0, "5\n"), done.stderr
    assert project("query", "l", "limit").stdout == "7\n"
    assert project("query", "l", "limit", "--json", '{"plus": 3}').stdout == "10\n"
    refused = project("update", "l", "set_limit", "--json", "[-1]")
    assert refused.exit_code == 5
    assert "CB821" in refused.stderr
    assert "-1 is not positive" in refused.stderr
    unknown = project("query", "l", "limits")
    assert unknown.exit_code == 3
    assert "known: limit" in unknown.stderr
    assert project("update", "l", "set_limit", "--json", '{"new": 9}', "--key", "k").stdout == "7\n"
    assert project("update", "l", "set_limit", "--json", '{"new": 9}', "--key", "k").stdout == "7\n"
    assert project("update", "l", "close").stdout == "null\n"
    assert project("wait", "l").exit_code == 0
    assert project("query", "l", "limit").stdout == "9\n"
    late = project("update", "l", "close")
    assert late.exit_code == 5
    assert "Cannot update execution in completed state" in late.stderr
    assert "update_accepted" in project("events", "l").stdout


def test_an_update_that_nobody_runs_times_out(project: Project) -> None:
    """W10: it says that nobody runs it, and after the timeout how to ask again; exit 7."""
    assert project("run", "flow.py:listens", "--id", "l", "--timeout", "0.2").exit_code == 7
    waited = project("update", "l", "close", "--timeout", "0.1", "--key", "again")
    assert waited.exit_code == 7, waited.stderr
    assert "no node has workflow" in waited.stderr
    assert "cerebelum update l close --key again" in waited.stderr
    assert project("update", "l", "close", "--json", "{").exit_code == 2
    assert project("update", "nobody", "close").exit_code == 3
    assert project("run", "--resume", "l").exit_code == 0
