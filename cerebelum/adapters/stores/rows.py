"""Between the port's structs and rows, for every SQL store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import CodeVersion, LogLine, Message, NodeRow

EXECUTION_COLUMNS: tuple[str, ...] = ExecutionRow.__struct_fields__
MESSAGE_COLUMNS: tuple[str, ...] = tuple(name for name in Message.__struct_fields__ if name != "source")
LOG_COLUMNS: tuple[str, ...] = LogLine.__struct_fields__
NODE_COLUMNS: tuple[str, ...] = NodeRow.__struct_fields__
CODE_COLUMNS: tuple[str, ...] = CodeVersion.__struct_fields__
BATCHES_KEPT = 16  # of each writer, which is one store object: enough for the nodes that may share it
MADE_KEY = "~auto/"  # keys that the store made: nobody can send them again, so they need not be remembered


def execution_of(values: Sequence[Any]) -> ExecutionRow:
    """Return the row whose columns are EXECUTION_COLUMNS."""
    return ExecutionRow(**dict(zip(EXECUTION_COLUMNS, values, strict=True)))


def message_of(values: Sequence[Any]) -> Message:
    """Return the message whose columns are MESSAGE_COLUMNS."""
    fields = dict(zip(MESSAGE_COLUMNS, values, strict=True))
    return Message(**fields | {"payload": as_bytes(fields["payload"])})


def log_of(values: Sequence[Any]) -> LogLine:
    """Return the line whose columns are LOG_COLUMNS."""
    fields = dict(zip(LOG_COLUMNS, values, strict=True))
    return LogLine(**fields | {"metadata": as_bytes(fields["metadata"])})


def node_of(values: Sequence[Any]) -> NodeRow:
    """Return the node whose columns are NODE_COLUMNS."""
    fields = dict(zip(NODE_COLUMNS, values, strict=True))
    return NodeRow(**fields | {"workflows": msgspec.json.decode(fields["workflows"], type=tuple[str, ...])})


def code_of(values: Sequence[Any]) -> CodeVersion:
    """Return the version whose columns are CODE_COLUMNS."""
    fields = dict(zip(CODE_COLUMNS, values, strict=True))
    texts = {name: as_bytes(fields[name]) if fields[name] is not None else None for name in ("source", "graph")}
    return CodeVersion(**fields | texts)


def as_bytes(text: str | bytes) -> bytes:
    """Return JSON text as the engine handles it."""
    return text.encode() if isinstance(text, str) else text


def clean(text: str) -> str:
    """Return `text` without what databases refuse: NUL and lone surrogates, shown as escapes instead.

    For log lines and error summaries: what a step prints must not keep its neighbours' events from being written.
    """
    if text.isascii():
        return text.replace("\0", "\\x00") if "\0" in text else text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def new_execution_values(row: ExecutionRow, now_us: int | None) -> tuple[Any, ...]:
    """Return a new row's columns, in the order of the struct's fields.

    Args:
        now_us: for instants that the row leaves to the store; None where the statement itself puts them in.
    """
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
        row.checkpoint,
        row.owner,
        row.epoch,
        row.claims,
        None if row.ended else row.wake_at_us,
        row.scheduled_at_us,
        row.started_at_us,
        row.completed_at_us,
        row.inserted_at_us or now_us,
        row.updated_at_us or now_us,
    )


def made_key() -> str:
    """Return a key for a message that came without one."""
    return MADE_KEY + os.urandom(12).hex()


def by_owner(counts: Iterable[Sequence[Any]]) -> dict[str, dict[str, int]]:
    """Return (owner, queue, count) as owner -> queue -> count."""
    found: dict[str, dict[str, int]] = {}
    for owner, queue, count in counts:
        found.setdefault(owner, {})[queue] = count
    return found
