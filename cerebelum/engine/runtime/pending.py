"""What a run waits for: one entry per command that is still open, by its number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cerebelum.engine.runtime.loop import LoopTimer, WorkflowFuture

if TYPE_CHECKING:
    from cerebelum.engine.authoring.saga import Saga
    from cerebelum.engine.authoring.step import StepDefinition
    from cerebelum.engine.authoring.workflow import WorkflowDefinition
    from cerebelum.engine.domain.context import Context, Op
    from cerebelum.engine.domain.events import ChildStarted, InputRequested, StepScheduled, WaitStarted
    from cerebelum.engine.runtime.loop import WorkflowLoop


class AnswerFuture(WorkflowFuture):
    """Resolves when the history holds the answer to command `number`; cancelling it gives the command up."""

    patch: tuple[Op, ...] = ()  # what the answer changed in the context of a flow

    def __init__(self, number: int, give_up: Callable[[int], None], *, loop: WorkflowLoop) -> None:
        super().__init__(loop=loop)
        self.number, self._give_up = number, give_up

    def cancel(self, msg: Any | None = None) -> bool:
        if not super().cancel(msg):
            return False
        self._give_up(self.number)
        return True


class PendingStep:
    """A step that was scheduled. The live side keeps its attempts here too: they survive in notes, not in code."""

    __slots__ = (
        "attempt",
        "branch",
        "command",
        "context",
        "future",
        "progress",
        "retry_at_us",
        "saga",
        "started",
        "step",
    )

    def __init__(
        self, command: StepScheduled, step: StepDefinition[..., Any], future: AnswerFuture, saga: Saga
    ) -> None:
        self.command, self.step, self.future, self.saga = command, step, future, saga
        self.context: Context | None = None  # of a flow, as of its scheduling
        self.branch: Context | None = None  # where its patch goes, unless the caller sees to it
        self.attempt = 1
        self.retry_at_us: int | None = None
        self.started = False  # a step_started of this attempt is in the history
        self.progress: Any = None  # Raw JSON of the last recorded heartbeat


class PendingTimer:
    """A durable timer."""

    __slots__ = ("handle",)

    def __init__(self, handle: LoopTimer) -> None:
        self.handle = handle


class PendingWait:
    """A wait for a signal."""

    __slots__ = ("annotation", "command", "future", "match", "timeout_us")

    def __init__(
        self,
        command: WaitStarted,
        future: AnswerFuture,
        match: Callable[[Any], bool] | None,
        annotation: Any,
        timeout_us: int | None,
    ) -> None:
        self.command, self.future, self.match, self.annotation = command, future, match, annotation
        self.timeout_us = timeout_us


class PendingChild:
    """A child execution."""

    __slots__ = ("command", "future", "workflow")

    def __init__(self, command: ChildStarted, future: AnswerFuture, workflow: WorkflowDefinition[..., Any]) -> None:
        self.command, self.future, self.workflow = command, future, workflow


class PendingInput:
    """A wait for a person's answer."""

    __slots__ = ("annotation", "command", "default", "future", "timeout_us")

    def __init__(
        self,
        command: InputRequested,
        future: AnswerFuture,
        annotation: Any,
        default: tuple[Any, ...],
        timeout_us: int | None,
    ) -> None:
        self.command, self.future, self.annotation = command, future, annotation
        self.default, self.timeout_us = default, timeout_us  # default: (value,), or () for none


Pending = PendingStep | PendingTimer | PendingWait | PendingInput | PendingChild
