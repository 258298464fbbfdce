"""Takes up an execution from its history: finds the code it runs on, replays, and goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError, HistoryMismatch
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.errors_fork import KeepsItsCode
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.runtime.code.registry import WorkflowRegistry
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.replay import Replay, Watch, unwatched
from cerebelum.engine.runtime.run import WorkflowRun

Policy = Literal["park", "pin"]
PinLoader = Callable[[str, str], "Any"]  # (workflow, digest) -> awaitable of a WorkflowDefinition or None
_MOST_MISFITS = 10_000
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
        self._misfits: dict[str, str] = {}  # execution -> the newest code that its history was found not to fit

    async def rebuild(self, row: ExecutionRow, history: Sequence[ev.RecordedEvent]) -> Rebuilt:
        """Return the execution as its history left it; paused, with the reason, where no code at hand fits."""
        known, newest = self._registry.find(row.workflow, row.code), self._registry.get(row.workflow)
        keeps_code = _keeps_code(history)
        if known is None and keeps_code:
            known = await self._pinned(row)
        if known is not None and (keeps_code or not self._is_to_try(row, newest)):
            return self._replay(known, row, history, None)
        reason: Exception
        try:
            return self._moved(newest, row, history)
        except ActivationBlocked as error:
            if known is None:
                raise
            reason = error
        except CerebelumError as error:
            reason = error
        _log.info("code does not fit", execution_id=row.id, before=row.code[:8], now=newest.code[:8])
        self.does_not_fit(row.id, newest)
        if known is not None:
            return self._replay(known, row, history, None)
        if self._policy == "pin":
            pinned = await self._pinned(row)
            if pinned is not None:
                return self._replay(pinned, row, history, None)
        return self.parked(newest, row, f"incompatible code: {reason}")

    async def _pinned(self, row: ExecutionRow) -> WorkflowDefinition[..., Any] | None:
        """Return the stored code that it runs on; None where it is not kept, or this node may not load it."""
        definition: WorkflowDefinition[..., Any] | None = None
        if self._load_pinned is not None:
            definition = await self._load_pinned(row.workflow, row.code)
        return definition

    def _is_to_try(self, row: ExecutionRow, newest: WorkflowDefinition[..., Any]) -> bool:
        """Whether new code took the place of the execution's own since, and its history was not tried on it."""
        name = row.workflow
        if not self._registry.is_superseded(name, row.code) or self._registry.is_retired(name):
            return False
        return row.code != newest.code != self._misfits.get(row.id)

    def does_not_fit(self, execution_id: str, definition: WorkflowDefinition[..., Any]) -> None:
        """Do not try this execution on this code again."""
        if len(self._misfits) >= _MOST_MISFITS:
            self._misfits.clear()  # each is tried once more, when it wakes
        self._misfits[execution_id] = definition.code

    def forget_misfits(self) -> None:
        """Forget what was tried on code that is no workflow's newest any more."""
        newest = {self._registry.newest(name).digest for name in self._registry.names()}
        self._misfits = {id_: code for id_, code in self._misfits.items() if code in newest}

    def try_on(
        self, definition: WorkflowDefinition[..., Any], row: ExecutionRow, history: Sequence[ev.RecordedEvent]
    ) -> Rebuilt:
        """Return the execution on other code, with `code_changed` as its note. The caller closes or keeps its run.

        Raises:
            HistoryMismatch: its history does not fit this code. Another error: the replay could not be made.
            KeepsItsCode: it was forked to see what its recorded code does.
        """
        if _keeps_code(history):
            raise KeepsItsCode(row.id, row.code)
        return self._moved(definition, row, history)

    def _moved(
        self, definition: WorkflowDefinition[..., Any], row: ExecutionRow, history: Sequence[ev.RecordedEvent]
    ) -> Rebuilt:
        rebuilt = self._replay(definition, row, history, ev.CodeChanged(before=row.code, after=definition.code))
        self._misfits.pop(row.id, None)  # what was found before was no misfit: code that was held up, say
        return rebuilt

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


def _keeps_code(history: Sequence[ev.RecordedEvent]) -> bool:
    """Whether it was forked on its recorded code, to see what that does: no newer code takes its place."""
    started = history[0].event() if history else None
    fork = started.fork if isinstance(started, ev.ExecutionStarted) else None
    return fork is not None and fork.keeps_code
