"""Executions in this node's memory: they settle in, are told what concerns them, and go.

Whatever goes wrong in one stays with it: its neighbours share the call stack (`alone`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.errors_payload import PayloadTransformFailed
from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.ports.store import Append, Batch, Message, Start, Store
from cerebelum.engine.runtime import inbox
from cerebelum.engine.runtime.beside import Beside
from cerebelum.engine.runtime.code.digest import describe, is_current
from cerebelum.engine.runtime.code.registry import WorkflowRegistry
from cerebelum.engine.runtime.conductor import Conductor
from cerebelum.engine.runtime.live import LiveExecution
from cerebelum.engine.runtime.news import News
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.poison import PoisonRules
from cerebelum.engine.runtime.replay import Watch
from cerebelum.engine.runtime.results import Results
from cerebelum.engine.runtime.run import WorkflowRun

_log = OwnLog("cerebelum.node")


class Residents:
    """See the module docstring; for the conductor it is the `Residence`.

    Args:
        owner: the node's nonce.
        changed: called when there is something of an execution for the journal to take.
        reclaim: called with the id of an execution that is to be claimed and rebuilt.
        watch: `watch(execution_id, call)` runs a call of workflow code, and interrupts one that does not end.
        is_working: False while the node stops: nothing new is taken up.
        on_event: told (execution id, event) once each event is durable.

    Attributes:
        by_id: those that are here.
        conductor: set once, when the node is wired.
    """

    conductor: Conductor

    def __init__(
        self,
        store: Store,
        codec: PayloadCodec,
        registry: WorkflowRegistry,
        *,
        owner: Callable[[], str],
        now_us: Callable[[], int],
        changed: Callable[[LiveExecution], None],
        reclaim: Callable[[str], None],
        watch: Watch,
        is_working: Callable[[], bool],
        results: Results,
        poison: PoisonRules,
        beside: Beside,
        on_event: Callable[[str, ev.RecordedEvent], None] | None = None,
    ) -> None:
        self._store, self._codec, self._registry = store, codec, registry
        self._owner, self._now_us, self._changed, self._reclaim = owner, now_us, changed, reclaim
        self._watch, self._is_working = watch, is_working
        self._results, self._poison, self._beside = results, poison, beside
        self._on_event = on_event
        self.by_id: dict[str, LiveExecution] = {}
        self._reads_begun = self._reads_done = 0  # of the inbox
        self.news = News()

    # -- they come ------------------------------------------------------------------------------------------------
    def adopt(self, row: ExecutionRow, started: ev.ExecutionStarted, at_us: int) -> None:
        """Take up an execution that was just committed here, without reading it back."""
        known = self._registry.find(row.workflow, row.code)
        if known is None or not self._is_working():
            self.hand_back(row)
            return
        live = self.settle_in(row, WorkflowRun(row.id, known, self._codec))
        if self._on_event is not None:
            self._on_event(row.id, ev.RecordedEvent(1, started.type, ev.encode_event(started), at_us))
        self.alone(live, lambda: self.conductor.activate(live, started, 1, at_us))

    def begin(self, start: Start, started: ev.ExecutionStarted) -> LiveExecution | None:
        """Lead the code of a new execution to where it first waits; None where it is not to run here."""
        known = self._registry.find(started.workflow, started.code)
        if known is None or not self._is_working():
            return None
        live = self._alive(start.row, WorkflowRun(start.row.id, known, self._codec))
        live.expect_start(started, start.events[0])
        self.conductor.lead_on(live)
        return live

    def begun(self, start: Start, live: LiveExecution | None) -> None:
        """Go on with what `begin` gave: its start is durable."""
        self._results.forget(start.row.id)
        if live is None:
            self.hand_back(start.row)
        elif live.dropped or live.owner != self._owner():
            live.drop()  # in doubt, or the lease was lost meanwhile: it is read anew by whoever claims it
        else:
            self._keep(live)
            live.started_durably()
            self.durable(live, live.taken_version)

    def settle_in(self, row: ExecutionRow, run: WorkflowRun) -> LiveExecution:
        """Keep an execution in memory from now on."""
        live = self._alive(row, run)
        self._keep(live)
        return live

    def _alive(self, row: ExecutionRow, run: WorkflowRun) -> LiveExecution:
        live = LiveExecution(row, run, owner=self._owner(), changed=self._changed)
        live.on_recorded = self._on_event
        return live

    def _keep(self, live: LiveExecution) -> None:
        former = self.by_id.get(live.id)
        if former is not None:
            self._drop(former)  # it was claimed anew: whatever the old one does, it is fenced
        live.inbox_after = self._reads_begun
        self.by_id[live.id] = live

    def lead_on(self, live: LiveExecution) -> None:
        """Have its code go as far as it can before the next commit takes what it asked."""
        self.alone(live, lambda: self.conductor.lead_on(live))

    def know(self, workflow: WorkflowDefinition[..., Any]) -> None:
        """Make a child's workflow known to this node and to the store."""
        if self._registry.find(workflow.name, workflow.code) is None:
            code = describe(workflow)
            (self._registry.add if is_current(workflow) else self._registry.add_pinned)(workflow, code)
            self._beside.do(self._store.register(code))

    def hand_back(self, row: ExecutionRow) -> None:
        """Give up what was claimed, for nodes that know its workflow or go on working."""
        free = structs.replace(row, owner=None, claims=0)
        owner = self._owner()
        append = Append(row=free, expected_version=row.last_version, owner=owner, epoch=row.epoch, events=())
        self._beside.do(self._store.commit(Batch(id=f"{owner}-back/{row.id}", appends=[append])))

    # -- they go --------------------------------------------------------------------------------------------------
    def forget(self, live: LiveExecution) -> None:
        """Drop it from memory: it ended, rests, or is another's."""
        self._drop(live)
        if self.by_id.get(live.id) is live:
            del self.by_id[live.id]

    def _drop(self, live: LiveExecution) -> None:
        try:
            self._watch(live.id, live.drop)
        except ActivationBlocked as error:
            _log.error("thrown-away code did not come to an end", execution_id=live.id, error=str(error))

    def forget_all(self) -> int:
        """Drop all; return how many there were."""
        lives = list(self.by_id.values())
        for live in lives:
            self.forget(live)
        return len(lives)

    def ended(self, live: LiveExecution) -> None:
        """Its final event is durable."""
        self._poison.forget(live.id)
        if live.final is not None:
            self._results.ended(live.id, live.final)

    def blocked(self, live: LiveExecution, error: BaseException) -> None:
        """It cannot go on from here: rebuild it and try again, as long as the rules of poison allow."""
        self._poison.note(live.id, error)
        self.fenced(live)

    def fenced(self, live: LiveExecution) -> None:
        """It moved on elsewhere, or must be read again: whoever may have it, claims it."""
        if live.final is not None:
            self._results.hint()
        self.forget(live)
        self._reclaim(live.id)

    # -- they are told --------------------------------------------------------------------------------------------
    def durable(self, live: LiveExecution, version: int) -> None:
        """Its events up to `version` are committed."""
        self.alone(live, lambda: self.conductor.durable(live, version))
        self.news.tell(live.id)

    def due(self, live: LiveExecution, number: int) -> None:
        """One of its timers came due."""
        self.alone(live, lambda: self.conductor.due(live, number))

    def overdue(self, live: LiveExecution, number: int) -> None:
        """An input of it timed out, unless an answer lies in the inbox: that one came in time."""
        self._beside.do(self._time_out(live, number))

    async def _time_out(self, live: LiveExecution, number: int) -> None:
        try:
            messages = await self._store.inbox_of(live.id)
        except StoreError:
            self.alone(live, lambda: self.conductor.look_again(live, number))
            return
        for message in messages:
            self.deliver(message)
        self.alone(live, lambda: self.conductor.unanswered(live, number))

    async def read_inbox(self) -> None:
        """Hand over all messages that lie in the store for those who are here, in the order of their arrival."""
        self._reads_begun += 1
        number = self._reads_begun
        for message in await self._store.inbox(self._owner()):
            self.deliver(message)
        self._reads_done = number

    def hand_over(self, message: Message) -> bool:
        """Hand a message that was just stored to its execution; False: it is not here, or its inbox comes first.

        What came before it may lie there unread: it was stored while the execution was not in memory yet, or went to rest.
        """
        live = self.by_id.get(message.execution_id)
        if live is None:
            return False
        if live.inbox_after >= self._reads_done:
            live.inbox_after = (
                self._reads_begun
            )  # one that is under way may miss this message, and the next is behind it
            return False
        self.deliver(message)
        return True

    def deliver(self, message: Message) -> None:
        """Hand a stored message to its execution, if it is here. Whoever calls it has the earlier ones delivered."""
        live = self.by_id.get(message.execution_id)
        if live is None:
            return
        if live.rest:
            live.inbox_after = self._reads_begun  # it takes none: should it stay after all, this one comes first
        self.alone(live, lambda: inbox.take(live, message, self._now_us))

    def alone(self, live: LiveExecution, go_on: Callable[[], object]) -> None:
        """Go on with one execution; an error rebuilds it, and harms nobody else."""
        try:
            go_on()
        except PayloadTransformFailed as error:
            _log.error("a payload cannot be sealed or read here", execution_id=live.id, error=str(error))
            self.blocked(live, error)
        except Exception as error:
            _log.exception("a bug: the execution is rebuilt from its history", execution_id=live.id)
            self.blocked(live, error)
