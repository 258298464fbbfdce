"""Cuts of a batch, for when one statement cannot hold it: each piece is written after the one before."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from cerebelum.engine.ports.store import Append, Batch


def has_doubles(batch: Batch) -> bool:
    """Return whether an execution is moved twice, or is started and meant by another part of the same batch."""
    ids = [append.row.id for append in batch.appends] + [start.row.id for start in batch.starts]
    own = set(ids)
    if len(own) != len(ids):
        return True
    if not batch.starts or not batch.messages:
        return False
    addressed = {message.execution_id for message in batch.messages}
    return any(start.row.id in addressed for start in batch.starts)


def only(batch: Batch, execution_id: str) -> Batch:
    """Return one execution's rows and statements, with the children that it starts."""
    return Batch(
        id=batch.id,
        starts=[start for start in batch.starts if execution_id in {start.row.id, start.source}],
        appends=[append for append in batch.appends if append.row.id == execution_id],
        statements=[statement for statement in batch.statements if statement[0] == execution_id],
    )


def without(batch: Batch, ids: AbstractSet[str]) -> Batch:
    """Return the batch without what belongs to these executions, their children included."""
    return Batch(
        id=batch.id,
        starts=[start for start in batch.starts if not {start.row.id, start.source} & ids],
        appends=[append for append in batch.appends if append.row.id not in ids],
        messages=[message for message in batch.messages if message.source not in ids],
        logs=[line for line in batch.logs if line.execution_id not in ids],
        blobs=batch.blobs,
        statements=[statement for statement in batch.statements if statement[0] not in ids],
    )


def ids_of(batch: Batch) -> frozenset[str]:
    """Return the executions that the batch starts or moves."""
    return frozenset([append.row.id for append in batch.appends] + [start.row.id for start in batch.starts])


def rows_only(batch: Batch) -> Iterator[Batch]:
    """Yield the starts and appends in pieces in which no execution occurs twice, in their order."""
    starts = {start.row.id: start for start in reversed(batch.starts)}
    appends: list[Append] = list(batch.appends)
    seen = set(starts)
    first = True
    while first or appends:
        now: dict[str, Append] = {}
        later = [
            append for append in appends if append.row.id in seen or now.setdefault(append.row.id, append) is not append
        ]
        yield Batch(id=batch.id, starts=list(starts.values()) if first else [], appends=list(now.values()))
        appends, seen, first = later, set(), False
