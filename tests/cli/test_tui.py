"""`cerebelum tui`: what it refuses, the pictures it writes, and a walk in a real terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pexpect
import pytest

from tests.cli.cli_project import Project, command, environ

ESC_MAIN_SCREEN = "\x1b[?1049l"  # what a terminal is told when a full-screen program gives it back


@pytest.fixture
def ended(project: Project) -> Project:
    """A project with one completed and one failed execution."""
    assert project("run", "flow.py:good", "--id", "good-1").exit_code == 0
    assert project("run", "flow.py:bad", "--id", "bad-1").exit_code == 1
    return project


def text_of(file: Path) -> str:
    return "".join(ET.parse(file).getroot().itertext()).replace("\N{NO-BREAK SPACE}", " ")


def test_a_picture_of_the_list(ended: Project) -> None:
    """W6: --screenshot writes the list as SVG, without a terminal."""
    result = ended("tui", "--screenshot", "home.svg", "--size", "100x24", "--theme", "light")
    assert (result.exit_code, result.stderr) == (0, "wrote home.svg\n")
    shown = text_of(ended.folder / "home.svg")
    assert "good-1" in shown
    assert "✗ failed" in shown


def test_a_picture_of_a_replay(ended: Project) -> None:
    """W7: with an ID and --at, the picture is of the replay at that event, with its source; secrets are masked."""
    result = ended("tui", "bad", "--at", "2", "--screenshot", "replay.svg")
    assert result.exit_code == 0, result.stderr
    shown = text_of(ended.folder / "replay.svg")
    assert "event 2/" in shown
    assert "refuse(api_key)" in shown
    assert "api_key: •••" in shown


def test_a_picture_of_any_screen(ended: Project) -> None:
    """W7, W8: --screen names what is shown instead of the replay, at the event of --at."""
    for name, text in (("timeline", "event 2/"), ("graph", "╭")):
        result = ended("tui", "bad", "--at", "2", "--screen", name, "--screenshot", f"{name}.svg")
        assert result.exit_code == 0, result.stderr
        shown = text_of(ended.folder / f"{name}.svg")
        assert text in shown
        assert "refuse" in shown.lower()


@pytest.mark.parametrize(
    "words, exit_code, said",
    [
        (("tui",), 2, "needs a terminal"),
        (("tui", "--at", "3"), 2, "--at belongs to an execution"),
        (("tui", "--size", "12", "--screenshot", "a.svg"), 2, "is not COLUMNSxROWS"),
        (("tui", "--screen", "graf", "--screenshot", "a.svg"), 2, "there is no screen 'graf'"),
        (("tui", "--screen", "graph", "--screenshot", "a.svg"), 2, "the graph is of one execution"),
        (("tui", "nowhere", "--screenshot", "a.svg"), 3, "no execution 'nowhere'"),
        (("tui", "good-1", "--at", "99", "--screenshot", "a.svg"), 3, "has no event 99"),
        (("tui", "--screenshot", "no/where.svg"), 2, "cannot be written"),
        (("tui", "--store", "none.db", "--screenshot", "a.svg"), 6, "there is no store"),
    ],
)
def test_what_cannot_be_done_is_told(ended: Project, words: tuple[str, ...], exit_code: int, said: str) -> None:
    """W6: each with its exit code and a way out; nothing is written."""
    result = ended(*words)
    assert result.exit_code == exit_code
    assert said in result.stderr
    assert "help:" in result.stderr
    assert not (ended.folder / "a.svg").exists()


def test_a_real_terminal_is_given_back(ended: Project) -> None:
    """W6, W7: in a terminal the list comes up, enter opens a replay, q goes back and out, and the terminal is restored."""
    words = command("tui")
    child = pexpect.spawn(
        words[0], words[1:], cwd=str(ended.folder), env=environ(TERM="xterm-256color", TEXTUAL_ANIMATIONS="none"),
        dimensions=(30, 120), encoding="utf-8", timeout=60,
    )  # fmt: skip
    child.expect("bad-1")
    child.send("\r")
    child.expect("before the first event")
    child.send("q")
    child.expect("good-1")
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert ESC_MAIN_SCREEN in child.before


def test_a_crash_gives_the_terminal_back(ended: Project, tmp_path: Path) -> None:
    """W6: an error of ours on a screen ends the program with a code that is not 0, and the terminal is restored."""
    program = tmp_path / "crash.py"
    program.write_text(
        "from cerebelum.tui.executions.screen import ExecutionsScreen\n"
        "def fails(self, by): raise RuntimeError('a bug of ours')\n"
        "ExecutionsScreen.action_walk = fails\n"
        "import sys; sys.argv = ['cerebelum', 'tui']\n"
        "from cerebelum_cli.main import run\nrun()\n",
        encoding="utf-8",
    )
    child = pexpect.spawn(
        sys.executable, [str(program)], cwd=str(ended.folder), env=environ(TERM="xterm-256color"), dimensions=(30, 120),
        encoding="utf-8", timeout=60,
    )  # fmt: skip
    child.expect("bad-1")
    child.send("j")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 70
    restored, _, after = child.before.rpartition(ESC_MAIN_SCREEN)
    assert restored
    assert "error[CB002]: this is a bug in cerebelum, not in your flow: RuntimeError: a bug of ours" in after
    assert "locals" not in after
