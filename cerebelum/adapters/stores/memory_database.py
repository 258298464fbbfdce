"""What `MemoryStore`s share: the tables, as dicts, and the inbox's rules."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from cerebelum.adapters.stores.rows import BATCHES_KEPT, MADE_KEY, made_key
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.ports.store import Batch, CodeVersion, ExecutionFilter, LogLine, Message, NodeRow

Watcher = tuple[object, asyncio.AbstractEventLoop, asyncio.Event]


class MemoryDatabase:
    """The data. Changed only under `lock`, since the lease keeper renews from its own thread."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.executions: dict[str, ExecutionRow] = {}
        self.events: dict[str, dict[int, RecordedEvent]] = {}
        self.messages: dict[int, Message] = {}  # in order of arrival
        self.keys: dict[str, dict[str, int]] = {}  # execution -> key -> message, the consumed ones included
        self.replies: dict[int, bytes] = {}  # to consumed messages
        self.logs: list[tuple[int, LogLine]] = []
        self.blobs: dict[str, bytes] = {}
        self.nodes: dict[str, NodeRow] = {}
        self.code: dict[str, list[CodeVersion]] = {}
        self.schedules: dict[str, ScheduleRow] = {}
        self.schedule_runs: dict[str, dict[int, ScheduleRun]] = {}  # schedule -> fire -> run
        self.batches: deque[str] = deque(maxlen=64 * BATCHES_KEPT)
        self.watchers: set[Watcher] = set()
        self._last_message = 0

    # -- all or nothing ---------------------------------------------------------------------------------------
    def snapshot(self, batch: Batch) -> Any:
        """Return what `restore` needs to undo an attempt to commit `batch`."""
        ids = {start.row.id for start in batch.starts} | {append.row.id for append in batch.appends}
        rows = {id_: replace(row) for id_ in ids if (row := self.executions.get(id_)) is not None}
        events = {id_: dict(history) for id_ in ids if (history := self.events.get(id_)) is not None}
        return ids, rows, events

    def restore(self, saved: Any) -> None:
        """Undo. Rows and events come first in a commit, and only they can fail."""
        ids, rows, events = saved
        for id_ in ids:
            for table, before in ((self.executions, rows), (self.events, events)):
                if id_ in before:
                    table[id_] = before[id_]
                else:
                    table.pop(id_, None)

    def note_batch(self, batch_id: str) -> None:
        """Remember that the batch was committed."""
        self.batches.append(batch_id)

    def has_batch(self, batch_id: str) -> bool:
        """Return whether this is one of the newest batches."""
        return batch_id in self.batches

    def changed(self, by: object) -> None:
        """Tell the watchers of every other store."""
        for store, loop, event in tuple(self.watchers):
            if store is not by:
                with contextlib.suppress(RuntimeError):  # its loop is closed
                    loop.call_soon_threadsafe(event.set)

    # -- executions -------------------------------------------------------------------------------------------
    def waiting(self, workflows: Sequence[str]) -> list[ExecutionRow]:
        """Return the open rows that nobody owns and that have a time to wake, in order of insertion."""
        wanted = set(workflows)
        return [
            row
            for row in self.executions.values()
            if row.owner is None and row.wake_at_us is not None and not row.ended and row.workflow in wanted
        ]

    def remove(self, execution_id: str) -> None:
        """Remove an execution with all that belongs to it."""
        del self.executions[execution_id]
        self.events.pop(execution_id, None)
        self.forget_messages(execution_id)
        self.logs = [(id_, line) for id_, line in self.logs if line.execution_id != execution_id]

    # -- inbox ------------------------------------------------------------------------------------------------
    def inbox(self) -> list[Message]:
        """Return all messages that wait, in order of arrival."""
        return list(self.messages.values())

    def add_message(self, message: Message, now_us: int) -> Message | None:
        """Add a message to an open execution; None for a known key or another execution."""
        row = self.executions.get(message.execution_id)
        if row is None or row.ended:
            return None
        keys = self.keys.setdefault(row.id, {})
        if message.key in keys:
            return None
        self._last_message += 1
        kept = replace(message, id=self._last_message, key=message.key or made_key(), at_us=now_us)
        self.messages[kept.id] = kept
        keys[kept.key] = kept.id
        return replace(kept)

    def consume(self, ids: Iterable[int], replies: Iterable[tuple[int, bytes]]) -> None:
        """Take messages out; their keys stay known, and what their senders read by them."""
        self.replies.update((id_, reply) for id_, reply in replies if id_ in self.messages)
        for id_ in ids:
            message = self.messages.pop(id_, None)
            if message is not None and message.key.startswith(MADE_KEY):
                self.keys[message.execution_id].pop(message.key, None)

    def forget_messages(self, execution_id: str) -> None:
        """Remove all messages of an execution that has ended, and the keys of consumed ones (I12)."""
        for id_ in self.keys.pop(execution_id, {}).values():
            self.messages.pop(id_, None)
            self.replies.pop(id_, None)

    def wake(self, execution_ids: Iterable[str], now_us: int) -> None:
        """Make those due that nobody owns and whose inbox is not empty."""
        waited_for = {message.execution_id for message in self.messages.values()}
        for id_ in waited_for.intersection(execution_ids):
            row = self.executions[id_]
            if row.owner is None and not row.ended and (row.wake_at_us is None or row.wake_at_us > now_us):
                row.wake_at_us = now_us


def matches(row: ExecutionRow, query: ExecutionFilter) -> bool:
    """Return whether all conditions of `query` hold."""
    equal: Iterable[tuple[str | None, str | None]] = (
        (query.workflow, row.workflow),
        (query.code, row.code),
        (query.current_step, row.current_step),
        (query.queue, row.queue),
        (query.parent, row.parent),
        (query.owner, row.owner),
    )
    if any(wanted is not None and wanted != value for wanted, value in equal):
        return False
    if query.statuses and row.status not in query.statuses:
        return False
    if query.id_prefix is not None and not row.id.startswith(query.id_prefix):
        return False
    first_us, last_us, at_us = query.started_from_us, query.started_to_us, row.started_at_us
    if first_us is not None and (at_us is None or at_us < first_us):
        return False
    if last_us is not None and (at_us is None or at_us > last_us):
        return False
    return query.before is None or (row.inserted_at_us, row.id) < tuple(query.before)
