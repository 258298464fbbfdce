"""The rows that are known so far, newest first: read in pages, each beginning behind the last row of the one before.

No page is found by counting, so the last one costs what the first does. A part that is read again replaces the rows
between its first and its last key: what is new comes in, what is gone goes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import ExecutionFilter

PAGE = 256
Read = Callable[[ExecutionFilter], Awaitable[list[ExecutionRow]]]


class Listing:
    """Rows in order, and whether there are more behind them."""

    def __init__(self, query: ExecutionFilter | None = None) -> None:
        self.query = query or ExecutionFilter()
        self.rows: list[ExecutionRow] = []
        self.has_more = True

    def index_of(self, execution_id: str) -> int | None:
        """Return where an execution stands, None where it is not known (any more)."""
        return next((index for index, row in enumerate(self.rows) if row.id == execution_id), None)

    async def more(self, read: Read) -> None:
        """Read the page behind the last row."""
        last = self.rows[-1] if self.rows else None
        page = await read(replace(self.query, before=None if last is None else _key(last), limit=PAGE))
        if (self.rows[-1] if self.rows else None) is last:  # else a renewal came between, and the page has no place
            self.rows += page
            self.has_more = len(page) == PAGE

    async def renew(self, read: Read, first: int = 0, count: int = PAGE) -> None:
        """Read `count` rows from the `first` one on again."""
        first = max(0, min(first, len(self.rows) - 1))
        above = self.rows[first - 1] if first else None
        limit = max(count, 1)
        found = await read(replace(self.query, before=None if above is None else _key(above), limit=limit))
        start = 0 if above is None else next((i + 1 for i, row in enumerate(self.rows) if row is above), -1)
        if start < 0:
            return
        if len(found) < limit:  # it ends here
            self.rows[start:] = found
            self.has_more = False
            return
        end, lowest = start, _key(found[-1])
        while end < len(self.rows) and _key(self.rows[end]) >= lowest:
            end += 1
        if end == start and above is None and self.rows:  # more news than was read: what was known lies too far below
            self.rows, self.has_more = found, True
            return
        self.has_more = self.has_more or end == len(self.rows)
        self.rows[start:end] = found


def _key(row: ExecutionRow) -> tuple[int, str]:
    return row.inserted_at_us, row.id
