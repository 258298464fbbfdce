"""Whole processes: signals, kill -9, a terminal, another process's signal, the worker."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pexpect
import pytest

from tests.cli.cli_project import Project, command, environ, wait_for_line

PATIENCE_S = 60


@pytest.fixture
def processes(project: Project) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start commands; what is left of them is killed at the end."""
    with contextlib.ExitStack() as stack:

        def start(*words: str) -> subprocess.Popen[str]:
            process = stack.enter_context(project.start(*words))
            stack.callback(process.kill)
            return process

        yield start


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def test_ctrl_c_detaches_and_resume_goes_on(project: Project, processes: Callable[..., subprocess.Popen[str]]) -> None:
    """W1: exit 130, the message says how to resume, and the step that was done is not repeated."""
    running = processes("run", "flow.py:sleeps", "--id", "s", "-i", "seconds=0.5")
    wait_for_line(running.stderr, "sleep")
    running.send_signal(signal.SIGINT)
    code, _, err = ended(running)
    assert code == 130
    assert "detached; s keeps its place. Resume: cerebelum run --resume s" in err
    resumed = project("run", "--resume", "s")
    assert resumed.exit_code == 0, resumed.stderr
    assert resumed.stdout.splitlines()[-1] == "4"
    assert [event["type"] for event in project.json("events", "s")].count("step_completed") == 2


def test_sigterm_detaches_orderly(project: Project, processes: Callable[..., subprocess.Popen[str]]) -> None:
    """W1: exit 143, and the execution is free for the next node at once."""
    running = processes("run", "flow.py:sleeps", "--id", "s")
    wait_for_line(running.stderr, "sleep")
    running.terminate()
    assert ended(running)[0] == 143
    assert project.json("show", "s")["status"] == "waiting"


def test_a_second_ctrl_c_ends_the_process_at_once(
    project: Project, processes: Callable[..., subprocess.Popen[str]]
) -> None:
    """W1: a step that does not end holds nobody up."""
    project.write(
        "stuck.py",
        "import sys, time\nfrom cerebelum import step, workflow\n\n\n@step\ndef stuck() -> None:\n"
        "    print('stuck', file=sys.stderr, flush=True)\n    time.sleep(600)\n\n\n"
        "@workflow\nasync def main() -> None:\n    await stuck()\n",
    )
    running = processes("run", "stuck.py", "--id", "s")
    wait_for_line(running.stderr, "stuck")
    running.send_signal(signal.SIGINT)
    deadline_s = time.monotonic() + PATIENCE_S
    while running.poll() is None and time.monotonic() < deadline_s:
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=0.2)
        running.send_signal(signal.SIGINT)
    assert ended(running)[0] == 130


def test_resume_after_kill_9(project: Project, processes: Callable[..., subprocess.Popen[str]]) -> None:
    """W1, F1: nothing that was committed is lost or repeated."""
    running = processes("run", "flow.py:sleeps", "--id", "k", "-i", "seconds=1")
    wait_for_line(running.stderr, "sleep")
    running.kill()
    ended(running)
    resumed = project("run", "--resume", "@last")
    assert resumed.exit_code == 0, resumed.stderr
    assert resumed.stdout.splitlines()[-1] == "4"
    steps = project.json("show", "k")["steps"]
    assert [(step["name"], len(step["attempts"])) for step in steps] == [("double", 1), ("double", 1)]


def test_another_process_answers_a_wait(project: Project, processes: Callable[..., subprocess.Popen[str]]) -> None:
    """C8: the waiting run shows the command, and a signal from another process lets it complete."""
    running = processes("run", "flow.py:waits", "--id", "w")
    assert "cerebelum signal w go --json …" in wait_for_line(running.stderr, "waiting for signal 'go'")
    sent = project("signal", "w", "go", "--json", "5")
    assert sent.exit_code == 0
    assert "queued" not in sent.stderr  # its node is alive
    code, out, _ = ended(running)
    assert code == 0
    assert json.loads(out.splitlines()[-1]) == {"answer": 5}


def test_a_worker_runs_what_is_started(project: Project, processes: Callable[..., subprocess.Popen[str]]) -> None:
    """N6, H6: `start` hands over, `wait` and `logs -f` follow from outside, SIGTERM ends the worker with exit 0."""
    worker = processes("worker", "flow.py")
    wait_for_line(worker.stderr, "node ready")
    started = project("start", "good", "-i", "n=5", "--id", "one")
    assert (started.exit_code, started.stdout) == (0, "one\n")
    assert "queued" not in started.stderr
    assert project("wait", "one", "--timeout", str(PATIENCE_S)).stdout == "one\tcompleted\n"
    assert project("result", "one").stdout == "10\n"
    assert "doubling 5" in project("logs", "one", "-f").stdout
    worker.terminate()
    assert ended(worker)[0] == 0


def test_a_terminal_sees_what_is_under_way(project: Project) -> None:
    """W1: on a terminal steps are drawn anew while they run, Ctrl-C detaches, and the cursor comes back."""
    words = command("run", "flow.py:sleeps", "--id", "t")
    environment = environ(TERM="xterm-256color")
    environment.pop("CI", None)
    child = pexpect.spawn(
        words[0], words[1:], cwd=str(project.folder), env=environment, encoding="utf-8", timeout=PATIENCE_S,
        dimensions=(24, 100),
    )  # fmt: skip
    child.expect_exact("✓ double")
    child.expect("sleep .*until")
    child.sendintr()
    child.expect_exact("detached; t keeps its place")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_a_terminal_table_has_a_header_and_whole_ids(project: Project) -> None:
    """W10: a table on a terminal; `NO_COLOR` leaves the colours out."""
    project("run", "flow.py:good", "--id", "a-rather-long-id-that-must-not-be-cut")
    words = command("list")
    output = pexpect.run(
        " ".join(words), cwd=str(project.folder), env=environ(TERM="xterm", NO_COLOR="1"), encoding="utf-8",
        timeout=PATIENCE_S,
    )  # fmt: skip
    assert "WORKFLOW" in output
    assert "a-rather-long-id-that-must-not-be-cut" in output
    assert "\x1b[" not in output


def test_a_closed_pipe_is_no_traceback(project: Project) -> None:
    """W10: `cerebelum events … | head -1` ends quietly."""
    project("run", "flow.py:good", "--id", "one")
    line = f"{' '.join(command('replay', 'one'))} | head -1"
    result = subprocess.run(
        line, shell=True, cwd=project.folder, env=environ(), capture_output=True, text=True, check=False
    )
    assert "Traceback" not in result.stderr
    assert "execution_started" in result.stdout
