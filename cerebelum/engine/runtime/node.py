"""A node: one engine in one process. It wires the components, and is where executions in memory live."""

from __future__ import annotations

import asyncio
import copy
import os
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import HistoryMismatch
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.errors_runtime import PoisonExecution
from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.ids import new_nonce
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.ports.store import Append, Batch, Message, NodeRow, Start, Store
from cerebelum.engine.runtime import garbage, inbox, log_capture
from cerebelum.engine.runtime.blobs import with_blobs
from cerebelum.engine.runtime.code.digest import describe
from cerebelum.engine.runtime.code.registry import WorkflowRegistry
from cerebelum.engine.runtime.conductor import Conductor
from cerebelum.engine.runtime.dispatcher import Dispatcher
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.journal import Journal
from cerebelum.engine.runtime.lease import LeaseKeeper
from cerebelum.engine.runtime.live import NEAR_US, LiveExecution
from cerebelum.engine.runtime.loop import TurnLimit
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.presence import host_identity, node_name
from cerebelum.engine.runtime.rebuilding import PinLoader, Policy, Rebuilder, Rebuilt
from cerebelum.engine.runtime.results import Results
from cerebelum.engine.runtime.run import WorkflowRun
from cerebelum.engine.runtime.step_runner import StepRunner
from cerebelum.engine.runtime.store_clock import StoreClock
from cerebelum.engine.runtime.supervisor import Supervisor
from cerebelum.engine.runtime.timers import Timers
from cerebelum.engine.runtime.watchdog import Watchdog

_log = OwnLog("cerebelum.node")


class NodeSettings(Struct, frozen=True, kw_only=True):
    """What may differ from node to node."""

    policy: Policy = "park"
    step_threads: int = 32  # plain-function steps at once
    most_resident: int = 50_000  # executions in memory; beyond, none are claimed
    most_claims: int = 5  # without progress; then an execution is parked as failed
    most_blocked: int = 3  # activations that did not come to an end; likewise
    activation_limit_s: float = 2.0
    blocked_warning_s: float = 0.5
    store_patience_s: float = 10.0  # how long commits may be refused before `on_trouble`


