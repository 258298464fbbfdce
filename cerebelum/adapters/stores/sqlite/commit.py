"""The hot path: one batch for many executions, in a handful of statements.

R1: `MOVE` moves an execution's row only for its owner, its epoch and the expected version. It is the one that decides;
when it moved fewer rows than asked, the state read before (under the same lock) tells which were left out.
R2: the primary key of `history` is the second fence.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cerebelum.adapters.stores.rows import MADE_KEY, clean, made_key, new_execution_values
from cerebelum.adapters.stores.sqlite.bulk import Bulk, fetch_rows, json_list
from cerebelum.engine.domain.errors import InternalError
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Append, Batch, Committed, LogLine, Message, Start

OPEN = "status IN ('pending', 'running', 'waiting', 'paused')"
R1_GUARD = "executions.owner = w.column3 AND executions.epoch = w.column4 AND executions.last_version = w.column5"
_PROGRESS = ("code", "current_step", "error", "run", "last_version", "updated_at_us")  # change at any step
_REST = (
    *("owner", "status", "queue", "priority", "wake_at_us", "scheduled_at_us", "started_at_us", "completed_at_us"),
    "checkpoint",
)


def move_statement(guard: str, columns: Sequence[str]) -> Bulk:
    """Return the update of rows (n, id, owner, epoch, expected version, *columns) that pass `guard`."""
    changes = ", ".join(f"{column} = w.column{number}" for number, column in enumerate(columns, start=6))
    return Bulk(
        f"UPDATE executions SET claims = 0, {changes} FROM (VALUES {{rows}}) AS w "
        f"WHERE executions.n = w.column1 AND executions.id = w.column2 AND {guard}",
        5 + len(columns),
    )


# A step of an execution that runs on changes no indexed column; left out of the update, the indexes are not written.
MOVE = move_statement(R1_GUARD, _PROGRESS)
MOVE_ALL = move_statement(R1_GUARD, (*_PROGRESS, *_REST))
_NEW_COLUMNS = (*ExecutionRow.__struct_fields__, "n")
_START = Bulk(
    f"INSERT INTO executions ({', '.join(_NEW_COLUMNS)}) SELECT * FROM (VALUES {{rows}}) WHERE column1 IS NOT NULL",
    len(_NEW_COLUMNS),
)
_EVENTS = Bulk(
    "INSERT INTO history (execution, version, type, data, at_us) "
    "SELECT column1, column2, column3, column4, column5 FROM (VALUES {rows}) WHERE column1 IS NOT NULL",
    5,
)
_MESSAGES = Bulk(
    "INSERT OR IGNORE INTO messages "
    "(execution_id, kind, name, payload, sender, key, at_us, inserted_at_us, updated_at_us) "
    "SELECT w.column1, w.column2, w.column3, w.column4, w.column5, w.column6, w.column7, w.column7, "
    f"w.column7 FROM (VALUES {{rows}}) AS w CROSS JOIN executions AS x ON x.id = w.column1 WHERE x.{OPEN}",
    7,
)
_LOGS = Bulk(
    "INSERT INTO logs (execution_id, number, step, attempt, level, at_us, message, metadata) "
    "SELECT column1, column2, column3, column4, column5, column6, column7, column8 "
    "FROM (VALUES {rows}) WHERE column1 IS NOT NULL",
    8,
)


_FOUND = ", ".join(("id", "n", "epoch", "last_version", *_REST))
_REST_FOUND = 3  # where _REST begins, counted without the id


class _State:
    """What the batch has found and done so far."""

    def __init__(self, connection: sqlite3.Connection, now_us: int) -> None:
        self.connection, self.now_us = connection, now_us
        self.fenced: set[str] = set()
        self.refused: dict[str, str] = {}
        self.existing: set[str] = set()
        self.events: list[tuple[int, int, str, str, int]] = []
        self.appended: list[Append] = []  # those that passed


def commit(connection: sqlite3.Connection, batch: Batch, now_us: int, place: str) -> Committed:
    """Write the batch inside the transaction that the writer has begun. `place`: where its id is remembered."""
    state = _State(connection, now_us)
    apart = {start.row.id for start in batch.starts} | {statement[0] for statement in batch.statements}
    for appends in _rounds(append for append in batch.appends if append.row.id not in apart):
        _append(state, appends)
    if batch.statements:
        _append_with_statements(state, batch)
    if batch.starts:
        _start(state, batch.starts)
        started = apart - {statement[0] for statement in batch.statements}
        for appends in _rounds(append for append in batch.appends if append.row.id in started):
            _append(state, appends)
    if state.events:
        _EVENTS.run(connection, state.events)
    left_out = state.fenced | state.existing
    _consume(state)
    _send(state, [message for message in batch.messages if message.source not in left_out])
    add_logs(connection, [line for line in batch.logs if line.execution_id not in left_out])
    for digest, content in batch.blobs:
        connection.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?, ?)", (digest, content, now_us, now_us))
    connection.execute(
        "INSERT INTO batches VALUES (?, ?, ?, ?) "
        "ON CONFLICT (writer) DO UPDATE SET id = excluded.id, updated_at_us = excluded.updated_at_us",
        (place, batch.id, now_us, now_us),
    )
    return Committed(fenced=frozenset(state.fenced), existing=frozenset(state.existing), refused=state.refused)


def _rounds(appends: Iterable[Append]) -> Iterator[list[Append]]:
    """Yield lists in which no execution occurs twice; usually one."""
    rest = list(appends)
    while rest:
        first: dict[str, Append] = {}
        later = [append for append in rest if first.setdefault(append.row.id, append) is not append]
        yield list(first.values())
        rest = later


def _append(state: _State, appends: Sequence[Append]) -> None:
    found = {
        row[0]: row[1:]
        for row in fetch_rows(
            state.connection,
            _FOUND,
            "SELECT * FROM executions WHERE id IN (SELECT value FROM json_each(?))",
            (json_list([append.row.id for append in appends]),),
        )
    }
    steps: list[Any] = []
    others: list[Any] = []
    for append in appends:
        row = append.row
        if row.id in found:
            before = found[row.id]
            values = (before[0], row.id, append.owner, append.epoch, append.expected_version, *_progress(row, state))
            if (rest := _rest(row)) == before[_REST_FOUND:]:
                steps.append(values)
            else:
                others.append((*values, *rest))
    moved = MOVE.run(state.connection, steps) + MOVE_ALL.run(state.connection, others)
    passed: Sequence[Append] = appends
    if moved != len(appends):
        passed = [append for append in appends if _was_expected(found.get(append.row.id), append)]
        if moved != len(passed):
            raise InternalError(f"{moved} rows moved where {len(passed)} were expected; nothing was written")
        state.fenced.update({append.row.id for append in appends} - {append.row.id for append in passed})
    for append in passed:
        state.events.extend(_events(found[append.row.id][0], append.events, append.expected_version, append.row, state))
    state.appended.extend(passed)


def _append_with_statements(state: _State, batch: Batch) -> None:
    """Append what has statements of a `transactional` step, one by one; a statement that fails leaves out its own only."""
    named = {statement[0] for statement in batch.statements}
    for append in batch.appends:
        if append.row.id not in named:
            continue
        count = len(state.events)
        state.connection.execute("SAVEPOINT statements")
        try:
            _append(state, [append])
            if append.row.id not in state.fenced:
                for _, sql, parameters in (item for item in batch.statements if item[0] == append.row.id):
                    state.connection.execute(sql, tuple(parameters))
        except sqlite3.Error as error:
            if not state.connection.in_transaction:  # a full disk, say: that is not the statement's own fault
                raise
            state.connection.execute("ROLLBACK TO statements")
            del state.events[count:]
            state.appended = [item for item in state.appended if item is not append]
            state.fenced.add(append.row.id)
            state.refused[append.row.id] = str(error)
        if not state.connection.in_transaction:
            raise InternalError(f"a transactional step of {append.row.id} ended the transaction")
        state.connection.execute("RELEASE statements")


def _was_expected(found: Sequence[Any] | None, append: Append) -> bool:
    return found is not None and found[1:4] == [append.epoch, append.expected_version, append.owner]


def _progress(row: ExecutionRow, state: _State) -> tuple[Any, ...]:
    error = None if row.error is None else clean(row.error)
    return row.code, row.current_step, error, row.run, row.last_version, row.updated_at_us or state.now_us


def _rest(row: ExecutionRow) -> list[Any]:
    wake_at_us = None if row.ended else row.wake_at_us  # I12: nothing wakes what has ended
    return [
        row.owner,
        row.status,
        row.queue,
        row.priority,
        wake_at_us,
        row.scheduled_at_us,
        row.started_at_us,
        row.completed_at_us,
        row.checkpoint,
    ]


def _events(
    number: int, events: Sequence[RecordedEvent], before: int, row: ExecutionRow, state: _State
) -> Iterator[tuple[int, int, str, str, int]]:
    """Yield rows of `history`; a gap (I2) would be a bug of the engine, and is refused with the whole batch."""
    for version, event in enumerate(events, start=before + 1):
        if event.version != version:
            raise InternalError(f"event {event.version} of {row.id} follows event {version - 1}; nothing was written")
        yield number, version, event.type, event.data.decode(), event.at_us or state.now_us
    if row.last_version != before + len(events):
        raise InternalError(f"{row.id} has {before + len(events)} events, its row says {row.last_version}")


def _start(state: _State, starts: Sequence[Start]) -> None:
    taken = {
        row[0]
        for row in fetch_rows(
            state.connection,
            "id",
            "SELECT id FROM executions WHERE id IN (SELECT value FROM json_each(?))",
            (json_list([start.row.id for start in starts]),),
        )
    }
    number = state.connection.execute("SELECT coalesce(max(n), 0) FROM executions").fetchone()[0]
    rows = []
    for start in starts:
        row = start.row
        if row.id in taken or start.source in state.fenced:
            state.existing.add(row.id)
        else:
            taken.add(row.id)
            number += 1
            rows.append((*new_execution_values(row, state.now_us), number))
            state.events.extend(_events(number, start.events, 0, row, state))
    _START.run(state.connection, rows)


def _consume(state: _State) -> None:
    """Take messages out of the inbox; keys that a sender chose are kept until the execution ends, unread ones as well."""
    connection = state.connection
    if consumed := [number for append in state.appended if not append.row.ended for number in append.consumed]:
        ids = json_list(consumed)
        made = f"{MADE_KEY}*"
        connection.execute(
            "DELETE FROM messages WHERE id IN (SELECT value FROM json_each(?)) AND key GLOB ?", (ids, made)
        )
        connection.execute(
            "UPDATE messages SET consumed_at_us = ?, updated_at_us = ?, payload = 'null' "
            "WHERE id IN (SELECT value FROM json_each(?))",
            (state.now_us, state.now_us, ids),
        )
        connection.executemany(
            "UPDATE messages SET payload = ? WHERE id = ?",
            [(text.decode(), number) for append in state.appended for number, text in append.replies],
        )
    if ended := [append.row.id for append in state.appended if append.row.ended]:
        connection.execute(
            "DELETE FROM messages WHERE execution_id IN (SELECT value FROM json_each(?))", (json_list(ended),)
        )


def _send(state: _State, messages: Sequence[Message]) -> None:
    """Fill inboxes, then wake those who wait while theirs is not empty: their own owner does not look any more."""
    if messages:
        add_messages(state.connection, messages, state.now_us)
    waiting = [append.row.id for append in state.appended if append.row.owner is None and not append.row.ended]
    wake(state.connection, [*waiting, *(message.execution_id for message in messages)], state.now_us)


def add_messages(connection: sqlite3.Connection, messages: Sequence[Message], now_us: int) -> int:
    """Insert messages to open executions, without known keys; return how many were new."""
    return _MESSAGES.run(
        connection,
        [
            (
                item.execution_id,
                item.kind,
                item.name,
                item.payload.decode(),
                item.sender,
                item.key or made_key(),
                now_us,
            )
            for item in messages
        ],
    )


def wake(connection: sqlite3.Connection, execution_ids: Sequence[str], now_us: int) -> None:
    """Make those due that nobody owns and whose inbox is not empty."""
    if execution_ids:
        connection.execute(
            f"UPDATE executions SET wake_at_us = ? WHERE owner IS NULL AND {OPEN} "
            "AND (wake_at_us IS NULL OR wake_at_us > ?) AND id IN (SELECT m.execution_id FROM messages AS m "
            "WHERE m.consumed_at_us IS NULL AND m.execution_id IN (SELECT value FROM json_each(?)))",
            (now_us, now_us, json_list(execution_ids)),
        )


def add_logs(connection: sqlite3.Connection, lines: Sequence[LogLine]) -> None:
    """Insert captured lines."""
    _LOGS.run(
        connection,
        [
            (
                line.execution_id,
                line.number,
                line.step,
                line.attempt,
                line.level,
                line.at_us,
                clean(line.message),
                line.metadata.decode(),
            )
            for line in lines
        ],
    )
