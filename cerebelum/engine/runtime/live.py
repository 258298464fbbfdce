"""An execution in this node's memory: its run, its row, and the events that are on their way to the store.

Rules:
- `record` gives the next version and the instant (never earlier than the one before) and puts the event into the
  buffer that the journal takes whole. Triggers wait in `awaiting` until the code is led on.
- The code may be ahead of the store: what it asks for is recorded in the commit of the trigger it goes on from, and
  begins (`unstarted`) only once that is durable. Of a new execution, even its start may still be under way (`new`).
- `dropped` is final: a fenced, evicted or ended execution records nothing more, whatever still calls it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from msgspec import structs

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow, Status
from cerebelum.engine.domain.projection_inputs import CURRENT_STEP
from cerebelum.engine.ports.store import Append, Message, Start
from cerebelum.engine.runtime.blobs import stored_event
from cerebelum.engine.runtime.pending import Pending, PendingChild, PendingInput, PendingStep, PendingTimer, PendingWait
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
    """A new execution on its way into the store; `answer` becomes False when its id is taken.

    Args:
        begin: leads its code to where it first waits; None back: it does not begin here.
        on_committed: told that it is durable and new, with what `begin` gave.
    """

    __slots__ = ("_begin", "_on_committed", "answer", "live", "refused", "start")

    def __init__(
        self,
        start: Start,
        answer: asyncio.Future[bool],
        on_committed: Callable[[LiveExecution | None], None],
        begin: Callable[[], LiveExecution | None] | None = None,
    ) -> None:
        self.start, self.answer, self._on_committed, self._begin = start, answer, on_committed, begin
        self.live: LiveExecution | None = None
        self.refused = False

    def prepare(self, now_us: int) -> None:
        """Have the code begin; what it asks for first is committed with its start."""
        if self._begin is not None:
            self.live = self._begin()
            if self.live is not None:
                self.start = self.live.take_start(self.start, now_us)

    def committed(self, is_new: bool) -> None:
        """Tell that the commit is done, and whether it holds this start."""
        if is_new:
            self._on_committed(self.live)
        elif self.live is not None:
            self.live.drop()
        if not self.answer.done():
            self.answer.set_result(is_new)

    def refuse(self, error: Exception) -> None:
        """Tell that it was not written."""
        self.refused = True
        if self.live is not None:
            self.live.drop()
        if not self.answer.done():
            self.answer.set_exception(error)


class LiveExecution:
    """See the module's rules. `changed` is called once when there is something for the journal to take."""

    __slots__ = (
        "_blobs", "_buffer", "_changed", "_consumed", "_last_at_us", "_replies", "_statements", "_unpublished", "applied_version",
        "awaiting", "broken", "cautious", "dirty", "dropped", "dues", "durable_version", "epoch", "far", "final", "id",
        "idle_since_us", "inbox_after", "memory", "messages_seen", "new", "on_recorded", "outbox", "owner", "paused_at_end", "rest",
        "row", "run", "running", "signal_keys", "starts", "taken_version", "told_version", "unstarted", "updates", "updates_due", "version", "when_durable",
    )  # fmt: skip

    def __init__(
        self, row: ExecutionRow, run: WorkflowRun, *, owner: str, changed: Callable[[LiveExecution], None]
    ) -> None:
        self.row, self.run, self.owner, self.epoch, self.id = row, run, owner, row.epoch, row.id
        self.version = self.taken_version = self.durable_version = self.applied_version = row.last_version
        self.told_version = row.last_version  # of the newest trigger, as far as this process knows
        self.awaiting: deque[tuple[ev.Event, int, int]] = deque()
        self.running: dict[int, asyncio.Task[None]] = {}  # attempts under way, by step number
        self.far: set[int] = set()  # of those, what the timers have not taken in yet
        self.dues: dict[int, int] = {}  # timers, waits and retries: number -> due_us
        self.when_durable: list[tuple[int, Callable[[], None]]] = []  # (version, callback), in order
        self.unstarted: list[tuple[int, int]] = []  # (version, step): scheduled by code that is ahead of the store
        self.cautious = False  # its triggers are applied once they are durable, not before
        self.broken: tuple[int, Exception] | None = None  # (version of the trigger, why): the code went no further
        self.new = False  # its start is not durable
        self.signal_keys: set[str] = set()
        self.updates: list[Message] = []  # not accepted and not refused yet, see `updates.py`
        self.updates_due = False  # they are to be looked at, (again,) since something changed
        self.messages_seen: set[int] = set()
        self.memory = StepMemory(run.stored_codec) if run.definition.max_retries else None
        self.final: ev.Event | None = None
        self.dropped = self.dirty = self.rest = False
        self.idle_since_us = 0
        self.inbox_after = 0  # number of the last reading of the inbox that may have missed what lies there for it
        self.paused_at_end = run.paused  # once all that is recorded has been applied
        self.starts: list[StartRequest] = []  # children and successors, committed together with the events
        self.outbox: list[Message] = []  # likewise
        self.on_recorded: Callable[[str, ev.RecordedEvent], None] | None = None  # told of durable events
        self._unpublished: deque[ev.RecordedEvent] | None = None
        self._statements: list[tuple[str, str, Sequence[object]]] = []
        self._changed = changed
        self._buffer: list[ev.RecordedEvent] = []
        self._consumed: list[int] = []
        self._replies: list[tuple[int, bytes]] = []
        self._blobs: list[tuple[str, bytes]] = []
        self._last_at_us = row.updated_at_us

    # -- recording ------------------------------------------------------------------------------------------------
    def record(self, event: ev.Event, now_us: int, *, trigger: bool = False) -> int:
        """Add an event; return its version. A trigger is applied to the run once it is durable."""
        if self.dropped or self.final is not None:  # such as a step that the end cut off, and that says so
            return self.version
        self.version += 1
        at_us = self._last_at_us = max(now_us, self._last_at_us)
        data, blob = stored_event(event)
        if blob is not None:
            self._blobs.append(blob)
        recorded = ev.RecordedEvent(self.version, event.type, data, at_us)
        self._buffer.append(recorded)
        if self.on_recorded is not None:
            self._publish_later(recorded)
        if trigger:
            self.awaiting.append((event, self.version, at_us))
            self.told_version = self.version
        if self.memory is not None:
            self.memory.observe(event)
        kind = _FINAL_STATUS.get(type(event))
        if kind is not None:
            self.final, self.row.status, self.row.completed_at_us = event, kind, at_us
            if isinstance(event, ev.ExecutionFailedEvent):
                self.row.error = f"{event.error.name}: {event.error.message}".split("\n", 1)[0][:500]
        self.mark()
        return self.version

    @property
    def unpublished(self) -> Sequence[ev.RecordedEvent]:
        """What was recorded since `on_recorded` was set and is not durable yet."""
        return self._unpublished or ()

    def forget_unpublished(self) -> None:
        """Tell nobody of it."""
        self._unpublished = None

    def _publish_later(self, recorded: ev.RecordedEvent) -> None:
        if self._unpublished is None:
            self._unpublished = deque()
        self._unpublished.append(recorded)

    def consume(self, message: Message) -> None:
        """Delete a message from the inbox in the next commit."""
        self._consumed.append(message.id)
        self.mark()

    def reply(self, message: Message, text: bytes) -> None:
        """Keep JSON text for the sender of a consumed message."""
        self._replies.append((message.id, text))

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

    @property
    def is_ahead(self) -> bool:
        """Whether the code went on from something that is not durable: what it asks for must not begin yet."""
        return self.applied_version > self.durable_version

    # -- for the journal ------------------------------------------------------------------------------------------
    def expect_start(self, started: ev.ExecutionStarted, recorded: ev.RecordedEvent) -> None:
        """Be an execution whose start is not in the store yet; until `started_durably` the journal takes nothing more."""
        self.new = self.dirty = True
        self.taken_version = self.durable_version = self.applied_version = 0
        self._buffer.append(recorded)
        self._publish_later(recorded)
        self.awaiting.append((started, recorded.version, recorded.at_us))
        self.told_version = recorded.version

    def take_start(self, start: Start, now_us: int) -> Start:
        """Return the new execution as it is to be stored: with what its code did so far.

        What reaches beyond its own row (children, messages) needs a row that is there: then the store gets the first
        event alone, and the rest follows in the next commit.
        """
        first, *rest = self._buffer
        if not self.starts and not self.outbox:
            append, blobs = self.take(now_us)
            row, events = append.row, append.events
        else:
            row, events, blobs = structs.replace(start.row, owner=self.owner), [first], []
            self.taken_version, self._buffer = first.version, rest
        self.dirty = True
        return structs.replace(start, row=row, events=events, blobs=[*start.blobs, *blobs])

    def started_durably(self) -> None:
        """Go on like any other execution: its start is committed."""
        self.new = self.dirty = False
        if self._buffer or self.awaiting or self.starts or self.outbox:
            self.mark()

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
            replies=self._replies,
        )
        blobs = self._blobs
        self._buffer, self._consumed, self._replies, self._blobs = [], [], [], []
        return append, blobs

    def _snapshot(self, now_us: int) -> ExecutionRow:
        row = self.row
        row.last_version, row.updated_at_us, row.claims = self.version, max(now_us, self._last_at_us), 0
        if row.started_at_us is None and self.run.begun:
            row.started_at_us = self.run.started_us or now_us
        if self.final is None:
            row.status, row.current_step = self._status(), self._current_step()
            row.wake_at_us = None if self.run.paused else min(self.dues.values(), default=None)
        else:
            row.wake_at_us = row.current_step = None
        self.rest = self.final is not None or self.rests(now_us)
        return structs.replace(row, owner=None if self.rest else self.owner)

    def rests(self, now_us: int) -> bool:
        """Return whether nothing will happen here for long: then the execution is handed back and forgotten.

        A far timer rests at once. Waits for messages rest after a while, since most are answered soon.
        """
        if self.awaiting or self.running or self.unstarted or self.when_durable or self.updates:
            return False
        if self.run.retry is not None or self.broken is not None:
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
        if self.awaiting or self.running or self.unstarted:
            return "running"
        listening = self.run.listening
        waits = self.run.pending or (listening is not None and listening.is_waiting)
        return "waiting" if waits else "running"

    def _current_step(self) -> str | None:
        pending = self.run.pending
        if not pending:
            listening = self.run.listening
            return "wait_until" if listening is not None and listening.is_waiting else self.row.current_step
        newest = pending[next(reversed(pending))]
        if self.run.asks_people:  # what a person can do about it comes first
            newest = next((one for one in reversed(pending.values()) if isinstance(one, PendingInput)), newest)
        if isinstance(newest, PendingInput):
            return f"{CURRENT_STEP}{newest.command.name}"
        if isinstance(newest, PendingStep):
            return newest.command.name
        if isinstance(newest, PendingWait):
            return f"signal {newest.command.name}"
        if isinstance(newest, PendingChild):
            return f"child {newest.command.workflow}"
        return "sleep" if newest.handle.is_sleep else self.row.current_step

    def durable(self, version: int) -> list[tuple[ev.Event, int, int]]:
        """Return the triggers up to `version`, now durable, in order; run what waited for it."""
        self.durable_version = version
        while self._unpublished and self.on_recorded is not None and self._unpublished[0].version <= version:
            self.on_recorded(self.id, self._unpublished.popleft())
        ready: list[tuple[ev.Event, int, int]] = []
        while self.awaiting and self.awaiting[0][1] <= version:
            ready.append(self.awaiting.popleft())
        while self.when_durable and self.when_durable[0][0] <= version:
            self.when_durable.pop(0)[1]()
        return ready

    def take_unstarted(self) -> list[int]:
        """Return the steps that may begin: they are durable, and so is what they follow from."""
        if not self.unstarted:
            return []
        durable = self.durable_version
        if self.unstarted[-1][0] <= durable:
            everything, self.unstarted = self.unstarted, []
            return [number for _, number in everything]
        ready = [number for version, number in self.unstarted if version <= durable]
        self.unstarted = [entry for entry in self.unstarted if entry[0] > durable]
        return ready

    def drop(self) -> None:
        """Forget it: stop its steps, throw its code away, record nothing more."""
        if self.dropped:
            return
        self.dropped = True
        for task in self.running.values():
            task.cancel()
        self.run.close()
