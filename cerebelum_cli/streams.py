"""stdout and stderr, a line at a time and flushed at once: a reader at the other end of a pipe sees it now."""

from __future__ import annotations

import contextlib
import sys


def out(line: str = "") -> None:
    """Write a line of data."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def err(line: str) -> None:
    """Write a line of talk."""
    with contextlib.suppress(OSError):  # a full disk or a closed pipe under the talk must not change the exit code
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
