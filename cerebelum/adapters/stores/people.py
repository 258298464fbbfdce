"""What waits for people: one select for both dialects, of the few events that say so.

Few executions ask anybody, and their row says so: the select walks the open executions along their index, and reads
events of those alone, by their key. An index of such events would cost each commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import OPEN, ExecutionRow
from cerebelum.engine.domain.projection_inputs import CURRENT_STEP, INPUT_EVENTS, OpenInput, open_inputs


def inputs_in_memory(
    rows: Iterable[ExecutionRow], histories: Mapping[str, Mapping[int, RecordedEvent]]
) -> list[OpenInput]:
    """Return the same of rows and histories (by id and version) in memory."""
    asking = [row for row in rows if row.status in OPEN and (row.current_step or "").startswith(CURRENT_STEP)]
    return open_inputs(
        (row.id, row.workflow, event) for row in asking for _, event in sorted(histories[row.id].items())
    )


def statement(dialect: Literal["sqlite", "postgresql"]) -> str:
    """Return the select of (id, workflow, version, type, data, at_us); it has no parameters."""
    join = "history AS e ON e.execution = x.n" if dialect == "sqlite" else "events AS e ON e.execution_id = x.id"
    return (
        "SELECT x.id, x.workflow, e.version, e.type, e.data, e.at_us "
        f"FROM executions AS x JOIN {join} WHERE x.status IN ({_quoted(OPEN)}) "
        f"AND substr(x.current_step, 1, {len(CURRENT_STEP)}) = '{CURRENT_STEP}' AND e.type IN ({_quoted(INPUT_EVENTS)}) "
        "ORDER BY x.id, e.version"
    )


def inputs_of(rows: Iterable[Sequence[Any]]) -> list[OpenInput]:
    """Return what the rows of the select say."""
    return open_inputs(
        (execution_id, workflow, RecordedEvent(version, kind, data.encode(), at_us))
        for execution_id, workflow, version, kind, data, at_us in rows
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
