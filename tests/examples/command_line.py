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
NOT_FOUND, NO_STORE = 3, 6  # exit codes


class CommandLine:
    """`cerebelum` in one folder, with the store that it makes there by default."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._talk = folder / "stderr.txt"

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            self._command(arguments), cwd=self.folder, env=_environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=DEADLINE_S,
        )  # fmt: skip

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start one command and leave it running; it is killed at the end of the block, if not before."""
        with self._talk.open("wb") as talk:
            process = subprocess.Popen(
                self._command(arguments), cwd=self.folder, env=_environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=talk,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def kill_when(self, condition: Callable[[], bool], *arguments: str) -> bool:
        """Start one command and end it with SIGKILL as soon as `condition` holds.

        Return whether it was alive then: False, it ended by itself before.
        """
        with self.started(*arguments) as process:
            wait_until(lambda: process.poll() is not None or condition())
            return process.poll() is None

    def is_waiting(self) -> bool:
        """Return whether the started command has said that its execution waits; it says what is durable."""
        return "⏸" in self._talk.read_text(encoding="utf-8")

    def event_types(self, execution_id: str) -> list[str]:
        """Return the types of an execution's events in order; [] while it, or its store, is not there yet."""
        found = self("events", execution_id, "-o", "json")
        if found.returncode in (NOT_FOUND, NO_STORE):
            return []
        assert succeeded(found)
        return [event["type"] for event in json.loads(found.stdout)]

    def shown(self, execution_id: str) -> Any:
        """Return what `show` says of an execution."""
        found = self("show", execution_id, "-o", "json")
        assert succeeded(found)
        return json.loads(found.stdout)

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "cerebelum_cli", *arguments]


def succeeded(done: subprocess.CompletedProcess[str]) -> bool:
    """Return whether a command ended well; show what it said where it did not."""
    if done.returncode:
        sys.stderr.write(f"{done.args}\nexit code {done.returncode}\n{done.stdout}\n{done.stderr}\n")
    return done.returncode == 0


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds."""
    gives_up_at = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < gives_up_at, "the condition never came"
        time.sleep(POLL_S)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CEREBELUM_")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "NO_COLOR": "1"}
