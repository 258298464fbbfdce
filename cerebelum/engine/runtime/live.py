"""An execution in this node's memory: its run, its row, and the events that are on their way to the store.

Rules:
- `record` gives the next version and the instant (never earlier than the one before) and puts the event into the
  buffer that the journal takes whole. Triggers wait in `awaiting` until they are durable.
- `dropped` is final: a fenced, evicted or ended execution records nothing more, whatever still calls it.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Callable, Sequence

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow, Status
from cerebelum.engine.ports.store import Append, Message, Start
from cerebelum.engine.runtime.blobs import stored_event
from cerebelum.engine.runtime.pending import Pending, PendingChild, PendingStep, PendingTimer, PendingWait
from cerebelum.engine.runtime.run import WorkflowRun
from cerebelum.engine.runtime.step_memory import StepMemory

_FINAL_STATUS: dict[type[ev.Event], Status] = {
    ev.ExecutionCompleted: "completed",
    ev.ExecutionFailedEvent: "failed",
    ev.ExecutionCancelledEvent: "cancelled",
    ev.ContinuedAsNew: "completed",
}


NEAR_US = 5_000_000  # a wait shorter than this stays in memory


def _has_a_due(pending: Pending) -> bool:
    return isinstance(pending, PendingTimer) or (isinstance(pending, PendingStep) and pending.retry_at_us is not None)


class StartRequest:
    """A new execution on its way into the store; `answer` becomes False when its id is taken."""

    __slots__ = ("answer", "on_committed", "start")

    def __init__(self, start: Start, answer: asyncio.Future[bool], on_committed: Callable[[], None] | None) -> None:
        self.start, self.answer, self.on_committed = start, answer, on_committed


class LiveExecution:
    """See the module's rules. `changed` is called once when there is something for the journal to take."""

    __slots__ = (
        "_blobs", "_buffer", "_changed", "_consumed", "_last_at_us", "_statements", "_unpublished", "awaiting", "dirty",
        "dropped", "dues", "epoch", "far", "final", "id", "idle_since_us", "memory", "messages_seen", "on_recorded", "outbox",
        "owner", "paused_at_end", "rest", "row", "run", "running", "signal_keys", "starts", "taken_version", "version",
        "when_durable",
    )  # fmt: skip

    def __init__(
        self, row: ExecutionRow, run: WorkflowRun, *, owner: str, changed: Callable[[LiveExecution], None]
    ) -> None:
        self.row, self.run, self.owner, self.epoch, self.id = row, run, owner, row.epoch, row.id
        self.version = self.taken_version = row.last_version
        self.awaiting: deque[tuple[ev.Event, int, int]] = deque()
        self.running: dict[int, asyncio.Task[None]] = {}  # attempts under way, by step number
        self.far: set[int] = set()  # of those, what the timers have not taken in yet
        self.dues: dict[int, int] = {}  # timers, waits and retries: number -> due_us
        self.when_durable: list[tuple[int, Callable[[], None]]] = []  # (version, callback), in order
        self.signal_keys: set[str] = set()
        self.messages_seen: set[int] = set()
        self.memory = StepMemory() if run.definition.max_retries else None
        self.final: ev.Event | None = None
        self.dropped = self.dirty = self.rest = False
        self.idle_since_us = 0
        self.paused_at_end = run.paused  # once all that is recorded has been applied
        self.starts: list[StartRequest] = []  # children and successors, committed together with the events
        self.outbox: list[Message] = []  # likewise
        self.on_recorded: Callable[[str, ev.RecordedEvent], None] | None = None  # told of durable events
        self._unpublished: deque[ev.RecordedEvent] | None = None
        self._statements: list[tuple[str, str, Sequence[object]]] = []
        self._changed = changed
        self._buffer: list[ev.RecordedEvent] = []
        self._consumed: list[int] = []
        self._blobs: list[tuple[str, bytes]] = []
        self._last_at_us = row.updated_at_us

    # -- recording ------------------------------------------------------------------------------------------------
    def record(self, event: ev.Event, now_us: int, *, trigger: bool = False) -> int:
        """Add an event; return its version. A trigger is applied to the run once it is durable."""
        if self.dropped:
            return self.version
        self.version += 1
        at_us = self._last_at_us = max(now_us, self._last_at_us)
        data, blob = stored_event(event)
        if blob is not None:
            self._blobs.append(blob)
        recorded = ev.RecordedEvent(self.version, event.type, data, at_us)
        self._buffer.append(recorded)
        if self.on_recorded is not None:
            if self._unpublished is None:
                self._unpublished = deque()
            self._unpublished.append(recorded)
        if trigger:
            self.awaiting.append((event, self.version, at_us))
        if self.memory is not None:
            self.memory.observe(event)
        kind = _FINAL_STATUS.get(type(event))
        if kind is not None:
            self.final, self.row.status, self.row.completed_at_us = event, kind, at_us
            if isinstance(event, ev.ExecutionFailedEvent):
                self.row.error = f"{event.error.name}: {event.error.message}".split("\n", 1)[0][:500]
        self.mark()
        return self.version

    def consume(self, message: Message) -> None:
        """Delete a message from the inbox in the next commit."""
        self._consumed.append(message.id)
        self.mark()

    def execute(self, statements: Sequence[tuple[str, Sequence[object]]]) -> None:
        """Run a transactional step's statements in the commit that holds its result."""
        self._statements.extend((self.id, sql, parameters) for sql, parameters in statements)

    def take_statements(self) -> list[tuple[str, str, Sequence[object]]]:
        """Return the statements for the next commit."""
        statements, self._statements = self._statements, []
        return statements

    def mark(self) -> None:
        """Have the journal take what is here."""
        if not self.dirty and not self.dropped:
            self.dirty = True
            self._changed(self)

    # -- for the journal ------------------------------------------------------------------------------------------
    def take(self, now_us: int) -> tuple[Append, list[tuple[str, bytes]]]:
        """Return what the next commit writes, and its blobs; the buffer is empty then."""
        self.dirty = False
        expected, self.taken_version = self.taken_version, self.version
        append = Append(
            row=self._snapshot(now_us),
            expected_version=expected,
            owner=self.owner,
            epoch=self.epoch,
            events=self._buffer,
            consumed=self._consumed,
        )
        blobs = self._blobs
        self._buffer, self._consumed, self._blobs = [], [], []
        return append, blobs

    def _snapshot(self, now_us: int) -> ExecutionRow:
        row = self.row
        row.last_version, row.updated_at_us, row.claims = self.version, now_us, 0
        if row.started_at_us is None and self.run.begun:
            row.started_at_us = self.run.started_us or now_us
        if self.final is None:
            row.status, row.current_step = self._status(), self._current_step()
            row.wake_at_us = None if self.run.paused else min(self.dues.values(), default=None)
        else:
            row.wake_at_us = row.current_step = None
        self.rest = self.final is not None or self.rests(now_us)
        snapshot = copy.copy(row)
        snapshot.owner = None if self.rest else self.owner
        return snapshot

    def rests(self, now_us: int) -> bool:
        """Return whether nothing will happen here for long: then the execution is handed back and forgotten.

        A far timer rests at once. Waits for messages rest after a while, since most are answered soon.
        """
        if self.awaiting or self.running or self.when_durable or self.run.retry is not None:
            return False
        if self.run.paused:
            return True
        if any(isinstance(p, PendingStep) and p.retry_at_us is None for p in self.run.pending.values()):
            return False  # it waits for a place among the running steps
        due_us = min(self.dues.values(), default=None)
        if due_us is not None and due_us - now_us < NEAR_US:
            return False
        if due_us is not None and all(_has_a_due(pending) for pending in self.run.pending.values()):
            return True
        return bool(self.idle_since_us) and now_us - self.idle_since_us >= NEAR_US

    @property
    def is_misstated(self) -> bool:
        """Whether the row still says "running" of an execution that went back to waiting without recording anything."""
        return self.final is None and self.row.status != self._status()

    def _status(self) -> Status:
        if self.run.paused:
            return "paused"
        if not self.run.begun:
            return "running" if self.awaiting else "pending"
        return "running" if self.awaiting or self.running or not self.run.pending else "waiting"

    def _current_step(self) -> str | None:
        pending = self.run.pending
        if not pending:
            return self.row.current_step
        newest = pending[next(reversed(pending))]
        if isinstance(newest, PendingStep):
            return newest.command.name
        if isinstance(newest, PendingWait):
            return f"signal {newest.command.name}"
        if isinstance(newest, PendingChild):
            return f"child {newest.command.workflow}"
        return "sleep" if newest.handle.is_sleep else self.row.current_step

    def durable(self, version: int) -> list[tuple[ev.Event, int, int]]:
        """Return the triggers up to `version`, now durable, in order; run what waited for it."""
        while self._unpublished and self.on_recorded is not None and self._unpublished[0].version <= version:
            self.on_recorded(self.id, self._unpublished.popleft())
        ready: list[tuple[ev.Event, int, int]] = []
        while self.awaiting and self.awaiting[0][1] <= version:
            ready.append(self.awaiting.popleft())
        while self.when_durable and self.when_durable[0][0] <= version:
            self.when_durable.pop(0)[1]()
        return ready

    def drop(self) -> None:
        """Forget it: stop its steps, throw its code away, record nothing more."""
        if self.dropped:
            return
        self.dropped = True
        for task in self.running.values():
            task.cancel()
        self.run.close()
