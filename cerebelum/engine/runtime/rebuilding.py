"""Takes up an execution from its history: finds the code it runs on, replays, and goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError, HistoryMismatch
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.runtime.code.registry import WorkflowRegistry
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.replay import Replay, Watch, unwatched
from cerebelum.engine.runtime.run import WorkflowRun

Policy = Literal["park", "pin"]
PinLoader = Callable[[str, str], "Any"]  # (workflow, digest) -> awaitable of a WorkflowDefinition or None
_log = OwnLog("cerebelum.rebuilding")


class Rebuilt:
    """A run at the end of its history, and the commands that are not recorded yet."""

    def __init__(self, run: WorkflowRun, unrecorded: list[ev.Command], note: ev.Event | None) -> None:
        self.run, self.unrecorded = run, unrecorded
        self.note = note  # code_changed, or execution_paused where no code fits


class Rebuilder:
    """Chooses the code and replays.

    Args:
        policy: what happens to an execution whose history does not fit the code at hand: "park" pauses it with the
            reason; "pin" runs the stored source of the version it began with, side by side.
        load_pinned: loads stored code; None where the configuration does not allow it.
        watch: `watch(execution_id, activate, *args)` runs an activation, and interrupts one that does not end.
    """

    def __init__(
        self,
        registry: WorkflowRegistry,
        codec: PayloadCodec,
        *,
        policy: Policy = "park",
        load_pinned: PinLoader | None = None,
        watch: Watch = unwatched,
    ) -> None:
        self._watch = watch
        self._registry, self._codec, self._policy, self._load_pinned = registry, codec, policy, load_pinned

    async def rebuild(self, row: ExecutionRow, history: Sequence[ev.RecordedEvent]) -> Rebuilt:
        """Return the execution as its history left it; paused, with the reason, where no code at hand fits."""
        known = self._registry.find(row.workflow, row.code)
        if known is not None:
            return self._replay(known, row, history, None)
        newest = self._registry.get(row.workflow)
        try:
            return self._replay(newest, row, history, ev.CodeChanged(before=row.code, after=newest.code))
        except ActivationBlocked:
            raise
        except CerebelumError as error:
            _log.info("code does not fit", execution_id=row.id, before=row.code[:8], now=newest.code[:8])
            reason = error
        if self._policy == "pin" and self._load_pinned is not None:
            pinned = await self._load_pinned(row.workflow, row.code)
            if pinned is not None:
                return self._replay(pinned, row, history, None)
        return self.parked(newest, row, f"incompatible code: {reason}")

    def _replay(
        self,
        definition: WorkflowDefinition[..., Any],
        row: ExecutionRow,
        history: Sequence[ev.RecordedEvent],
        note: Any,
    ) -> Rebuilt:
        run = WorkflowRun(row.id, definition, self._codec)
        try:
            unrecorded = Replay(run, history, watch=self._watch).to_end()
        except HistoryMismatch as error:
            run.close()
            if note is None:
                return self.parked(definition, row, f"incompatible code: {error}")
            raise
        except BaseException:
            run.close()
            raise
        return Rebuilt(run, unrecorded, note)

    def parked(self, definition: WorkflowDefinition[..., Any], row: ExecutionRow, reason: str) -> Rebuilt:
        """Return the execution as paused, for people to decide."""
        run = WorkflowRun(row.id, definition, self._codec)
        run.paused = True
        already = row.status == "paused"
        return Rebuilt(run, [], None if already else ev.ExecutionPaused(reason=reason[:2_000], by="cerebelum"))
