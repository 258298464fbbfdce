"""The captured lines of an execution in the order of time, to be shown beside its events. Bounded, on disk when many."""

from __future__ import annotations

from typing import Self

import msgspec
from msgspec import Struct

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.spool import Spool
from cerebelum.engine.ports.store import LogLine
from cerebelum.engine.runtime.frames import MAX_LOGS, ShownLog

_MESSAGE_CHARS = 500
_MOST_LINES = 1_000_000  # of one execution; what comes after them is not shown beside events
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ShownLog).decode


class ReplayLogs:
    """All lines of one execution."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._order: list[tuple[int, int]] = []  # (at_us, number in the spool), sorted once

    @classmethod
    async def read(cls, engine: Engine, execution_id: str) -> Self:
        """Read them from the store, page by page."""
        logs, after_id = cls(), 0
        while page := await engine.store.read_logs(execution_id, after_id=after_id):
            after_id = page[-1][0]
            for _, line in page:
                logs.add(line)
            if len(logs) >= _MOST_LINES:
                break
        return logs

    def add(self, line: LogLine) -> None:
        """Add a line; the order of adding decides among lines of the same instant."""
        self._order.append((line.at_us, len(self._spool)))
        shown = ShownLog(
            at_us=line.at_us, step=line.step, attempt=line.attempt, level=line.level,
            message=line.message[:_MESSAGE_CHARS] + ("…" if len(line.message) > _MESSAGE_CHARS else ""),
        )  # fmt: skip
        self._spool.append(_encode(shown))

    def __len__(self) -> int:
        return len(self._order)

    def cursor(self) -> LogCursor:
        """Return a reader that begins at the first line."""
        self._order.sort()
        return LogCursor(self._spool, self._order)


class NewLogs(Struct, frozen=True):
    """The lines up to an instant: how many, how many of them new, and the newest of the new ones."""

    count: int = 0
    new: int = 0
    lines: list[ShownLog] = []  # MAX_LOGS at most


class LogCursor:
    """Goes through the lines with the events of one pass."""

    def __init__(self, spool: Spool, order: list[tuple[int, int]]) -> None:
        self._spool, self._order, self._next = spool, order, 0

    def up_to(self, at_us: int, *, is_last: bool = False) -> NewLogs:
        """Return what was written since the last call and until `at_us`; all that is left where `is_last`.

        The last lines of an attempt may be a little later than the event that ends it.
        """
        begin, order = self._next, self._order
        end = len(order) if is_last else begin
        while end < len(order) and order[end][0] <= at_us:
            end += 1
        self._next = end
        if begin == end:
            return NewLogs(end)
        shown = order[max(begin, end - MAX_LOGS) : end]
        return NewLogs(end, end - begin, [_decode(self._spool.read(number)[0]) for _, number in shown])
