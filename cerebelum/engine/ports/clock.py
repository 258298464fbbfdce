"""Time and randomness, as the engine asks for them; instants are microseconds since the Unix epoch, UTC."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Protocol, overload


class Clock(Protocol):
    """Real time, or what a test puts in its place."""

    def now_us(self) -> int:
        """Return the present."""
        ...

    async def sleep_until_us(self, due_us: int) -> None:
        """Return once `now_us` has reached `due_us`; at once if it has already."""
        ...


class TimeProvider(Protocol):
    """Real time without an execution id, that execution's virtual time with one."""

    def now(self, execution_id: str | None = None) -> datetime:
        """Return the present in UTC: the real one, or the execution's.

        Raises:
            ExecutionNotFound: this execution has no clock here.
        """
        ...

    @overload
    async def sleep(self, duration_ms: int, /) -> None: ...
    @overload
    async def sleep(self, execution_id: str, duration_ms: int, /) -> None: ...
    async def sleep(self, first: str | int, second: int | None = None, /) -> None:
        """Really sleep; or, with an execution id, only move that execution's clock, and return at once.

        Raises:
            ValueError: a negative duration.
            ExecutionNotFound: this execution has no clock here.
        """
        ...

    def schedule(self, execution_id: str, delay_ms: int, callback: Callable[[], None]) -> None:
        """Call back once the execution's clock has moved on by `delay_ms`; within this call if that is 0.

        Raises:
            ValueError: a negative delay.
            ExecutionNotFound: this execution has no clock here.
        """
        ...


class RandomProvider(Protocol):
    """Plain randomness without an execution id, that execution's repeatable sequence with one."""

    @overload
    def uniform(self, /) -> float: ...
    @overload
    def uniform(self, most: int, /) -> int: ...
    @overload
    def uniform(self, execution_id: str, /) -> float: ...
    @overload
    def uniform(self, execution_id: str, most: int, /) -> int: ...
    def uniform(self, first: str | int | None = None, second: int | None = None, /) -> float | int:
        """Return a float in [0, 1), or, with `most`, an integer in 1..most.

        Raises:
            ValueError: `most` is below 1.
        """
        ...

    def seed(self, execution_id: str, seed: int) -> None:
        """Begin the execution's sequence anew; the same seed gives the same sequence, in every process."""
        ...

    def generate_uuid(self, execution_id: str) -> uuid.UUID:
        """Return the next version-4 UUID of the execution's sequence."""
        ...
