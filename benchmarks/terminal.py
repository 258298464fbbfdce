"""A program in a terminal of its own: what it draws is read as it comes, with the time at which it came."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.start_up import environment

PATIENCE_S = 20.0
COLUMNS, ROWS = 120, 36
_SEQUENCE = re.compile(r"\x1b\[[0-9;:?<>=]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_].*?\x1b\\|\x1b.")


class Terminal:
    """A program in front of a screen that nobody sees; it is ended with the block.

    Args:
        words: the program and its arguments.
    """

    def __init__(self, words: Sequence[str], folder: Path) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.begun_s = time.perf_counter()
        self._process = subprocess.Popen(
            words, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**environment(), "TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"},
        )  # fmt: skip
        os.close(theirs)
        self._drawn = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._ours)

    def type(self, keys: bytes) -> float:
        """Press keys; return when."""
        self._drawn = b""
        began_s = time.perf_counter()
        os.write(self._ours, keys)
        return began_s

    def drawn(self) -> str:
        """Return the text of what was drawn since the last key, without looks and places."""
        return _SEQUENCE.sub("", self._drawn.decode("utf-8", "ignore"))

    def until(self, shows: Callable[[str], bool]) -> float:
        """Read until what was drawn is what one waits for; return when that was read.

        Raises:
            AssertionError: it does not come.
        """
        end_s = time.perf_counter() + PATIENCE_S
        while not shows(self.drawn()):
            if not self._read(end_s - time.perf_counter()):
                raise AssertionError(f"it never came; drawn was {self.drawn()[-400:]!r}")
        return time.perf_counter()

    def rest(self, quiet_s: float, *, most_s: float) -> None:
        """Read until nothing was drawn for a while, or for as long as is waited at the most."""
        end_s = time.perf_counter() + most_s
        while self._read(quiet_s) and time.perf_counter() < end_s:
            pass
        self._drawn = b""

    def peak_mb(self) -> float:
        """Return the most memory that the program had."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024

    def _read(self, wait_s: float) -> bool:
        if wait_s <= 0 or not select.select([self._ours], [], [], wait_s)[0]:
            return False
        try:
            self._drawn += os.read(self._ours, 65_536)
        except OSError:  # the program has ended
            return False
        return True
