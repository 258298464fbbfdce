"""Projects as `cerebelum init` makes them, and their commands, run as a newcomer types them."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from cerebelum_cli.projects import commands_in, without_comment
from tests.cli.cli_project import command, environ

IS_INSTALLED = any(point.value == "cerebelum.testing.plugin" for point in entry_points(group="pytest11"))
# As for somebody who has pytest and cerebelum, and nothing else.
PYTEST = [
    sys.executable, "-m", "pytest", *(() if IS_INSTALLED else ("-p", "cerebelum.testing.plugin")),
    "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:cacheprovider", "-q", "-W", "error",
]  # fmt: skip
TIMEOUT_S = 120


@dataclass(frozen=True)
class Typed:
    """A command of a README, and what its comment says will happen."""

    line: str
    exit_code: int
    is_interrupted: bool

    @property
    def words(self) -> list[str]:
        program, *rest = shlex.split(without_comment(self.line))
        if program == "cerebelum":
            return command(*rest)
        assert program == "python", self.line
        return PYTEST if rest == ["-m", "pytest"] else [sys.executable, *rest]


def make_project(folder: Path, template: str) -> None:
    """Make a project by the command, in a process of its own."""
    made = run([*command("init", str(folder), "--template", template)], folder.parent)
    assert made.returncode == 0, made.stderr


def typed_commands(page: str) -> list[Typed]:
    """Return all commands of a page, in order."""
    found = []
    for line in (line for block in commands_in(page) for line in block):
        code = re.search(r"# exit code (\d+)", line)
        found.append(Typed(line, int(code[1]) if code else 0, is_interrupted="press Ctrl-C" in line))
    return found


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with nothing on its stdin."""
    return subprocess.run(
        words, cwd=folder, env=environ(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S,
        check=False,
    )  # fmt: skip


def run_and_interrupt(words: list[str], folder: Path) -> str:
    """Run a command until it waits for something, or serves, press Ctrl-C, and return what it said."""
    said = []
    with subprocess.Popen(words, cwd=folder, env=environ(), text=True, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if "⏸" in line or line.startswith("node ready"):
                process.send_signal(signal.SIGINT)
    return "".join(said)