class Node:
    """See the module docstring. Start it, give it starts, stop it; two of them live in one process.

    Args:
        store: opened and closed by the caller.
        on_event: told (execution id, event) once each event is durable; for live views in this process.
        on_trouble: told when the store keeps refusing commits.
    """

    def __init__(
        self,
        store: Store,
        codec: PayloadCodec,
        registry: WorkflowRegistry,
        settings: NodeSettings | None = None,
        *,
        load_pinned: PinLoader | None = None,
        on_event: Callable[[str, ev.RecordedEvent], None] | None = None,
        on_trouble: Callable[[StoreError], None] = lambda error: None,
    ) -> None:
        settings = settings or NodeSettings()
        self.store, self.codec, self.registry, self.settings = store, codec, registry, settings
        self.nonce = new_nonce()
        self.clock = StoreClock()
        self.resident: dict[str, LiveExecution] = {}
        self.results = Results(store)
        self._on_event = on_event
        self._blocked: dict[str, list[str]] = {}  # why activations did not end, or events could not be written
        self._messages: dict[str, list[Message]] = {}
        self._stopped: asyncio.Task[None] | None = None
        self._beside: set[asyncio.Task[object]] = set()
        now_us = self.clock.now_us
        self.journal = Journal(
            store, writer=lambda: self.nonce, now_us=now_us, on_durable=self._durable, on_fenced=self._fenced,
            on_refused=self.blocked, on_messages=self._look, on_trouble=on_trouble, give_up_after_s=settings.store_patience_s,
        )  # fmt: skip
        self.watchdog = Watchdog(settings.blocked_warning_s, self._warn_blocked, limit_s=settings.activation_limit_s)
        self._rebuilder = Rebuilder(
            registry, codec, policy=settings.policy, load_pinned=load_pinned, watch=self.watchdog.run
        )
        self.timers = Timers(now_us, self._due)
        self.steps = StepRunner(
            now_us=now_us, timers=self.timers, log=self.journal.log, node=node_name(), threads=settings.step_threads
        )
        self.conductor = Conductor(
            self, owner=lambda: self.nonce, now_us=now_us, steps=self.steps, timers=self.timers, watchdog=self.watchdog
        )
        self.dispatcher = Dispatcher(
            store, owner=lambda: self.nonce, now_us=now_us, workflows=registry.names, take_up=self._take_up,
            deliver=self.deliver, has_room=lambda: len(self.resident) < settings.most_resident,
        )  # fmt: skip

    # -- life -----------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Join the store's nodes and start the components."""
        install()
        log_capture.install()
        garbage.node_started()
        await self.clock.measure(self.store)
        await self._join()
        self.supervisor = Supervisor()
        self.supervisor.failed.add_done_callback(self._broken)
        self.watchdog.start()
        components: dict[str, Callable[[], Any]] = {
            "journal": self.journal.run,
            "timers": self.timers.run,
            "step pulse": self.steps.pulse,
            "dispatcher": self.dispatcher.run,
            "takeover": self.dispatcher.watch_dead,
            "store watch": lambda: self.dispatcher.watch_store(self.results.hint),
            "results": lambda: self.results.run(self.resident.__contains__),
            "sweep": self._sweep,
        }
        for name, component in components.items():
            self.supervisor.add(name, component)

    def _broken(self, failed: asyncio.Future[None]) -> None:
        """Stop, so that the executions here go on elsewhere instead of being held by a node that cannot run them."""
        if not failed.cancelled() and (error := failed.exception()) is not None:
            self.results.fail(error)
            self._later(self.stop(0.0))

    async def _join(self) -> None:
        now_us = self.clock.now_us()
        await self.store.join(
            NodeRow(
                nonce=self.nonce, name=node_name(), host=host_identity(), pid=os.getpid(), lease_until_us=0,
                started_at_us=now_us, workflows=tuple(self.registry.names()),
            )
        )  # fmt: skip
        self.lease = LeaseKeeper(self.store, self.nonce, self._lease_lost)
        self.lease.start()

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Orderly: claim nothing more, let steps finish, commit what they did, hand the rest back. Idempotent."""
        if self._stopped is None:
            self._stopped = asyncio.get_running_loop().create_task(self._stop(deadline_s))
        await asyncio.shield(self._stopped)

    async def _stop(self, deadline_s: float) -> None:
        self.dispatcher.claiming = False
        self.steps.accepting = False
        await self.steps.stop(deadline_s)
        try:
            async with asyncio.timeout(max(1.0, deadline_s)):
                await self.journal.drained()
        except TimeoutError:
            _log.warning("stopped with uncommitted events: they will be done again", executions=len(self.resident))
        for live in list(self.resident.values()):
            self.forget(live)
        await self.supervisor.stop()
        await self.lease.stop()
        self.watchdog.stop()
        log_capture.uninstall()
        garbage.node_stopped()
        try:
            await self.store.leave(self.nonce)
        except StoreError as error:
            _log.warning("could not sign off; the lease will run out", error=str(error))

    def _lease_lost(self, reason: str) -> None:
        """Stop all work at once and rejoin under a new nonce."""
        _log.error("lease lost", nonce=self.nonce, reason=reason, executions=len(self.resident))
        for live in list(self.resident.values()):
            self.forget(live)
        lost, self.nonce = self.nonce, new_nonce()
        self._later(self._rejoin(lost))

    async def _rejoin(self, lost: str) -> None:
        while True:
            try:
                await self.store.leave(lost)  # it may own what it claimed or started after it had been declared dead
                await self._join()
            except StoreError:
                await asyncio.sleep(0.2)
            else:
                self.dispatcher.poke()
                return

    # -- executions come --------------------------------------------------------------------------------------------
    async def start_execution(self, start: Start, started: ev.ExecutionStarted) -> bool:
        """Commit a new execution owned by this node and begin it; False when its id is taken."""
        await self.journal.has_room()
        return await self.offer(start, started)

    def offer(self, start: Start, started: ev.ExecutionStarted) -> asyncio.Future[bool]:
        """As `start_execution`, for callers that wait for room themselves, once for many starts."""
        if self.results.error is not None:
            raise self.results.error
        return self.journal.offer(start, lambda: self.adopt(start.row, started, start.row.inserted_at_us))

    def adopt(self, row: ExecutionRow, started: ev.ExecutionStarted, at_us: int) -> None:
        """Take up an execution that was just committed here, without reading it back."""
        known = self.registry.find(row.workflow, row.code)
        if known is None or not self.steps.accepting:
            self._hand_back(row)
            return
        live = self._settle_in(row, WorkflowRun(row.id, known, self.codec))
        if self._on_event is not None:
            self._publish(row.id, ev.RecordedEvent(1, started.type, ev.encode_event(started), at_us))
        self._alone(live, lambda: self.conductor.activate(live, started, 1, at_us))

    def _settle_in(self, row: ExecutionRow, run: WorkflowRun) -> LiveExecution:
        live = LiveExecution(row, run, owner=self.nonce, changed=self.journal.changed)
        if self._on_event is not None:
            live.on_recorded = self._publish
        former = self.resident.get(row.id)
        if former is not None:
            former.drop()  # it was claimed anew: whatever the old one does, it is fenced
        self.resident[row.id] = live
        return live

    async def _take_up(self, rows: list[ExecutionRow]) -> None:
        """Rebuild claimed executions from their histories: one read for all."""
        histories = await self.store.read_histories([row.id for row in rows])
        # Before they may rest again: a message that lies there is why most of them were claimed.
        self._messages = defaultdict(list)
        for message in await self.store.inbox(self.nonce):
            self._messages[message.execution_id].append(message)
        for row in rows:
            await self._take_up_one(row, histories.get(row.id, []))
            await asyncio.sleep(0)  # rebuilds are plain computation: let others have their turn

    async def _take_up_one(self, row: ExecutionRow, stored: list[ev.RecordedEvent]) -> None:
        if row.workflow not in self.registry.names():
            self._hand_back(row)
            return
        history = await with_blobs(self.store, stored)
        reasons = self._blocked.get(row.id, [])
        if len(reasons) >= self.settings.most_blocked:
            self._give_up(row, history, f"{len(reasons)} times: {reasons[-1]}")
            return
        if row.claims > self.settings.most_claims:
            self._give_up(row, history, f"its process ended {row.claims - 1} times while it ran, with no new event")
            return
        try:
            rebuilt = await self._rebuilder.rebuild(row, history)
        except (TurnLimit, ActivationBlocked) as error:
            self._note_blocked(row.id, error)
            self.dispatcher.reclaim(row.id)
            return
        except Exception as error:
            _log.warning("rebuild failed", execution_id=row.id, error=repr(error))
            rebuilt = self._rebuilder.parked(self.registry.get(row.workflow), row, f"replay failed: {error!r}")
        self._resume(row, rebuilt, history)

    def _give_up(self, row: ExecutionRow, history: list[ev.RecordedEvent], evidence: str) -> None:
        """Park an execution as failed, without running its code again."""
        live = self._settle_in(row, self._rebuilder.parked(self.registry.get(row.workflow), row, "").run)
        live.run.paused, live.run.started = False, started_of(history)
        self.conductor.fail(live, PoisonExecution(row.id, evidence))

    def _resume(self, row: ExecutionRow, rebuilt: Rebuilt, history: list[ev.RecordedEvent]) -> None:
        live = self._settle_in(row, rebuilt.run)
        for recorded in history:
            if recorded.type == "signal_received" and isinstance(event := recorded.event(), ev.SignalReceived):
                live.signal_keys.add(event.key)
            if live.memory is not None:
                live.memory.observe(recorded.event())
        live.paused_at_end = rebuilt.run.paused
        if rebuilt.note is not None:
            if isinstance(rebuilt.note, ev.CodeChanged):
                row.code = rebuilt.note.after
            live.record(rebuilt.note, self.clock.now_us())
        self._alone(live, lambda: self.conductor.carry_on(live, rebuilt.unrecorded))
        for message in self._messages.pop(row.id, ()):
            self.deliver(message)
        live.mark()  # commits at least that the claim led to progress

    def know(self, workflow: WorkflowDefinition[..., Any]) -> None:
        """Make a child's workflow known to this node and to the store."""
        if self.registry.find(workflow.name, workflow.code) is None:
            code = describe(workflow)
            self.registry.add(workflow, code)
            self._later(self.store.register(code))

    def _hand_back(self, row: ExecutionRow) -> None:
        """Give up what was claimed, for nodes that know its workflow or go on working."""
        free = copy.copy(row)
        free.owner, free.claims = None, 0
        append = Append(
            row=free, expected_version=row.last_version, owner=self.nonce, epoch=row.epoch, events=()
        )  # fmt: skip
        self._later(self.store.commit(Batch(id=f"{self.nonce}-back/{row.id}", appends=[append])))

    def _later(self, work: Coroutine[Any, Any, object]) -> None:
        """Do some store work beside; an error is logged, since the lease or the next claim makes up for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._done_beside)

    def _done_beside(self, task: asyncio.Task[object]) -> None:
        self._beside.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("could not be done", error=str(error))

    # -- executions go ----------------------------------------------------------------------------------------------
    def forget(self, live: LiveExecution) -> None:
        """Drop it from memory: it ended, rests, or is another's."""
        live.drop()
        if self.resident.get(live.id) is live:
            del self.resident[live.id]

    def ended(self, live: LiveExecution) -> None:
        """Its final event is durable."""
        self._blocked.pop(live.id, None)
        if live.final is not None:
            self.results.ended(live.id, live.final)

    def blocked(self, live: LiveExecution, error: BaseException) -> None:
        """It cannot go on from here: rebuild and try again; after the third time it is parked, and the node lives on."""
        if not isinstance(error, HistoryMismatch):  # the rebuild finds that one, too, and pauses the execution
            self._note_blocked(live.id, error)
        self._fenced(live)

    def _note_blocked(self, execution_id: str, error: BaseException) -> None:
        reasons = self._blocked.setdefault(execution_id, [])
        reasons.append(f"{type(error).__name__}: {error}")
        _log.error("execution cannot go on", execution_id=execution_id, times=len(reasons), error=str(error))

    def _fenced(self, live: LiveExecution) -> None:
        if live.final is not None:
            self.results.hint()
        self.forget(live)
        self.dispatcher.reclaim(live.id)

    async def _sweep(self) -> None:
        """Let executions that wait for long rest; measure the clock; have log lines committed."""
        while True:
            await asyncio.sleep(0.5)
            self.journal.flush_logs()
            now_us = self.clock.now_us()
            for live in list(self.resident.values()):
                if live.far:
                    self.timers.approach(live)
                if live.awaiting or live.running or live.dirty or live.rest:
                    live.idle_since_us = 0
                elif not live.idle_since_us:
                    live.idle_since_us = now_us
                elif now_us - live.idle_since_us >= NEAR_US and live.rests(now_us):
                    live.mark()

    # -- callbacks ----------------------------------------------------------------------------------------------------
    def _look(self) -> None:
        self.dispatcher.poke()

    def _durable(self, live: LiveExecution, version: int) -> None:
        self._alone(live, lambda: self.conductor.durable(live, version))

    def _due(self, live: LiveExecution, number: int) -> None:
        self._alone(live, lambda: self.conductor.due(live, number))

    def _alone(self, live: LiveExecution, go_on: Callable[[], object]) -> None:
        """Whatever goes wrong in one execution stays with it: its neighbours share this call stack."""
        try:
            go_on()
        except Exception as error:
            _log.exception("a bug: the execution is rebuilt from its history", execution_id=live.id)
            self.blocked(live, error)

    def deliver(self, message: Message) -> None:
        """Hand a stored message to its execution, if it is in memory."""
        live = self.resident.get(message.execution_id)
        if live is not None:
            self._alone(live, lambda: inbox.take(live, message, self.clock.now_us))

    def _publish(self, execution_id: str, event: ev.RecordedEvent) -> None:
        if self._on_event is not None:
            self._on_event(execution_id, event)

    def _warn_blocked(self, report: Any) -> None:
        _log.warning("the event loop is blocked", where=str(report))


def started_of(history: list[ev.RecordedEvent]) -> ev.ExecutionStarted | None:
    """Return the first event of a history."""
    event = history[0].event() if history else None
    return event if isinstance(event, ev.ExecutionStarted) else None
