"""A history to go through as often as one likes, in bounded memory: what is large lies in a temporary file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import Any, overload

import msgspec

from cerebelum.engine.application import query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.spool import Spool
from cerebelum.engine.domain.events import CheckpointCreated, RecordedEvent, Trigger
from cerebelum.engine.runtime.blobs import is_in_blob, with_blobs

_PAGE_EVENTS = 200  # of 128 KiB at most; larger ones lie in blobs, which are read one by one
_MEMORY_BYTES = 32 << 20  # of event data kept as objects; the rest is written down
_BATCH_EVENTS = 64  # read back at once
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RecordedEvent).decode


class StoredHistory(Sequence[RecordedEvent]):
    """Events in order. Those at its beginning are objects in memory, the others are decoded when they are asked for.

    It may grow while others, on other threads too, go through it: they find what came before they reach the end.
    """

    def __init__(self, *, memory_bytes: int = _MEMORY_BYTES) -> None:
        self._objects: list[RecordedEvent] = []
        self._left_bytes = memory_bytes
        self._spool: Spool | None = None

    def append(self, recorded: RecordedEvent) -> None:
        """Add the next event."""
        if self._spool is None:
            self._left_bytes -= len(recorded.data)
            if self._left_bytes >= 0:
                self._objects.append(recorded)
                return
            self._spool = Spool(memory_bytes=0)
        self._spool.append(_encode(recorded))

    def __len__(self) -> int:
        return len(self._objects) + (0 if self._spool is None else len(self._spool))

    @overload
    def __getitem__(self, index: int) -> RecordedEvent: ...
    @overload
    def __getitem__(self, index: slice) -> list[RecordedEvent]: ...
    def __getitem__(self, index: Any) -> Any:
        """Return an event, or several as a list."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(index)
        if number < len(self._objects):
            return self._objects[number]
        assert self._spool is not None, "what is not an object was written down"
        return _decode(self._spool.read(number - len(self._objects))[0])

    def __iter__(self) -> Iterator[RecordedEvent]:
        yield from self._objects
        number = 0
        while self._spool is not None and number < len(self._spool):
            batch = self._spool.read(number, _BATCH_EVENTS)
            number += len(batch)
            yield from map(_decode, batch)


class SinceCheckpoint(Sequence[RecordedEvent]):
    """The first event of a history and those from a checkpoint on: what recovery reads."""

    def __init__(self, history: Sequence[RecordedEvent], checkpoint: int) -> None:
        self._history, self._skipped = history, checkpoint - 2

    def __len__(self) -> int:
        return len(self._history) - self._skipped

    @overload
    def __getitem__(self, index: int) -> RecordedEvent: ...
    @overload
    def __getitem__(self, index: slice) -> list[RecordedEvent]: ...
    def __getitem__(self, index: Any) -> Any:
        """Return an event, or several as a list."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if index < 0:
            return self._history[index]
        return self._history[index + self._skipped if index else 0]

    def __iter__(self) -> Iterator[RecordedEvent]:
        yield self._history[0]
        yield from islice(self._history, self._skipped + 1, None)


def since_checkpoint(history: Sequence[RecordedEvent], before: int) -> SinceCheckpoint | None:
    """Return what an execution was recovered from before the event `before`; None where it has no such checkpoint."""
    told_version, checkpoint = 0, 0
    for recorded in islice(history, before - 1):
        event = recorded.event()
        if isinstance(event, Trigger):
            told_version = recorded.version
        elif isinstance(event, CheckpointCreated) and event.after == told_version:
            checkpoint = recorded.version
    return SinceCheckpoint(history, checkpoint) if checkpoint > 2 else None


async def read_history(engine: Engine, execution_id: str) -> StoredHistory:
    """Read all events of an execution, page by page.

    Raises:
        ExecutionNotFound: no such execution.
        StoreCorrupt: the content of an event is gone or damaged.
    """
    history = StoredHistory()
    async for recorded in read_events(engine, execution_id):
        history.append(recorded)
    if not history:
        raise await query.not_found(engine, execution_id)
    return history


async def read_events(engine: Engine, execution_id: str, *, after_version: int = 0) -> AsyncIterator[RecordedEvent]:
    """Yield the events after one, read page by page; none for an unknown execution.

    Raises:
        StoreCorrupt: the content of an event is gone or damaged.
    """
    while page := await engine.store.read_history(execution_id, after_version=after_version, limit=_PAGE_EVENTS):
        for stored in page:
            yield (await with_blobs(engine.store, [stored]))[0] if is_in_blob(stored) else stored
        if len(page) < _PAGE_EVENTS:
            break
        after_version = page[-1].version
