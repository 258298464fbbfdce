"""F26: every query of the hot path and of the lists uses an index on a table of some thousand rows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cerebelum.adapters.stores.sqlite import claims, commit, history, inbox
from cerebelum.adapters.stores.sqlite.bulk import Bulk
from cerebelum.adapters.stores.sqlite.connections import connect_reader
from cerebelum.adapters.stores.sqlite.listing import list_statement
from cerebelum.adapters.stores.sqlite.store import SqliteStore
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.testing import store_samples as a

STEPS = ("charge", "ship", None)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """4,000 executions of 20 workflows, and some messages."""
    path = tmp_path_factory.mktemp("indexes") / "cerebelum.db"
    asyncio.run(_fill(path))
    connection = connect_reader(path)
    yield connection
    connection.close()


async def _fill(path: Path) -> None:
    store = SqliteStore(str(path))
    await store.open()
    for begin in range(0, 4000, 500):
        rows = [
            a.waiting(
                workflow=f"flow:{number % 20}",
                current_step=STEPS[number % 3],
                last_version=2,
                parent="exec-p" if number % 10 == 0 else None,
            )
            for number in range(begin, begin + 500)
        ]
        await a.started(store, *rows)
        await store.commit(a.batch(messages=[a.message(each.id) for each in rows[:10]]))
    await store.close()


def _plan(connection: sqlite3.Connection, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> str:
    return "\n".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters))


def _scans(plan: str) -> list[str]:
    """Return the steps that read a whole table of ours."""
    names = ("executions", "history", "messages", "logs", "x", "m", "h")
    return [line for line in plan.splitlines() if line.startswith("SCAN") and line.split()[1] in names]


FILTERS = {
    "all": (ExecutionFilter(), "ix_executions_inserted_at"),
    "workflow": (ExecutionFilter(workflow="flow:3"), "ix_executions_workflow"),
    "status": (ExecutionFilter(statuses=["failed"]), "ix_executions_status"),
    "current_step": (ExecutionFilter(current_step="charge"), "ix_executions_status"),
    "time range": (ExecutionFilter(started_from_us=1, started_to_us=2), "ix_executions_started_at"),
    "parent": (ExecutionFilter(parent="exec-p"), "ix_executions_parent"),
    "id prefix": (ExecutionFilter(id_prefix="exec-1"), "sqlite_autoindex_executions"),
    "page": (ExecutionFilter(before=(1, "exec-1")), "ix_executions_inserted_at"),
    "workflow and step": (ExecutionFilter(workflow="flow:3", current_step="charge"), "ix_executions_"),
}


@pytest.mark.parametrize("query, index", FILTERS.values(), ids=FILTERS.keys())
def test_a_list_uses_an_index(connection: sqlite3.Connection, query: ExecutionFilter, index: str) -> None:
    """F26, F14: lists by workflow, status, step, time range, parent and id prefix do not read the whole table."""
    plan = _plan(connection, *list_statement(query))
    assert index in plan
    assert not [line for line in _scans(plan) if index not in line]


HOT = {
    "claim": (claims.DUE, ("flow:3", 0, 1, 10), "ix_executions_due"),
    "priorities": (claims._PRIORITIES, ("flow:3",), "ix_executions_due"),
    "next wake": (claims._NEXT_WAKE, ("flow:3", 0), "ix_executions_due"),
    "history": (history.HISTORY, ("exec-1", 0, 9, 9), "PRIMARY KEY"),
    "histories": (history._HISTORIES, ('["exec-1"]',), "PRIMARY KEY"),
    "inbox": (inbox.INBOX, (0, a.OWNER), "ix_messages_inbox"),
    "inbox of one": (inbox.INBOX_OF, ("exec-1",), "uq_messages_key"),
    "takeover": (
        "SELECT n FROM executions WHERE owner IN (SELECT value FROM json_each(?))",
        ('["n"]',),
        "ix_executions_owner",
    ),
    "logs": ("SELECT * FROM logs WHERE execution_id = ? AND id > ? ORDER BY id", ("exec-1", 0), "ix_logs_execution"),
    "steps": ("SELECT * FROM step_executions WHERE workflow_id = ?", ("exec-1",), "PRIMARY KEY"),
    "events": ("SELECT * FROM events WHERE execution_id = ?", ("exec-1",), "PRIMARY KEY"),
    "one execution": ("SELECT * FROM workflow_executions WHERE id = ?", ("exec-1",), "autoindex_executions"),
}


@pytest.mark.parametrize("sql, parameters, index", HOT.values(), ids=HOT.keys())
def test_a_query_of_the_hot_path_uses_an_index(
    connection: sqlite3.Connection, sql: str, parameters: Sequence[Any], index: str
) -> None:
    """F26: claims in queue order, histories, inboxes, takeovers, and the views for one execution."""
    plan = _plan(connection, sql, parameters)
    name = "sqlite_autoindex_messages" if index == "uq_messages_key" else index
    assert name in plan
    whole = [line for line in _scans(plan) if name not in line]
    assert not whole


@pytest.mark.parametrize("move", [commit.MOVE, commit.MOVE_ALL], ids=["step", "any"])
def test_an_append_goes_to_its_row(connection: sqlite3.Connection, move: Bulk) -> None:
    """F26, R1: the update of a batch looks each row up by its key."""
    plan = _plan(connection, move._sql[512], [None] * len(move._padding) * 512)
    assert "SEARCH executions USING INTEGER PRIMARY KEY" in plan
