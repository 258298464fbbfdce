"""Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether, and by which signal, an end was asked for."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.number = 0
        self.before_abort: Callable[[], object] = lambda: None  # puts the terminal in order
        self.on_first: Callable[[int], object] = lambda _: None  # called in the handler: it must take no lock

    @property
    def exit_code(self) -> int:
        """128 + the signal's number."""
        return 128 + self.number


@contextmanager
def handled() -> Iterator[Interrupts]:
    """Handle both signals inside; call it from the running loop of the main thread.

    Handlers of Python, not of the loop: they also run while workflow code keeps the loop busy.
    """
    interrupts, loop = Interrupts(), asyncio.get_running_loop()

    def on_signal(number: int, _: FrameType | None) -> None:
        if interrupts.number:
            interrupts.before_abort()
            sys.stderr.flush()
            os._exit(128 + number)
        interrupts.number = number
        interrupts.on_first(128 + number)
        loop.call_soon_threadsafe(interrupts.asked.set)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
