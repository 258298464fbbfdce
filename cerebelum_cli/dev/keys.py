"""Single keys from a terminal, which is put back in order however the process ends, but for `kill -9`."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def reads_keys() -> bool:
    """Return whether stdin is a terminal that this process is in front of, and stdout one that shows what keys do."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        import termios  # noqa: F401 - where it is missing there are no keys

        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()  # else reading would stop the process
    except (ImportError, OSError):
        return False


class Keys:
    """Calls `on_key` on the running loop with each character that is typed; Ctrl-C and Ctrl-Z stay what they are."""

    def __init__(self, on_key: Callable[[str], object]) -> None:
        self._on_key = on_key
        self._file = -1
        self._before: list[Any] | None = None
        self._handlers: dict[int, Any] = {}

    def open(self) -> None:
        """Take the keyboard, if there is one; `close` gives it back."""
        if not reads_keys():
            return
        import termios

        self._file = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._file)
        self._set()
        atexit.register(self.close)
        asyncio.get_running_loop().add_reader(self._file, self._read)
        self._handlers = {
            number: signal.signal(number, handler)
            for number, handler in ((signal.SIGTSTP, self._on_stop), (signal.SIGCONT, self._on_continue))
        }

    @property
    def is_open(self) -> bool:
        """Whether keys are read."""
        return self._before is not None

    def close(self) -> None:
        """Put the terminal in order. Idempotent; may be called from a signal handler."""
        before, self._before = self._before, None
        if before is None:
            return
        self._restore(before)
        atexit.unregister(self.close)
        handlers, self._handlers = self._handlers, {}
        for number, handler in handlers.items():
            signal.signal(number, handler)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            asyncio.get_running_loop().remove_reader(self._file)

    def _set(self) -> None:
        import termios

        if self._before is None or os.tcgetpgrp(self._file) != os.getpgrp():
            return
        wanted = termios.tcgetattr(self._file)
        wanted[3] &= ~(termios.ICANON | termios.ECHO)
        wanted[6][termios.VMIN], wanted[6][termios.VTIME] = 1, 0
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._file, termios.TCSANOW, wanted)

    def _restore(self, before: list[Any]) -> None:
        import termios

        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._file, termios.TCSANOW, before)

    def _on_stop(self, *_: object) -> None:
        """Ctrl-Z: the shell gets its terminal as it was."""
        if self._before is not None:
            self._restore(self._before)
        os.kill(os.getpid(), signal.SIGSTOP)

    def _on_continue(self, *_: object) -> None:
        """`fg`."""
        self._set()

    def _read(self) -> None:
        try:
            typed = os.read(self._file, 64).decode("utf-8", "replace")
        except OSError:
            typed = ""
        if not typed:  # the terminal has gone
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self._file)
            return
        if typed.startswith("\x1b"):  # an arrow, a function key
            return
        for key in typed:
            self._on_key(key)
