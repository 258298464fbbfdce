"""The `cerebelum` command as a user has it: a process of its own, in a folder of its own, killed by its pid.

All that these tests assume of the command's output is said here, once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
DEADLINE_S = 60  # a condition that does not come in this time never comes
POLL_S = 0.01


class CommandLine:
    """`cerebelum` in one folder, with the store that it makes there by default."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            self._command(arguments), cwd=self.folder, env=_environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=DEADLINE_S,
        )  # fmt: skip

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start one command and leave it running; it is killed at the end of the block, if not before."""
        process = subprocess.Popen(
            self._command(arguments), cwd=self.folder, env=_environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def kill_when(self, condition: Callable[[], bool], *arguments: str) -> None:
        """Start one command and end it with SIGKILL as soon as `condition` holds."""
        with self.started(*arguments) as process:
            wait_until(lambda: condition() or process.poll() is not None)
            assert process.poll() is None, f"{arguments} ended with {process.returncode} before it was to be killed"

    def event_types(self, execution_id: str) -> list[str]:
        """Return the types of an execution's events in order; [] while there is no such execution."""
        found = self("events", execution_id, "-o", "json")
        return [event["type"] for event in json.loads(found.stdout)] if found.returncode == 0 else []

    def shown(self, execution_id: str) -> Any:
        """Return what `show` says of an execution."""
        found = self("show", execution_id, "-o", "json")
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout)

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "cerebelum_cli", *arguments]


def succeeded(done: subprocess.CompletedProcess[str]) -> bool:
    """Return whether a command ended well; show what it said where it did not."""
    if done.returncode:
        print(done.args, done.returncode, done.stdout, done.stderr, sep="\n")
    return done.returncode == 0


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds."""
    gives_up_at = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < gives_up_at, "the condition never came"
        time.sleep(POLL_S)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CEREBELUM_")}
    return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
