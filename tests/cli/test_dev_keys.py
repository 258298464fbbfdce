"""`cerebelum dev` on a terminal: each key, and a terminal that is in order afterwards however it ends."""

from __future__ import annotations

import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pexpect
import pytest

from tests.cli.cli_project import Project, command, environ
from tests.cli.dev_process import PATIENCE_S, shop

Start = Callable[..., Any]

SLEEPS = """
import asyncio

from cerebelum import workflow


@workflow
async def sleeps(seconds: float = 86400) -> str:
    await asyncio.sleep(seconds)
    return "slept"
"""


@pytest.fixture
def dev(project: Project) -> Iterator[Start]:
    """Start it on a terminal of its own."""
    (project.folder / "flow.py").unlink()
    with ExitStack() as stack:

        def start(*words: str) -> Any:
            line = command("dev", *words)
            child = pexpect.spawn(
                line[0], line[1:], cwd=str(project.folder), env=environ(TERM="xterm-256color", NO_COLOR="1"),
                encoding="utf-8", timeout=PATIENCE_S, dimensions=(50, 160),
            )  # fmt: skip
            stack.callback(child.close, force=True)
            child.expect_exact("keys     h help")
            return child

        yield start


def modes(child: Any) -> int:
    """Return the local modes of the child's terminal: echo, whole lines, signals."""
    found = termios.tcgetattr(child.child_fd)[3]
    assert isinstance(found, int)
    return found


def ended(child: Any) -> int:
    """Return the exit code, 128 + the signal where it was killed."""
    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus) if child.exitstatus is not None else 128 + int(child.signalstatus)


def test_h_lists_the_keys_and_others_do_nothing(project: Project, dev: Start) -> None:
    """W2: `h` says what each key does; one that means nothing says so."""
    project.write("flow.py", SLEEPS)
    child = dev()
    child.send("h")
    child.expect_exact("r  run the last one again")
    child.expect_exact("cerebelum start NAME")
    child.send("z")
    child.expect_exact("'z' does nothing; h for help")
    child.send("\x1b[A")  # an arrow is no command
    child.send("l")
    child.expect_exact("log level info")
    child.send("l")
    child.expect_exact("log level debug")
    child.send("l")
    child.expect_exact("log level warning")


def test_r_runs_the_last_one_again(project: Project, dev: Start) -> None:
    """W2: with the same input, on the code as it is now; at first the only workflow, if it needs none."""
    project.write("flow.py", SLEEPS.replace("86400", "0"))
    child = dev()
    child.send("r")
    child.expect_exact("started")
    child.expect_exact('"slept"')
    project("start", "sleeps", "-i", "seconds=0.125", "--id", "mine")
    child.expect(r"completed mine sleeps  in .*")
    project.write("flow.py", SLEEPS.replace('"slept"', '"slept well"'))
    child.expect_exact("reloaded  flow.py")
    child.send("r")
    child.expect_exact('{"seconds": 0.125}')
    child.expect_exact('"slept well"')
    assert len(project.json("list")) == 3


def test_o_opens_the_terminal_interface_and_tells_later(project: Project, dev: Start) -> None:
    """W2, W6: the TUI shows this store, and what happens meanwhile is said when it is closed; then keys are keys again."""
    project.write("shop.py", shop(1))
    child = dev()
    child.send("o")
    child.expect_exact("WORKFLOW")
    project("start", "order", "--id", "behind")
    child.expect_exact("behind")  # in its list
    project("wait", "behind")
    child.send("q")
    child.expect(r"completed behind order")
    child.send("h")
    child.expect_exact("skip the next timer")
    child.send("o")
    child.expect_exact("WORKFLOW")
    child.kill(signal.SIGTERM)
    child.expect(pexpect.EOF)
    assert modes(child) & termios.ECHO, "the TUI gave the terminal back before it ended"
    assert ended(child) == 128 + signal.SIGTERM


