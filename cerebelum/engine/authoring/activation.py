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
    from collections.abc import Awaitable, Callable
    from types import CodeType

    from cerebelum.engine.authoring.alone import Alone
    from cerebelum.engine.authoring.info import Info
    from cerebelum.engine.authoring.input_request import Request
    from cerebelum.engine.authoring.plain import PlainCode
    from cerebelum.engine.authoring.step import StepDefinition
    from cerebelum.engine.authoring.workflow import WorkflowDefinition
    from cerebelum.engine.domain.context import Context
    from cerebelum.engine.domain.errors import CerebelumError

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
        self,
        step: StepDefinition[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        line: Line,
        *,
        place: str = "",
        context: Any = None,
    ) -> Future[Any]:
        """Record a step to be run; the future resolves with the decoded copy of its result.

        Args:
            place: of a flow's step: its node, with the passes and items around it.
            context: of a flow's step: what it reads. What it wrote is the future's `patch` then.
        """
        ...

    restored: Any  # state of the checkpoint that the code begins from; None: it begins at its beginning

    def abandon(self, error: CerebelumError) -> None:
        """Give this activation up, whatever the code makes of it: the error is the engine's to deal with."""
        ...

    def checkpoint(self, state: Any) -> bool:
        """Record what the code needs to go on from here; False where it waits for something just now."""
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

    def wait_until(self, condition: Callable[[], Any]) -> Awaitable[None]:
        """Wait, without recording it, until the condition over the workflow's own state holds."""
        ...

    def on_query(self, name: str, function: Callable[..., Any]) -> None:
        """Answer queries of this name by `function`."""
        ...

    def on_update(self, name: str, handler: Callable[..., Any], validate: Callable[..., Any] | None) -> None:
        """Take updates of this name."""
        ...

    def ask_input(self, request: Request) -> Future[Any]:
        """Record a request for a person's answer; the future resolves with the answer, or as its timeout says."""
        ...

    def sleep_until_us(self, due_us: int) -> Future[None]:
        """Record a durable timer that comes due at `due_us`."""
        ...

    def next_number(self) -> int:
        """Return the number that the next command will have."""
        ...

    def restore_context(self, context: Context) -> None:
        """Take `context`, which a checkpoint holds, as all recorded."""
        ...

    def publish_context(self, context: Context) -> None:
        """Record what is in a flow's context and in no step's patch; not from branches that run beside others."""
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
    plain: PlainCode | Alone | None = None  # the plain `def` code of a workflow that runs right now


slot = _Slot()


def current() -> Activation | None:
    """Return the activation that runs on this thread, or None outside workflow code."""
    return slot.activation
