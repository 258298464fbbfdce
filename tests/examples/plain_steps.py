"""Steps called outside a workflow, where they are their functions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cerebelum import Context, Info
from cerebelum.engine.authoring.info import running_step


class Attempt:
    """What a running step is bound to, for steps that ask which attempt they are."""

    context: Context | None = None

    def __init__(self, attempt: int) -> None:
        self.attempt = attempt

    def info(self) -> Info:
        return Info(
            execution_id="exec-1", workflow="example", run=1, started_at=datetime.now(UTC), input={}, step="example",
            attempt=self.attempt, idempotency_key="exec-1/2",
        )  # fmt: skip

    def heartbeat(self, progress: Any) -> None:
        raise NotImplementedError

    def execute(self, statement: str, parameters: tuple[object, ...]) -> None:
        raise NotImplementedError


def plain(value: object) -> Any:
    """Return what a step returned: outside a workflow that is a value, which its declared type does not say."""
    return value


def as_attempt(attempt: int, step: Callable[..., Any], *arguments: object) -> Any:
    """Call a plain step as its `attempt`, counted from 1."""
    bound = running_step.set(Attempt(attempt))
    try:
        return step(*arguments)
    finally:
        running_step.reset(bound)
