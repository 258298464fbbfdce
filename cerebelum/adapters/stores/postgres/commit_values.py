"""The parameters of a commit's statement, in the order in which `commit_sql` numbers them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

from cerebelum.adapters.stores.postgres import tables
from cerebelum.adapters.stores.postgres.commit_sql import Shape
from cerebelum.adapters.stores.rows import clean, made_key, new_execution_values
from cerebelum.engine.domain.errors import InternalError
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import FINAL, ExecutionRow
from cerebelum.engine.ports.store import Append, Batch, LogLine, Message, Start

Row = tuple[Any, ...]

_moved = attrgetter(*tables.MOVED)
_ERROR = tables.MOVED.index("error")


def shape_and_values(batch: Batch, place: str) -> tuple[Shape, list[Any]]:
    """Return which statement the batch needs, and its parameters. No execution may occur twice in the batch.

    `place` is the row of `batches` that remembers the batch's id.

    Raises:
        InternalError: the events leave a gap (I2).
        UnicodeError: a text cannot be stored.
    """
    appends = sorted(batch.appends, key=_id)
    starts = sorted(batch.starts, key=_id)
    moving = {append.row.id for append in appends}
    own = moving | {start.row.id for start in starts}
    targets = {message.execution_id for message in batch.messages}
    shape = Shape(messages=bool(targets), logs=bool(batch.logs), blobs=bool(batch.blobs))
    values: list[Any] = [place, batch.id]
    if targets:
        values.append(sorted(moving | targets))
    if appends:
        shape = _add_appends(shape, values, appends, targets)
    if starts:
        rows = [(*new_execution_values(start.row, None), start.source, start.source in moving) for start in starts]
        same, columns = tables.STARTS.values(rows)
        shape = shape._replace(starts=True, same_in_starts=same)
        values += columns
    events = [row for append in appends for row in _events(append.row, append.events, append.expected_version)]
    events += [row for start in starts for row in _events(start.row, start.events, 0)]
    if events:
        shape = shape._replace(events=True)
        values += tables.EVENTS.values(events)[1]
    if targets:
        values += (sorted(targets), *tables.MESSAGES.values([_message(item, own) for item in batch.messages])[1])
    if batch.logs:
        values += tables.LOGS.values([_log(line, own) for line in batch.logs])[1]
    if batch.blobs:
        values += tables.BLOBS.values(sorted(dict(batch.blobs).items()))[1]
    values.append(len(own))
    return shape, values


def _add_appends(shape: Shape, values: list[Any], appends: Sequence[Append], targets: set[str]) -> Shape:
    same, columns = tables.APPENDS.values([_append(append, targets) for append in appends])
    values += columns
    releases = any(_releases(append) for append in appends)
    ended = any(append.row.status in FINAL for append in appends)
    goes_on = appends if not ended else [append for append in appends if append.row.status not in FINAL]
    replies = {number: text.decode() for append in goes_on for number, text in append.replies}
    consumed = [
        (number, append.row.id, replies.get(number, "null")) for append in goes_on for number in append.consumed
    ]
    if releases:
        values.append([number for number, *_ in consumed])
    if consumed:
        values += tables.CONSUMED.values(consumed)[1]
    return shape._replace(appends=True, same_in_appends=same, releases=releases, consumed=bool(consumed), ended=ended)


def _id(item: Append | Start) -> str:
    return item.row.id


def _releases(append: Append) -> bool:
    return append.row.owner is None and append.row.status not in FINAL


def _append(append: Append, targets: set[str]) -> Row:
    row = append.row
    moved = _moved(row)
    if row.error is not None:
        moved = (*moved[:_ERROR], clean(row.error), *moved[_ERROR + 1 :])
    return (
        row.id,
        append.owner,
        append.epoch,
        append.expected_version,
        *moved,
        row.owner,
        None if row.status in FINAL else row.wake_at_us,  # I12: nothing wakes what has ended
        row.updated_at_us or None,
        _releases(append),
        row.id in targets,
    )


def _events(row: ExecutionRow, events: Sequence[RecordedEvent], before: int) -> Iterator[Row]:
    """Yield rows of `events`; a gap would be a bug of the engine, and is refused with the whole batch."""
    for version, event in enumerate(events, start=before + 1):
        if event.version != version:
            raise InternalError(f"event {event.version} of {row.id} follows event {version - 1}; nothing was written")
        yield row.id, version, event.type, event.data.decode(), event.at_us or None
    if row.last_version != before + len(events):
        raise InternalError(f"{row.id} has {before + len(events)} events, its row says {row.last_version}")


def _message(message: Message, own: set[str]) -> Row:
    return (
        message.execution_id,
        message.kind,
        message.name,
        message.payload.decode(),
        message.sender,
        message.key or made_key(),
        message.source,
        message.source not in own,
    )


def _log(line: LogLine, own: set[str]) -> Row:
    return (
        line.execution_id,
        line.number,
        clean(line.step),
        line.attempt,
        line.level,
        line.at_us,
        clean(line.message),
        line.metadata.decode(),
        line.execution_id not in own,
    )
