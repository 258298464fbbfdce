"""Rows, events and batches for tests of stores. Small, valid, and each different."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.ids import ExecutionId, new_nonce
from cerebelum.engine.ports.store import Append, Batch, Committed, Message, NodeRow, Start, Store

WORKFLOW = "flow:order"
OWNER = "nonce-a"
OTHER = "nonce-b"
AT_US = 1_764_000_000_000_000  # 2025-11-24T16:00:00Z
HOUR_US = 3_600_000_000
_ascending = itertools.count(1)


def event(version: int, kind: str = "step_completed", data: bytes = b'{"number":1,"result":7}') -> RecordedEvent:
    """Return the event `version` of a history."""
    return RecordedEvent(version, kind, data, AT_US + version)


def row(execution_id: str = "", **fields: Any) -> ExecutionRow:
    """Return the row of an execution with one event that OWNER runs; inserted later than all rows before it."""
    inserted_at_us = AT_US + next(_ascending)
    values: dict[str, Any] = {
        "id": execution_id or ExecutionId.new(),
        "workflow": WORKFLOW,
        "code": "c0de",
        "status": "running",
        "last_version": 1,
        "owner": OWNER,
        "epoch": 1,
        "started_at_us": inserted_at_us,
        "inserted_at_us": inserted_at_us,
        "updated_at_us": inserted_at_us,
    }
    return ExecutionRow(**values | fields)


def waiting(execution_id: str = "", *, wake_at_us: int | None = 1, **fields: Any) -> ExecutionRow:
    """Return the row of an execution that nobody owns; by default it is due."""
    return row(execution_id, **{"status": "waiting", "owner": None, "wake_at_us": wake_at_us} | fields)


def start(new: ExecutionRow, **fields: Any) -> Start:
    """Return the start of `new`, with as many events as its `last_version` says."""
    first = [event(1, "execution_started", b'{"workflow":"flow:order","input":{"a":1}}')]
    return Start(row=new, events=[*first, *(event(version) for version in range(2, new.last_version + 1))], **fields)


def batch(**fields: Any) -> Batch:
    """Return a batch with a new id."""
    return Batch(id=new_nonce(), **fields)


async def started(store: Store, *rows: ExecutionRow) -> list[ExecutionRow]:
    """Commit these executions; return their rows."""
    committed = await store.commit(batch(starts=[start(new) for new in rows]))
    assert committed == Committed()
    return list(rows)


def append(
    before: ExecutionRow, *, count: int = 1, consumed: Sequence[int] = (), replies: Sequence[tuple[int, bytes]] = (),
    **fields: Any,
) -> Append:  # fmt: skip
    """Return `count` more events of `before`, by its present owner; `fields` are the row's afterwards."""
    version = before.last_version
    return Append(
        row=replace(before, **{"last_version": version + count, "updated_at_us": before.updated_at_us + 1} | fields),
        expected_version=version,
        owner=before.owner or OWNER,
        epoch=before.epoch,
        events=[event(number) for number in range(version + 1, version + count + 1)],
        consumed=consumed,
        replies=replies,
    )


def message(execution_id: str, **fields: Any) -> Message:
    """Return a signal to an execution."""
    return Message(
        **{"execution_id": execution_id, "kind": "signal", "name": "paid", "payload": b'{"by":"card"}'} | fields
    )


def node(nonce: str = OWNER, **fields: Any) -> NodeRow:
    """Return a node; the store sets its lease."""
    values: dict[str, Any] = {"name": "host:1", "host": "boot-1", "pid": 1, "lease_until_us": 0, "started_at_us": AT_US}
    return NodeRow(nonce=nonce, **values | fields)


async def versions(store: Store, execution_id: str) -> list[int]:
    """Return the versions in a history."""
    return [recorded.version for recorded in await store.read_history(execution_id)]


async def the_row(store: Store, execution_id: str) -> ExecutionRow:
    """Return a row that must be there."""
    found = await store.get_execution(execution_id)
    assert found is not None, f"no execution {execution_id}"
    return found
