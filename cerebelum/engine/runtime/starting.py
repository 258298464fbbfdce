"""What a new execution looks like: its row and its first event."""

from __future__ import annotations

from msgspec import structs

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Start
from cerebelum.engine.runtime.blobs import stored_event


def new_start(
    execution_id: str,
    started: ev.ExecutionStarted,
    *,
    now_us: int,
    owner: str | None,
    scheduled_at_us: int | None = None,
    source: str = "",
) -> Start:
    """Return the start of an execution: owned by this node (epoch 1), or due for whoever claims it (owner None)."""
    row = ExecutionRow(
        id=execution_id,
        workflow=started.workflow,
        code=started.code,
        queue=started.queue,
        priority=started.priority,
        parent=started.parent,
        run=started.run,
        last_version=1,
        owner=owner,
        epoch=1 if owner else 0,
        wake_at_us=scheduled_at_us or now_us,
        scheduled_at_us=scheduled_at_us,
        inserted_at_us=now_us,
        updated_at_us=now_us,
    )
    data, blob = stored_event(started if owner else structs.replace(started, deferred=True))
    recorded = ev.RecordedEvent(1, started.type, data, now_us)
    return Start(row=row, events=(recorded,), source=source, blobs=(blob,) if blob else ())
