"""A node: one engine in one process. It wires the components together, starts and stops them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.ports.store import Message, Start, Store
from cerebelum.engine.runtime import garbage, log_capture
from cerebelum.engine.runtime.beside import Beside
from cerebelum.engine.runtime.code.registry import WorkflowRegistry
from cerebelum.engine.runtime.conductor import Conductor
from cerebelum.engine.runtime.dispatcher import Dispatcher
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.journal import Journal
from cerebelum.engine.runtime.live import LiveExecution
from cerebelum.engine.runtime.membership import Membership
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.poison import PoisonRules
from cerebelum.engine.runtime.presence import node_name
from cerebelum.engine.runtime.rebuilding import PinLoader, Policy, Rebuilder
from cerebelum.engine.runtime.residents import Residents
from cerebelum.engine.runtime.results import Results
from cerebelum.engine.runtime.scheduler import Scheduler
from cerebelum.engine.runtime.step_runner import StepRunner
from cerebelum.engine.runtime.store_clock import StoreClock
from cerebelum.engine.runtime.supervisor import Supervisor
from cerebelum.engine.runtime.sweep import Sweep
from cerebelum.engine.runtime.taking_up import TakingUp
from cerebelum.engine.runtime.timers import Timers
from cerebelum.engine.runtime.watchdog import BlockedReport, Watchdog

_log = OwnLog("cerebelum.node")


class NodeSettings(Struct, frozen=True, kw_only=True):
    """What may differ from node to node."""

    policy: Policy = "park"
    step_threads: int = 32  # plain-function steps at once
    queues: dict[str, int] = {}  # name to how many of its steps run at once here
    most_resident: int = 50_000  # executions in memory; beyond, none are claimed
    most_claims: int = 5  # without progress; then an execution is parked as failed
    most_blocked: int = 3  # activations that did not come to an end; likewise
    activation_limit_s: float = 2.0
    blocked_warning_s: float = 0.5
    scheduler: bool = True  # whether this node fires schedules
    store_patience_s: float = 10.0  # how long commits may be refused before `on_trouble`


class Node:
    """See the module docstring. Start it, give it starts, stop it; two of them live in one process.

    Args:
        store: opened and closed by the caller.
        on_event: told (execution id, event) once each event is durable; for live views in this process.
        on_trouble: told when the store keeps refusing commits.
        clock: what it takes for the store's clock; a test's own moves as the test wants.
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
        clock: StoreClock | None = None,
    ) -> None:
        settings = settings or NodeSettings()
        self.store, self.codec, self.registry, self.settings = store, codec, registry, settings
        self.clock = clock or StoreClock()
        self.results = Results(store)
        self._beside = Beside()
        self._stopped: asyncio.Task[None] | None = None
        self._wire(load_pinned, on_event, on_trouble)

    def _wire(
        self,
        load_pinned: PinLoader | None,
        on_event: Callable[[str, ev.RecordedEvent], None] | None,
        on_trouble: Callable[[StoreError], None],
    ) -> None:
        """Make the components, and tell each whom it calls."""
        store, codec, registry, settings = self.store, self.codec, self.registry, self.settings
        now_us = self.clock.now_us
        poison = PoisonRules(most_claims=settings.most_claims, most_blocked=settings.most_blocked)
        self.membership = Membership(
            store, now_us=self.clock.store_now_us, workflows=lambda: tuple(registry.names()), beside=self._beside,
            on_lost=self._lease_lost, on_rejoined=self._look,
        )  # fmt: skip
        self.watchdog = Watchdog(settings.blocked_warning_s, _warn_blocked, limit_s=settings.activation_limit_s)
        self.residents = Residents(
            store, codec, registry, owner=self._owner, now_us=now_us, changed=self._changed,
            reclaim=self._reclaim, watch=self.watchdog.run, is_working=lambda: self.steps.accepting,
            results=self.results, poison=poison, beside=self._beside, on_event=on_event,
        )  # fmt: skip
        self.journal = Journal(
            store, writer=self._owner, now_us=now_us, lead_on=self.residents.lead_on, on_durable=self.residents.durable, on_fenced=self.residents.fenced,
            on_refused=self.residents.blocked, on_messages=self._look, on_trouble=on_trouble,
            give_up_after_s=settings.store_patience_s,
        )  # fmt: skip
        self.timers = Timers(self.clock, self.residents.due)
        self.steps = StepRunner(
            now_us=now_us, timers=self.timers, log=self.journal.log, node=node_name(), threads=settings.step_threads,
            queues=settings.queues,
        )  # fmt: skip
        self.residents.conductor = Conductor(
            self.residents, owner=self._owner, now_us=now_us, steps=self.steps, timers=self.timers,
            watchdog=self.watchdog,
        )  # fmt: skip
        self.rebuilder = Rebuilder(
            registry, codec, policy=settings.policy, load_pinned=load_pinned, watch=self.watchdog.run
        )
        taking_up = TakingUp(
            store, registry, self.residents, self.rebuilder, poison, owner=self._owner, now_us=now_us,
            reclaim=self._reclaim,
        )  # fmt: skip
        self.dispatcher = Dispatcher(
            store, owner=self._owner, clock=self.clock, workflows=registry.names, take_up=taking_up.take_up,
            read_inbox=self.residents.read_inbox, has_room=lambda: len(self.resident) < settings.most_resident,
            is_here=self.resident.__contains__,
        )  # fmt: skip
        self.scheduler = Scheduler(store, codec, registry, self.clock, started=self._look)
        self._sweep = Sweep(self.resident, self.timers, now_us=now_us, flush_logs=self.journal.flush_logs)

    @property
    def nonce(self) -> str:
        """Names this node in the store; another one after the lease was lost."""
        return self.membership.nonce

    @property
    def resident(self) -> dict[str, LiveExecution]:
        """The executions in memory, by id."""
        return self.residents.by_id

    # -- life -----------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Join the store's nodes and start the components."""
        install()
        log_capture.install()
        garbage.node_started()
        await self.clock.measure(self.store)
        await self.clock.attach(self)
        await self.membership.join()
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
            "sweep": self._sweep.run,
        }
        if self.settings.scheduler:
            components["scheduler"] = self.scheduler.run
        for name, component in components.items():
            self.supervisor.add(name, component)

    def _broken(self, failed: asyncio.Future[None]) -> None:
        """Stop, so that the executions here go on elsewhere instead of being held by a node that cannot run them."""
        if not failed.cancelled() and (error := failed.exception()) is not None:
            self.results.fail(error)
            self._beside.do(self.stop(0.0))

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Orderly: claim nothing more, let steps finish, commit what they did, hand the rest back. Idempotent."""
        if self._stopped is None:
            self._stopped = asyncio.get_running_loop().create_task(self._stop(deadline_s))
        await asyncio.shield(self._stopped)

    async def _stop(self, deadline_s: float) -> None:
        self.dispatcher.claiming = self.scheduler.firing = False
        self.steps.accepting = False
        await self.steps.stop(deadline_s)
        for live in list(self.resident.values()):
            if live.row.claims:
                live.mark()  # an orderly end says nothing against those that were running
        try:
            async with asyncio.timeout(max(1.0, deadline_s)):
                await self.journal.drained()
        except TimeoutError:
            _log.warning("stopped with uncommitted events: they will be done again", executions=len(self.resident))
        self.residents.forget_all()
        await self.supervisor.stop()
        await self.membership.lease.stop()
        self.watchdog.stop()
        log_capture.uninstall()
        garbage.node_stopped()
        await self.membership.leave()

    # -- starts ---------------------------------------------------------------------------------------------------
    async def start_execution(self, start: Start, started: ev.ExecutionStarted) -> bool:
        """Commit a new execution owned by this node and begin it; False when its id is taken."""
        await self.journal.has_room()
        return await self.offer(start, started)

    def offer(self, start: Start, started: ev.ExecutionStarted) -> asyncio.Future[bool]:
        """As `start_execution`, for callers that wait for room themselves, once for many starts."""
        if self.results.error is not None:
            raise self.results.error
        residents = self.residents
        return self.journal.offer(
            start, lambda: residents.begin(start, started), lambda live: residents.begun(start, live)
        )

    def deliver(self, message: Message) -> None:
        """Hand a message that was just stored to its execution, if it is here; else see to it that it is taken up."""
        if not self.residents.hand_over(message):
            self.dispatcher.poke()

    # -- what components say to others that are made after them -----------------------------------------------------
    def _owner(self) -> str:
        return self.membership.nonce

    def _changed(self, live: LiveExecution) -> None:
        self.journal.changed(live)

    def _reclaim(self, execution_id: str) -> None:
        self.dispatcher.reclaim(execution_id)

    def _look(self) -> None:
        self.dispatcher.poke()

    def _lease_lost(self) -> int:
        return self.residents.forget_all()


def _warn_blocked(report: BlockedReport) -> None:
    _log.warning("the event loop is blocked", where=str(report))
