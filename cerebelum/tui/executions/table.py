"""The list itself: the columns of `cerebelum list`, those that matter least left out where it is narrow."""

from __future__ import annotations

from collections.abc import Iterable

from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.words import clock, duration, versioned
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.tui.executions.listing import Listing
from cerebelum.tui.lines import Line, LineView, Piece
from cerebelum.tui.marks import of_status

_LEAST = ("ERROR", "STARTED", "STEP", "TOOK")  # as `cerebelum list` leaves them out
_FIXED = {"STATUS": 11, "STARTED": 15, "TOOK": 7}
_MOST = {"ID": 41, "WORKFLOW": 30, "STEP": 22}
_ERROR_LEAST = 16
_YEAR = len("2026-")  # left out of the list; the preview has it


class Columns:
    """Which columns there is room for, and how wide they are."""

    def __init__(self, rows: list[ExecutionRow], width: int) -> None:
        self.widths = {
            "ID": _widest("ID", (row.id for row in rows)),
            "WORKFLOW": _widest("WORKFLOW", (versioned(row.workflow, row.code) for row in rows)),
            "STATUS": _FIXED["STATUS"],
            "STEP": _widest("STEP", (row.current_step or "" for row in rows)),
            "STARTED": _FIXED["STARTED"],
            "TOOK": _FIXED["TOOK"],
            "ERROR": _ERROR_LEAST,
        }
        for name in _LEAST:
            if self.total() > width:
                del self.widths[name]
        if self.total() > width:  # the id is what one needs to type: the workflow gives way
            self.widths["WORKFLOW"] = max(8, self.widths["WORKFLOW"] - (self.total() - width))
        if "ERROR" in self.widths:
            self.widths["ERROR"] += width - self.total()

    def total(self) -> int:
        """Cells of a line, with a gap behind each column and one in front."""
        return sum(self.widths.values()) + 2 * len(self.widths)

    def heading(self) -> str:
        """Return the line above."""
        return "  " + "".join(
            f"{name:>{width}}  " if name == "TOOK" else f"{name:<{width}}  " for name, width in self.widths.items()
        )


def _widest(name: str, texts: Iterable[str]) -> int:
    longest = max((len(text) for text in texts), default=0)
    return max(len(name), min(longest, _MOST[name]))


class ExecutionTable(LineView):
    """Executions, one a line."""

    def __init__(self) -> None:
        super().__init__(id="table")
        self.listing = Listing()
        self.columns = Columns([], 80)

    @property
    def selected(self) -> ExecutionRow | None:
        """The execution under the cursor."""
        rows = self.listing.rows
        return rows[self.cursor] if 0 <= self.cursor < len(rows) else None

    def lay_out(self) -> None:
        """Choose the columns for what can be seen, so that their widths are steady while one walks."""
        top = max(0, round(self.scroll_offset.y) - 50)
        self.columns = Columns(self.listing.rows[top : top + 200], self.scrollable_content_region.width)

    def line_at(self, index: int, width: int) -> Line:  # noqa: ARG002 - the columns know it
        """Return an execution's line."""
        row = self.listing.rows[index]
        sign, ink = of_status(row.status)
        took = ""
        if row.started_at_us is not None and row.completed_at_us is not None:
            took = duration(row.completed_at_us - row.started_at_us)
        texts = {
            "ID": Piece(row.id, "strong" if index == self.cursor else "text", self.columns.widths["ID"]),
            "WORKFLOW": Piece(versioned(row.workflow, row.code), "dim"),
            "STATUS": Piece(f"{sign} {row.status}", ink),
            "STEP": Piece(row.current_step or ""),
            "STARTED": Piece(clock(row.started_at_us)[_YEAR:], "dim"),
            "TOOK": Piece(f"{took:>7}", "dim"),
            "ERROR": Piece(mask_text(row.error or ""), "bad"),
        }
        pieces = [Piece("▌ " if index == self.cursor else "  ", "accent")]
        for name, cells in self.columns.widths.items():
            pieces += [Piece(texts[name].text, texts[name].ink, cells), Piece("  ")]
        return pieces
