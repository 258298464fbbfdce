"""Imported executions: rows that look ended to every store, so that no node ever takes them up.

The history of a copy is the original's, byte for byte, whatever it was doing when it was exported. What keeps a copy from
running is its row: its status is a final one, which claims, messages, takeovers and commits of every store leave alone.
The mark is a number of claims that no execution has which ever ran.
"""

from __future__ import annotations

from msgspec.structs import replace

from cerebelum.engine.domain.execution import FINAL, ExecutionRow
from cerebelum.engine.domain.projection import ExecutionState, projected_row

COPY_CLAIMS = -1


def is_copy(row: ExecutionRow) -> bool:
    """Whether the execution was imported, and is only to be looked at."""
    return row.claims == COPY_CLAIMS


def copied_row(execution_id: str, state: ExecutionState, *, at_us: int) -> ExecutionRow:
    """Return the row of a copy whose history says `state`, imported at `at_us`."""
    blank = ExecutionRow(id=execution_id, workflow=state.workflow, inserted_at_us=at_us, updated_at_us=at_us)
    return as_copy(replace(projected_row(blank, state), id=execution_id), state)


def as_copy(row: ExecutionRow, state: ExecutionState) -> ExecutionRow:
    """Return `row` as no store gives it to a node: ended, unowned, never due."""
    shut = replace(row, claims=COPY_CLAIMS, owner=None, epoch=0, wake_at_us=None)
    if row.status in FINAL:
        return shut
    told = f"imported copy of an execution that was {state.status}; it never runs here"
    return replace(shut, status="cancelled", error=told, completed_at_us=state.now_us, current_step=None)
