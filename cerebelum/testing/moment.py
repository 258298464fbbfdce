"""A moment in virtual time, and what is to happen then."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cerebelum.engine.application.client import Handle
from cerebelum.testing.clock import FlowOfTime


class Moment:
    """Made by `engine.at(days=3)`. What is planned happens when virtual time gets there, before timers of that instant.

    An action that fails fails the test, in whatever it waits for then.
    """

    def __init__(self, time: FlowOfTime, due_us: int) -> None:
        self._time, self._due_us = time, due_us

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Moment:
        """Call any function; what it returns is awaited if it can be. Returns itself, so that plans can be chained."""

        async def act() -> None:
            result = function(*args, **kwargs)
            if hasattr(result, "__await__"):
                await result

        self._time.plan(self._due_us, functools.partial(act))
        return self

    def signal(self, handle: Handle[Any], name: str, payload: Any = None, **options: Any) -> Moment:
        """Send a signal; see `Handle.signal`."""
        return self.call(handle.signal, name, payload, **options)

    def answer(self, handle: Handle[Any], name: str, value: Any = None, **options: Any) -> Moment:
        """Answer what a workflow asks of a person; see `Handle.provide_input`."""
        return self.call(handle.provide_input, name, value, **options)

    def cancel(self, handle: Handle[Any], reason: str = "") -> Moment:
        """Ask an execution to stop."""
        return self.call(handle.cancel, reason)

    def pause(self, handle: Handle[Any], reason: str = "") -> Moment:
        """Pause an execution."""
        return self.call(handle.pause, reason)

    def resume(self, handle: Handle[Any], data: Any = None) -> Moment:
        """Resume an execution."""
        return self.call(handle.resume, data)
