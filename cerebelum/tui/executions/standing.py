"""Where one is in a list whose rows change while keys are pressed."""

from __future__ import annotations

from cerebelum.tui.executions.listing import Listing
from cerebelum.tui.executions.table import ExecutionTable


class Standing:
    """Where one is in the list, by what stands there: so it can be found again among other rows."""

    def __init__(self, table: ExecutionTable) -> None:
        self._table = table
        self.note()

    def note(self) -> None:
        """Take note of where one is now."""
        table, rows = self._table, self._table.listing.rows
        self._selected = table.selected
        self._top = round(table.scroll_offset.y)
        self._topmost = rows[self._top] if 0 < self._top < len(rows) else None

    def keep(self, listing: Listing) -> None:
        """Go where that stands now, unless another list is shown by now."""
        table = self._table
        if table.listing is not listing:
            return
        at = None if self._selected is None else listing.index_of(self._selected.id)
        table.cursor = at if at is not None else max(0, min(table.cursor, len(listing.rows) - 1))
        table.resize_to(len(listing.rows))
        if self._topmost is not None and (now := listing.index_of(self._topmost.id)) not in (None, self._top):
            table.scroll_to(y=now, animate=False, force=True)  # new ones above do not move what one looks at
