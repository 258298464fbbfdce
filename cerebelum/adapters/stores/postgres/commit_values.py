"""The parameters of a commit's statement, in the order in which `commit_sql` numbers them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

from cerebelum.adapters.stores.postgres import commit_sql
from cerebelum.adapters.stores.postgres.commit_sql import Columns, Shape
from cerebelum.adapters.stores.rows import clean, made_key
from cerebelum.engine.domain.errors import InternalError
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import FINAL, ExecutionRow
from cerebelum.engine.ports.store import Append, Batch, LogLine, Message

Row = tuple[Any, ...]

_moved = attrgetter(*commit_sql.MOVED)
_ERROR = commit_sql.MOVED.index("error")


def shape_and_values(batch: Batch, place: str) -> tuple[Shape, list[Any]]:
    """Return which statement the batch needs, and its parameters. No execution may occur twice in the batch.

    `place` is the row of `batches` that remembers the batch's id.

    Raises:
        InternalError: the events leave a gap (I2).
        UnicodeError: a text cannot be stored.
    """
    appends = sorted(batch.appends, key=lambda append: append.row.id)
    starts = sorted(batch.starts, key=lambda start: start.row.id)
    moving = {append.row.id for append in appends}
    own = moving | {start.row.id for start in starts}
    targets = {message.execution_id for message in batch.messages}
    releases = any(_releases(append) for append in appends)
    consumed = [(number, append.row.id, append.row.status in FINAL) for append in appends for number in append.consumed]
    ended = [append.row.id for append in appends if append.row.status in FINAL]
    events = [row for append in appends for row in _events(append.row, append.events, append.expected_version)]
    events += [row for start in starts for row in _events(start.row, start.events, 0)]

    values: list[Any] = [place, batch.id]
    if batch.messages:
        values.append(sorted(moving | targets))
    if appends:
        values += _arrays([_append(append) for append in appends], commit_sql.APPEND_COLUMNS)
    if releases:
        values += _arrays(
            [(_releases(append), append.row.id in targets) for append in appends], commit_sql.RELEASE_COLUMNS
        )
        values.append([number for number, _, _ in consumed])
    if consumed:
        values += _arrays(consumed, commit_sql.CONSUMED_COLUMNS)
    if ended:
        values.append(ended)
    if starts:
        rows = [(*new_values(start.row), start.source, start.source in moving) for start in starts]
        values += _arrays(rows, (*commit_sql.START_COLUMNS, *commit_sql.SOURCE_COLUMNS))
    if events:
        values += _arrays(events, commit_sql.EVENT_COLUMNS)
    if batch.messages:
        values.append(sorted(targets))
        values += _arrays([_message(item, own) for item in batch.messages], commit_sql.MESSAGE_COLUMNS)
    if batch.logs:
        values += _arrays([_log(line, own) for line in batch.logs], commit_sql.LOG_COLUMNS)
    if batch.blobs:
        values += _arrays(sorted(dict(batch.blobs).items()), commit_sql.BLOB_COLUMNS)
    values.append(len(own))
    shape = Shape(
        appends=bool(appends),
        releases=releases,
        consumed=bool(consumed),
        ended=bool(ended),
        starts=bool(starts),
        events=bool(events),
        messages=bool(batch.messages),
        logs=bool(batch.logs),
        blobs=bool(batch.blobs),
    )
    return shape, values


def _arrays(rows: Sequence[Row], columns: Columns) -> Sequence[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * len(columns)


def _releases(append: Append) -> bool:
    return append.row.owner is None and append.row.status not in FINAL


def _append(append: Append) -> Row:
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
    )


def new_values(row: ExecutionRow) -> Row:
    """Return a new row's columns, in the order of the struct's fields; None where the store puts its own time."""
    return (
        row.id,
        row.workflow,
        row.code,
        row.status,
        row.queue,
        row.priority,
        row.current_step,
        None if row.error is None else clean(row.error),
        row.parent,
        row.run,
        row.last_version,
        row.owner,
        row.epoch,
        row.claims,
        None if row.status in FINAL else row.wake_at_us,
        row.scheduled_at_us,
        row.started_at_us,
        row.completed_at_us,
        row.inserted_at_us or None,
        row.updated_at_us or None,
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
