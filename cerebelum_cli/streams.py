"""stdout and stderr, a line at a time and flushed at once: a reader at the other end of a pipe sees it now."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


def out(line: str = "") -> None:
    """Write a line of data."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextlib.contextmanager
def printing_is_talk() -> Iterator[None]:
    """What is printed inside goes to stderr: a module that prints while it is imported must not be among the data."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def err(line: str) -> None:
    """Write a line of talk."""
    with contextlib.suppress(OSError):  # a full disk or a closed pipe under the talk must not change the exit code
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
