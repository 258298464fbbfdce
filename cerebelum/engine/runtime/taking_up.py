"""Claimed executions are rebuilt from their histories and go on from there; those that are poison are parked or failed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.errors_runtime import PoisonExecution
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Message, Store
from cerebelum.engine.runtime.blobs import with_blobs
from cerebelum.engine.runtime.code.registry import WorkflowRegistry
from cerebelum.engine.runtime.loop import TurnLimit
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.poison import PoisonRules
from cerebelum.engine.runtime.rebuilding import Rebuilder, Rebuilt
from cerebelum.engine.runtime.residents import Residents
from cerebelum.engine.runtime.trials import on_trial, outcome, spare

_log = OwnLog("cerebelum.node")


class TakingUp:
    """See the module docstring.

    Args:
        owner: the node's nonce.
        reclaim: called with the id of an execution that is to be claimed again.
    """

    def __init__(
        self,
        store: Store,
        registry: WorkflowRegistry,
        residents: Residents,
        rebuilder: Rebuilder,
        poison: PoisonRules,
        *,
        owner: Callable[[], str],
        now_us: Callable[[], int],
        reclaim: Callable[[str], None],
    ) -> None:
        self._store, self._registry, self._residents = store, registry, residents
        self._rebuilder, self._poison = rebuilder, poison
        self._owner, self._now_us, self._reclaim = owner, now_us, reclaim
        self._messages: dict[str, list[Message]] = {}

    async def take_up(self, rows: list[ExecutionRow]) -> None:
        """Take up claimed executions: all at once, or after deaths the suspects by themselves first."""
        tried = on_trial(rows)
        chosen = {row.id for row in tried}
        spared = [row for row in rows if row.id not in chosen]
        await spare(self._store, self._owner(), spared)
        await self._take_up_together(tried)
        if spared:
            await outcome([live for row in tried if (live := self._residents.by_id.get(row.id)) is not None])
            for row in spared:
                self._reclaim(row.id)

    async def _take_up_together(self, rows: list[ExecutionRow]) -> None:
        """Rebuild executions from their histories: one read for all."""
        histories = await self._store.read_histories([row.id for row in rows], for_recovery=True)
        # Before they may rest again: a message that lies there is why most of them were claimed.
        self._messages = defaultdict(list)
        for message in await self._store.inbox(self._owner()):
            self._messages[message.execution_id].append(message)
        for row in rows:
            await self._take_up_one(row, histories.get(row.id, []))
            await asyncio.sleep(0)  # rebuilds are plain computation: let others have their turn

    async def _take_up_one(self, row: ExecutionRow, stored: list[ev.RecordedEvent]) -> None:
        if row.workflow not in self._registry.names():
            self._residents.hand_back(row)
            return
        history = await with_blobs(self._store, stored)
        deadly = self._poison.deadly(row)
        if deadly is not None:
            self._park(row, history, deadly)
            return
        poison = self._poison.verdict(row)
        if poison is not None:
            self._fail(row, history, poison)
            return
        unreadable = self._poison.take_unreadable(row.id)
        if unreadable is not None:
            self._go_on(row, self._parked(row, unreadable), history)
            return
        try:
            rebuilt = await self._rebuilder.rebuild(row, history)
        except (TurnLimit, ActivationBlocked) as error:
            self._poison.note(row.id, error)
            self._reclaim(row.id)
            return
        except Exception as error:
            _log.warning("rebuild failed", execution_id=row.id, error=repr(error))
            rebuilt = self._parked(row, f"replay failed: {error!r}")
        self._go_on(row, rebuilt, history)

    def _parked(self, row: ExecutionRow, reason: str) -> Rebuilt:
        return self._rebuilder.parked(self._registry.get(row.workflow), row, reason)

    def _park(self, row: ExecutionRow, history: list[ev.RecordedEvent], poison: PoisonExecution) -> None:
        """Pause an execution, without running its code again: what ended its processes may be mended."""
        messages = self._messages.pop(row.id, [])
        tried = [message for message in messages if message.kind == "resume"]  # that is what ended them: no more of it
        self._messages[row.id] = [message for message in messages if message.kind != "resume"]
        self._go_on(row, self._parked(row, f"{poison.code} {type(poison).__name__}: {poison}"), history)
        live = self._residents.by_id.get(row.id)
        for message in tried:
            if live is not None:
                live.consume(message)

    def _fail(self, row: ExecutionRow, history: list[ev.RecordedEvent], poison: PoisonExecution) -> None:
        """End an execution as failed, without running its code again."""
        live = self._residents.settle_in(row, self._parked(row, "").run)
        live.run.paused, live.run.started = False, _started_of(history)
        self._residents.conductor.fail(live, poison)

    def _go_on(self, row: ExecutionRow, rebuilt: Rebuilt, history: list[ev.RecordedEvent]) -> None:
        live = self._residents.settle_in(row, rebuilt.run)
        # Should its code end the process, the trigger must be durable: only a rebuild that dies raises `claims`.
        live.cautious = True
        for recorded in history:
            if recorded.type == "signal_received" and isinstance(event := recorded.event(), ev.SignalReceived):
                live.signal_keys.add(event.key)
            if live.memory is not None:
                live.memory.observe(recorded.event())
        live.paused_at_end = rebuilt.run.paused
        if rebuilt.note is not None:
            if isinstance(rebuilt.note, ev.CodeChanged):
                row.code = rebuilt.note.after
            live.record(rebuilt.note, self._now_us())
        self._residents.alone(live, lambda: self._residents.conductor.carry_on(live, rebuilt.unrecorded))
        for message in self._messages.pop(row.id, ()):
            self._residents.deliver(message)
        if not live.running:
            live.mark()  # it only waits: it has survived being taken up


def _started_of(history: list[ev.RecordedEvent]) -> ev.ExecutionStarted | None:
    event = history[0].event() if history else None
    return event if isinstance(event, ev.ExecutionStarted) else None
