"""Moves executions in memory to changed code, while they run. No step runs twice for it, and none is cancelled.

Rules:
- The new code is replayed against all that is recorded: what the store holds, and the tail that is on its way there
  (`_Tail`). Reading the store takes time; looking at the tail, the replay and the exchange are one turn of the loop.
- Before that look, the old code is led on as far as it can go: both runs stand behind the same event then.
- What was begun goes on: an attempt, its place in a queue and its retries belong to a `PendingStep`, and that object
  is carried over into the new run. A running attempt keeps its own code, and its result is told to the new run.
- Timers, waits, inputs and children are known by their numbers, which replay has found equal.
- An execution whose history does not fit is left exactly as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Literal

from msgspec import Struct

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Store
from cerebelum.engine.runtime.blobs import is_in_blob, with_blobs
from cerebelum.engine.runtime.code.misfit import reason_of
from cerebelum.engine.runtime.interception import real
from cerebelum.engine.runtime.live import LiveExecution
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.pending import PendingStep
from cerebelum.engine.runtime.rebuilding import Rebuilder, Rebuilt
from cerebelum.engine.runtime.residents import Residents
from cerebelum.engine.runtime.step_memory import StepMemory

_LOOK_AGAIN_S = 0.002
_PATIENCE_S = 2.0  # with executions that have something under way that cannot be looked into: a commit, in the main
_PER_TURN = 10  # replays before others get their turn
_log = OwnLog("cerebelum.moving")

AnyWorkflow = WorkflowDefinition[..., Any]


class Tried(Struct, frozen=True, kw_only=True):
    """What became of one execution.

    Attributes:
        outcome: "moved"; "kept": its history does not fit; "failed": that could not be found out; "gone": it ended
            meanwhile; "busy": it could not be looked at, or went to rest.
        error: why it was kept, or failed.
        reason: the same in few words.
    """

    execution_id: str
    workflow: str
    before: str
    outcome: Literal["moved", "kept", "failed", "gone", "busy"]
    error: BaseException | None = None
    reason: str = ""


class Mover:
    """See the module's rules.

    Args:
        watch: `watch(execution_id, call)` runs workflow code, and interrupts what does not end.
        rouse: has an execution that rests taken up.
    """

    def __init__(
        self,
        store: Store,
        residents: Residents,
        rebuilder: Rebuilder,
        *,
        now_us: Callable[[], int],
        watch: Callable[..., Any],
        rouse: Callable[[str], None],
    ) -> None:
        self._store, self._residents, self._rebuilder = store, residents, rebuilder
        self._now_us, self._watch, self._rouse = now_us, watch, rouse

    async def move(self, lives: Sequence[LiveExecution], to: AnyWorkflow) -> list[Tried]:
        """Move executions in memory to the newest code of their workflow; those that do not fit stay."""
        tails = {live.id: _Tail(live) for live in lives}
        left, done = list(lives), list[Tried]()
        try:
            until_s = real.monotonic() + _PATIENCE_S
            while left:
                ready = [live for live in left if live.dropped or tails[live.id].is_whole]
                histories = await self._store.read_histories([live.id for live in ready], for_recovery=True)
                for count, live in enumerate(ready, 1):
                    stored = await with_blobs(self._store, histories.get(live.id, []))
                    tried = self._try(live, to, stored, tails[live.id])
                    if tried is not None:
                        left.remove(live)
                        done.append(tried)
                        if isinstance(tried.error, ActivationBlocked):
                            return done  # the others would hold up the loop as long, each
                    if count % _PER_TURN == 0:
                        await asyncio.sleep(0)
                if real.monotonic() > until_s:
                    break
                if left:
                    await asyncio.sleep(_LOOK_AGAIN_S)
            return [*done, *(_tried(live, "busy") for live in left)]
        finally:
            for tail in tails.values():
                tail.end()

    async def check(self, rows: Sequence[ExecutionRow], to: AnyWorkflow) -> list[Tried]:
        """Try executions that rest on new code. Those that fit are taken up, and so recorded as moved."""
        histories = await self._store.read_histories([row.id for row in rows], for_recovery=True)
        done = []
        for count, row in enumerate(rows, 1):
            tried = self._try_at_rest(row, to, await with_blobs(self._store, histories.get(row.id, [])))
            done.append(tried)
            if isinstance(tried.error, ActivationBlocked):
                break
            if count % _PER_TURN == 0:
                await asyncio.sleep(0)
        return done

    def _try_at_rest(self, row: ExecutionRow, to: AnyWorkflow, history: list[ev.RecordedEvent]) -> Tried:
        if not history or history[-1].type in ev.FINAL_TYPES:  # since its row was read
            return _tried(row, "gone")
        try:
            rebuilt = self._rebuilder.try_on(to, row, history)
        except Exception as error:
            return self._misfit(row, to, error, history)
        self._discard(row.id, rebuilt.run.close)
        self._rouse(row.id)
        return _tried(row, "moved")

    def _try(self, live: LiveExecution, to: AnyWorkflow, stored: list[ev.RecordedEvent], tail: _Tail) -> Tried | None:
        """Return what became of it; None: it cannot be looked at right now."""
        if not live.dropped:
            self._residents.lead_on(live)
        if live.final is not None:
            return _tried(live, "gone")
        if live.dropped or self._residents.by_id.get(live.id) is not live:
            return _tried(live, "busy")
        history = tail.behind(stored)
        if history is None or live.awaiting or live.rest or live.broken is not None:
            return None
        try:
            rebuilt = self._rebuilder.try_on(to, live.row, history)
        except Exception as error:
            return self._misfit(live.row, to, error, history)
        before = _tried(live, "moved")
        self._exchange(live, rebuilt, history)
        return before

    def _misfit(self, row: ExecutionRow, to: AnyWorkflow, error: Exception, history: list[ev.RecordedEvent]) -> Tried:
        self._rebuilder.does_not_fit(row.id, to)
        outcome: Literal["kept", "failed"] = "failed" if isinstance(error, ActivationBlocked) else "kept"
        return _tried(row, outcome, error=error, reason=reason_of(error, history))

    def _exchange(self, live: LiveExecution, rebuilt: Rebuilt, history: list[ev.RecordedEvent]) -> None:
        former, run = live.run, rebuilt.run
        for number, pending in run.pending.items():
            begun = former.pending.get(number)
            if isinstance(pending, PendingStep) and isinstance(begun, PendingStep):
                run.pending[number] = _carried_over(begun, pending)
        known = {number for number, pending in former.pending.items() if isinstance(pending, PendingStep)}
        live.dues = {number: due for number, due in live.dues.items() if number <= 0 or number in run.pending}
        live.run = run
        if run.definition.max_retries and live.memory is None:
            live.memory = StepMemory(run.stored_codec)
            for recorded in history:
                live.memory.observe(recorded.event())
        assert isinstance(rebuilt.note, ev.CodeChanged)
        live.row.code = rebuilt.note.after
        live.record(rebuilt.note, self._now_us())
        live.updates_due = bool(live.updates)
        self._discard(live.id, former.close)
        self._residents.alone(
            live, lambda: self._residents.conductor.carry_on(live, rebuilt.unrecorded, under_way=known)
        )

    def _discard(self, execution_id: str, close: Callable[[], None]) -> None:
        try:
            self._watch(execution_id, close)
        except ActivationBlocked as error:
            _log.error("thrown-away code did not come to an end", execution_id=execution_id, error=str(error))


class _Tail:
    """The events of an execution that are recorded and may not be in the store yet, in order."""

    def __init__(self, live: LiveExecution) -> None:
        self._live, self._former, self._since = live, live.on_recorded, live.version
        self._durable: list[ev.RecordedEvent] = []
        live.on_recorded = self._recorded

    def _recorded(self, execution_id: str, recorded: ev.RecordedEvent) -> None:
        self._durable.append(recorded)
        if self._former is not None:
            self._former(execution_id, recorded)

    @property
    def is_whole(self) -> bool:
        """Whether what was recorded before this began to listen is in the store."""
        return self._live.durable_version >= self._since

    def behind(self, stored: list[ev.RecordedEvent]) -> list[ev.RecordedEvent] | None:
        """Return the whole history; None: a part of it can be neither read nor seen now."""
        history = list(stored)
        for recorded in (*self._durable, *self._live.unpublished):
            last = history[-1].version if history else 0
            if recorded.version <= last:
                continue
            if recorded.version != last + 1 or is_in_blob(recorded):
                return None
            history.append(recorded)
        return history if history and history[-1].version == self._live.version else None

    def end(self) -> None:
        """Listen no more."""
        self._live.on_recorded = self._former
        if self._former is None:
            self._live.forget_unpublished()


def _carried_over(begun: PendingStep, new: PendingStep) -> PendingStep:
    """Return what is known of a step's attempts, waited for by the new code, and with its definition from now on."""
    begun.step, begun.future, begun.saga = new.step, new.future, new.saga
    begun.context, begun.branch = new.context, new.branch
    return begun


def _tried(of: LiveExecution | ExecutionRow, outcome: Any, **details: Any) -> Tried:
    row = of.row if isinstance(of, LiveExecution) else of
    return Tried(execution_id=row.id, workflow=row.workflow, before=row.code, outcome=outcome, **details)
