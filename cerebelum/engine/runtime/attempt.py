"""One attempt of a step, as the code that runs in it sees it (`authoring.info.RunningStep`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import Raw, structs

from cerebelum.engine.authoring.info import Info
from cerebelum.engine.domain.context import Context
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.events import ABSENT
from cerebelum.engine.domain.ids import idempotency_key
from cerebelum.engine.runtime.contexts import attempt_view, patch_of

if TYPE_CHECKING:
    from cerebelum.engine.runtime.live import LiveExecution
    from cerebelum.engine.runtime.log_capture import StepLog
    from cerebelum.engine.runtime.pending import PendingStep


class Attempt:
    """An attempt under way: what it may ask, and what it has said so far.

    Attributes:
        step: whose code it runs; that of `pending` may be newer by the time it ends.
    """

    __slots__ = (
        "_context", "_progress", "live", "log", "pending", "recorded_us", "started_us", "statements", "step", "task",
    )  # fmt: skip

    def __init__(self, live: LiveExecution, pending: PendingStep, *, started_us: int, log: StepLog) -> None:
        self.live, self.pending, self.log = live, pending, log
        self.step, self.started_us, self.recorded_us = pending.step, started_us, started_us
        self.statements: list[tuple[str, tuple[object, ...]]] = []
        self.task: asyncio.Task[None] | None = None
        self._progress = ABSENT
        self._context: Context | None = None

    @property
    def context(self) -> Context | None:
        """What this attempt sees of its flow's context, and has written there."""
        if self._context is None and self.pending.context is not None:
            self._context = attempt_view(self.pending.context, self.live.run.stored_codec)
        return self._context

    @property
    def patch(self) -> Raw:
        """What this attempt wrote into the context, as it is recorded. Raises as `contexts.patch_of`."""
        if self._context is None:  # of most steps: they are not a flow's
            return ABSENT
        return patch_of(self._context, self.live.run.stored_codec, step=self.pending.command.name)

    def info(self) -> Info:
        command, known = self.pending.command, self.pending.progress
        return structs.replace(
            self.live.run.info(),
            step=command.name,
            attempt=self.pending.attempt,
            idempotency_key=idempotency_key(self.live.id, command.number),
            progress=self.live.run.stored_codec.decode(bytes(known), what=f"progress of step {command.name!r}")
            if known
            else None,
        )

    def heartbeat(self, progress: Any) -> None:
        if progress is None:
            return
        what = f"progress of step {self.pending.command.name!r}"
        data, _ = self.live.run.stored_codec.encode(progress, what=what)
        self._progress = self.pending.progress = Raw(data)

    def take_progress(self) -> Raw:
        """Return what the newest heartbeat said, once."""
        progress, self._progress = self._progress, ABSENT
        return progress

    def execute(self, statement: str, parameters: tuple[object, ...]) -> None:
        if not self.step.transactional:
            name = self.pending.command.name
            raise DefinitionError(f"step {name!r} uses transaction() but is not declared @step(transactional=True)")
        self.statements.append((statement, parameters))
