"""Commands typed on a terminal or piped into a program, line by line."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TextIO

from cerebelum_cli.output import is_terminal
from cerebelum_cli.streams import err

_SILENT_S = 1.0
_WAITING = "reading commands from standard input (`< /dev/null` prints all events)"


def typed_lines(stdin: TextIO | None, stdout: TextIO) -> Callable[[Callable[[], str]], Iterator[str]] | None:
    """Return what yields the lines that are typed, given what makes the prompt; None where nobody types any.

    Nobody does where input is closed or ends at once, or where it is a terminal and the output is not: a reader in a pipe.
    """
    if stdin is None:  # closed: `<&-`
        return None
    if is_terminal(stdin):
        return _asked if is_terminal(stdout) else None
    _say_if_silent(stdin)
    first = stdin.readline()
    return None if not first else lambda _: _piped(first, stdin)


def _asked(prompt: Callable[[], str]) -> Iterator[str]:
    with suppress(ImportError):
        import readline  # noqa: F401 - arrow keys and history, where it is there

    while True:
        try:
            yield input(prompt())
        except EOFError:
            sys.stdout.write("\n")
            return


def _piped(first: str, stdin: TextIO) -> Iterator[str]:
    yield first
    yield from stdin


def _say_if_silent(stdin: TextIO) -> None:
    """A pipe that nobody writes to and nobody closes would be a silent hang."""
    try:
        ready, _, _ = select.select([stdin], [], [], _SILENT_S)
    except (OSError, ValueError):  # no real file: a test's, or Windows
        return
    if not ready:
        err(_WAITING)
