"""Plain `def` workflow code without an engine, as in a unit test: it waits by running what it waits for, at once."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from cerebelum.engine.authoring.activation import slot

R = TypeVar("R")


class Alone:
    """Stands in for `PlainCode` while a plain workflow is called as the function that it is."""

    def call(self, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Return what the function returns; of a coroutine function, its result."""
        outer, slot.plain = slot.plain, self
        try:
            called = function(*args, **kwargs)
            return self.wait(called) if inspect.isawaitable(called) else called
        finally:
            slot.plain = outer

    def wait(self, awaitable: Awaitable[R]) -> R:
        outer, slot.plain = slot.plain, None  # what runs now is no plain code
        try:
            if asyncio._get_running_loop() is None:  # noqa: SLF001 - the public one raises instead
                return asyncio.run(_awaited(awaitable))
            with ThreadPoolExecutor(1) as thread:  # a test that is itself a coroutine: its loop cannot run another
                return thread.submit(contextvars.copy_context().run, asyncio.run, _awaited(awaitable)).result()
        finally:
            slot.plain = outer


ALONE = Alone()


async def _awaited(awaitable: Awaitable[R]) -> R:
    return await awaitable
