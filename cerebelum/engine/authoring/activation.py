"""The one place that knows whether the running code is workflow code.

An activation lets a workflow's code run until it can go no further; it happens on one thread, without
a break, so a thread-local slot is enough. `@step`, the waits and the interception of time and randomness
ask the slot: inside an activation they record, outside they are the plain thing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import random
    from asyncio import Future
    from collections.abc import Callable
    from types import CodeType

    from cerebelum.engine.authoring.info import Info
    from cerebelum.engine.authoring.step import StepDefinition
    from cerebelum.engine.authoring.workflow import WorkflowDefinition

    Line = tuple[CodeType, int]  # where in the user's code, rendered only when an event needs it


class Activation(Protocol):
    """What workflow code may ask of its execution. Implemented by `runtime.activation`."""

    @property
    def execution_id(self) -> str: ...

    @property
    def rng(self) -> random.Random:
        """The execution's own generator, seeded from its history."""
        ...

    def now_us(self) -> int:
        """Return workflow time: microseconds since the Unix epoch, that of the event being applied."""
        ...

    def info(self) -> Info: ...

    def call_step(
        self, step: StepDefinition[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], line: Line
    ) -> Future[Any]:
        """Record a step to be run; the future resolves with the decoded copy of its result."""
        ...

    def start_child(
        self,
        workflow: WorkflowDefinition[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        child_id: str | None,
        line: Line,
    ) -> Future[Any]:
        """Record a child execution to be started; the future resolves with its result."""
        ...

    def wait_for_signal(
        self, name: str, match: Callable[[Any], bool] | None, timeout_us: int | None, annotation: Any
    ) -> Future[Any]:
        """Record a wait; the future resolves with the payload of the first signal that matches."""
        ...

    def sleep_until_us(self, due_us: int) -> Future[None]:
        """Record a durable timer that comes due at `due_us`."""
        ...

    def next_number(self) -> int:
        """Return the number that the next command will have."""
        ...

    def compensation(self, name: str, since: int) -> Compensation:
        """Record that one compensation begins, of a saga that covers the commands from number `since` on."""
        ...

    def patched(self, patch_id: str) -> bool:
        """Return whether this execution takes the new branch of the change `patch_id`."""
        ...


class Compensation(Protocol):
    """One compensation under way: tell it how it ended."""

    def completed(self) -> None: ...

    def failed(self, error: BaseException) -> None: ...


class _Slot(threading.local):
    activation: Activation | None = None


slot = _Slot()


def current() -> Activation | None:
    """Return the activation that runs on this thread, or None outside workflow code."""
    return slot.activation
