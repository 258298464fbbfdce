"""An end within two seconds, whatever user code is doing: what was committed is kept, the rest runs again next time."""

from __future__ import annotations

import os
import sys
import threading
import time

from cerebelum_cli.interrupts import Interrupts

_AFTER_S = 1.8


class LastResort:
    """A thread that ends the process some time after `arm`, also while a step or a workflow holds up the event loop.

    Args:
        interrupts: know how to put the terminal in order.
    """

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._reading, self._writing = os.pipe()
        threading.Thread(target=self._wait, name="cerebelum-dev-end", daemon=True).start()

    def arm(self, exit_code: int) -> None:
        """Begin to count. It only writes to a pipe: a signal handler must not take a lock."""
        os.write(self._writing, bytes([exit_code]))

    def _wait(self) -> None:
        exit_code = os.read(self._reading, 1)[0]
        time.sleep(_AFTER_S)
        self._interrupts.before_abort()
        os._exit(exit_code)


def end_at_once_if_held_up(exit_code: int) -> None:
    """End now where the thread of a step would keep the process alive."""
    if any(thread.name.startswith("cerebelum-step") for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)
