from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import Raw
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from cerebelum.adapters.stores import migrate
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.events import Event, encode_event

START_US = 1_764_000_000_123_456
ERROR = ev.ErrorInfo(type="flow:Declined", message="no funds")
HISTORY: list[Event] = [
    ev.ExecutionStarted(workflow="order", input=Raw(b'{"id":"a\\u0000b","total":1e100000}'), seed=1),
    ev.StepScheduled(number=1, name="charge", args=Raw(b'{"order":true}')),
    ev.StepFailedEvent(number=1, attempt=1, error=ERROR, started_us=START_US + 2_000_000, retry_at_us=START_US + 9),
    ev.StepCompleted(number=1, attempt=2, result=Raw(b'"paid"'), started_us=START_US + 3_500_000),
    ev.StepScheduled(number=2, name="ship"),
    ev.StepFailedEvent(number=2, attempt=1, error=ERROR, retry_at_us=START_US + 9_000_000),
    ev.StepScheduled(number=3, name="mail"),
]


@pytest.fixture(params=["sqlite", "postgresql"])
async def connection(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncIterator[AsyncConnection]:
    """An upgraded database of either kind with one execution; its events are a second apart."""
    url = f"sqlite:///{tmp_path}/x.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    await migrate.upgrade(url)
    driver = "+aiosqlite://" if request.param == "sqlite" else "+asyncpg://"
    engine = create_async_engine(url.replace("://", driver, 1))
    async with engine.connect() as connection:
        await _fill(connection)
        yield connection
    await engine.dispose()


async def _fill(connection: AsyncConnection) -> None:
    await connection.execute(
        text(
            "INSERT INTO executions (id, workflow, code, status, last_version, current_step, started_at_us, "
            "inserted_at_us, updated_at_us) VALUES ('exec-1', 'order', 'c0de', 'running', :last, 'ship', :at, :at, :at)"
        ),
        {"last": len(HISTORY), "at": START_US},
    )
    table = "history (execution," if connection.dialect.name == "sqlite" else "events (execution_id,"
    for version, event in enumerate(HISTORY, start=1):
        await connection.execute(
            text(f"INSERT INTO {table} version, type, data, at_us) VALUES (:key, :version, :type, :data, :at)"),
            {
                "key": 1 if connection.dialect.name == "sqlite" else "exec-1",
                "version": version,
                "type": event.type,
                "data": encode_event(event).decode(),
                "at": START_US + version * 1_000_000,
            },
        )
    await connection.execute(
        text(
            "INSERT INTO logs (execution_id, number, step, attempt, level, at_us, message) "
            "VALUES ('exec-1', 1, 'charge', 2, 'info', 5, 'charging'), ('exec-1', 1, 'charge', 2, 'error', 6, 'oh'), "
            "('exec-1', 1, 'charge', 1, 'info', 4, 'first')"
        )
    )
    await connection.execute(
        text(
            "INSERT INTO workflows (workflow, digest, module, inserted_at_us, updated_at_us) "
            "VALUES ('order', 'c0de', 'shop.flows', 1, 1)"
        )
    )


async def _rows(connection: AsyncConnection, sql: str) -> list[dict[str, Any]]:
    return [dict(row) for row in (await connection.execute(text(sql))).mappings()]


def _instant(value: str | datetime) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)


async def test_event_log_answers_to_all_names(connection: AsyncConnection) -> None:
    """F11, F5, F21: id, type, payload and event_data, sequence from 0 and version from 1, times in UTC to the microsecond."""
    rows = await _rows(connection, "SELECT * FROM event_log ORDER BY version")
    assert [row["sequence"] for row in rows] == list(range(len(HISTORY)))
    assert [row["version"] for row in rows] == list(range(1, len(HISTORY) + 1))
    assert [row["event_type"] for row in rows] == [event.type for event in HISTORY]
    assert rows[1]["payload"] == rows[1]["event_data"] == encode_event(HISTORY[1]).decode()
    assert len({row["id"] for row in rows}) == len(rows)
    assert _instant(rows[1]["timestamp"]) == _instant(rows[1]["inserted_at"]) == _at(START_US + 2_000_000)
    assert _instant(rows[1]["timestamp"]).utcoffset() is not None


async def test_workflow_executions_has_the_named_columns(connection: AsyncConnection) -> None:
    """F14, F15: ids, module and name, status, queue, priority, input, output, context, step, error and times."""
    (row,) = await _rows(connection, "SELECT * FROM workflow_executions")
    assert (row["workflow_id"], row["workflow_module"], row["workflow_name"]) == ("exec-1", "shop.flows", "order")
    assert (row["status"], row["queue"], row["priority"], row["context"]) == ("running", "default", 0, "{}")
    assert (row["current_step"], row["error"], row["output"], row["scheduled_at"]) == ("ship", None, None, None)
    assert '"total":1e100000' in row["input"]
    assert _instant(row["started_at"]) == _at(START_US)
    assert row["completed_at"] is None


async def test_the_output_is_that_of_the_last_event(connection: AsyncConnection) -> None:
    """F14: a completed execution shows its result as JSON text."""
    await connection.execute(text("UPDATE executions SET status = 'completed', last_version = 8"))
    on_sqlite = connection.dialect.name == "sqlite"
    table, key = ("history (execution", 1) if on_sqlite else ("events (execution_id", "exec-1")
    await connection.execute(
        text(f"INSERT INTO {table}, version, type, data, at_us) VALUES (:key, 8, 'execution_completed', :data, 1)"),
        {"key": key, "data": '{"number":4,"result":[true,"x"]}'},
    )
    (row,) = await _rows(connection, "SELECT output FROM workflow_executions")
    assert row["output"] == '[true,"x"]'


async def test_step_executions_has_a_row_for_each_attempt(connection: AsyncConnection) -> None:
    """F18: status running, completed, failed or waiting, with times, duration, input, output and error."""
    rows = await _rows(
        connection, "SELECT * FROM step_executions WHERE workflow_id = 'exec-1' ORDER BY number, attempt"
    )
    assert [(row["step"], row["attempt"], row["status"]) for row in rows] == [
        ("charge", 1, "failed"),
        ("charge", 2, "completed"),
        ("ship", 1, "failed"),
        ("ship", 2, "waiting"),
        ("mail", 1, "running"),
    ]
    failed, completed, _, waiting, _ = rows
    assert json.loads(failed["error"])["message"] == "no funds"
    assert (completed["input"], completed["output"], completed["error"]) == ('{"order":true}', '"paid"', None)
    assert completed["duration_ms"] == 500
    assert _instant(completed["started_at"]) == _at(START_US + 3_500_000)
    assert _instant(completed["completed_at"]) == _at(START_US + 4_000_000)
    assert (waiting["output"], waiting["completed_at"], waiting["duration_ms"]) == (None, None, None)


async def test_the_logs_of_an_attempt_are_a_json_array(connection: AsyncConnection) -> None:
    """M5, F18: lines in order of writing, those of other attempts left out."""
    rows = await _rows(connection, "SELECT logs FROM step_executions WHERE number = 1 ORDER BY attempt")
    messages = [[line["message"] for line in json.loads(row["logs"])] for row in rows]
    assert messages == [["first"], ["charging", "oh"]]