def test_r_says_what_it_needs(project: Project, dev: Start) -> None:
    """W2: with several workflows and no past, or a workflow that needs input, it names the command to type."""
    project.write("shop.py", shop(1))
    child = dev()
    child.send("r")
    child.expect_exact("there are several workflows")
    child.expect_exact("cerebelum start approval")


def test_s_skips_a_timer_and_p_holds_them(project: Project, dev: Start) -> None:
    """W2: a day passes at a key; while timers are paused a short one does not fire, until they go on."""
    project.write("flow.py", SLEEPS)
    child = dev()
    child.send("s")
    child.expect_exact("no timer is waiting")
    project("start", "sleeps", "--id", "day")
    child.send("p")
    child.expect_exact("paused: steps run, no timer fires")
    _until_waiting(project, "day")
    child.send("s")
    child.expect("skipped .* of sleep  day sleeps")
    child.expect_exact("completed day sleeps")
    project("start", "sleeps", "-i", "seconds=0.01", "--id", "moment")
    _until_waiting(project, "moment")
    child.send("p")
    child.expect_exact("go on")
    child.expect_exact("completed moment sleeps")


def test_c_offers_to_cancel_what_is_kept(project: Project, dev: Start) -> None:
    """V13: an execution that stays on older code is listed with its reason; a number cancels it, any other key keeps it."""
    project.write("shop.py", shop(1))
    child = dev()
    child.send("c")
    child.expect_exact("no execution is kept on older code")
    project("start", "approval", "--id", "kept-one")
    child.expect_exact("cerebelum signal kept-one go --json")
    project.write("shop.py", shop(1).replace('answer = await wait_for_signal("go")', "answer = await charge(5)"))
    child.expect("reloaded  shop.py .* 1 in flight: 1 kept on @....")
    child.expect_exact("or: cerebelum cancel kept-one")
    child.send("c")
    child.expect("1  kept-one  approval@")
    child.send("n")
    child.expect_exact("kept: they finish on their own code")
    child.send("c")
    child.expect("1  kept-one  approval@")
    child.send("1")
    child.expect_exact("cancelling kept-one")
    child.expect_exact("cancelled kept-one approval")


def test_q_quits_and_everything_is_kept(project: Project, dev: Start) -> None:
    """W2: exit code 0, and it says what goes on next time."""
    project.write("flow.py", SLEEPS)
    child = dev()
    project("start", "sleeps", "--id", "day")
    _until_waiting(project, "day")
    child.send("q")
    child.expect_exact("1 execution keeps the place; go on: cerebelum dev")
    assert ended(child) == 0
    assert project.json("show", "day")["status"] == "waiting"


BREAKS = """
from cerebelum_cli.dev.key_commands import KeyCommands
from cerebelum_cli.main import run


def fail(self):
    raise RuntimeError("broken")


KeyCommands._pause = fail
run()
"""


@pytest.mark.parametrize("end, exit_code", [("q", 0), ("ctrl-c", 130), ("sigterm", 143), ("crash", 70)])
def test_the_terminal_is_in_order_afterwards(project: Project, end: str, exit_code: int) -> None:
    """W2: echo and line mode come back on every way out, also when something of ours breaks."""
    project.write("flow.py", SLEEPS)
    line = command("dev") if end != "crash" else [sys.executable, "-c", BREAKS, "dev"]
    child = pexpect.spawn(
        line[0], line[1:], cwd=str(project.folder), env=environ(TERM="xterm-256color"), encoding="utf-8",
        timeout=PATIENCE_S, dimensions=(50, 160),
    )  # fmt: skip
    try:
        before = modes(child)
        child.expect_exact("keys     h help")
        child.send("h")
        child.expect_exact("replay ID")
        assert modes(child) != before
        if end == "sigterm":
            child.kill(signal.SIGTERM)
        else:
            child.send({"q": "q", "ctrl-c": "\x03", "crash": "p"}[end])
        child.expect(pexpect.EOF)
        assert modes(child) == before
    finally:
        child.close(force=True)
    assert child.exitstatus == exit_code


def _until_waiting(project: Project, execution_id: str) -> None:
    while project.json("show", execution_id)["status"] != "waiting":
        pass
