"""The view `pending_inputs`, on both databases: what a history says about waits for people, as rows."""

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
from cerebelum.engine.authoring.form_of import form_of
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.events import Event, encode_event

START_US = 1_764_000_000_123_456
EQUIPMENT, _ = form_of(
    "equipment",
    [
        {"name": "equipment_type", "type": "select", "options": ["laptop", "monitor"], "required": True},
        {"name": "justification", "type": "text", "max_length": 500},
        {"name": "urgent", "type": "boolean"},
    ],
)
RATING, _ = form_of("rating", type_="single_choice", choices=[{"value": 5, "label": 'it\'s "good"'}])
NUMBER, _ = form_of("number", schema={"type": "integer", "minimum": 1})
COLUMNS = [
    "workflow_id",
    "input_name",
    "step_name",
    "type",
    "prompt",
    "schema",
    "fields",
    "status",
    "response",
    "timeout_at",
    "completed_at",
]
HISTORY: list[Event] = [
    ev.ExecutionStarted(workflow="order"),
    ev.InputRequested(number=1, name="equipment", form=EQUIPMENT, prompt="What do you need?", step="order equipment"),
    ev.InputRequested(number=2, name="rating", form=RATING, due_us=START_US + 60_000_000),
    ev.InputRequested(number=3, name="number", form=NUMBER, due_us=START_US + 5_000_000),
    ev.InputReceived(number=2, answer=Raw(b"5"), by="ada"),
    ev.InputTimedOutEvent(number=3),
    ev.InputRequested(number=4, name="given up"),
    ev.InputClosed(number=5, of=4),
    ev.InputRefusedEvent(number=1),
]
RETRIED: list[Event] = [
    *HISTORY,
    ev.ExecutionRetried(run=2, error=ev.ErrorInfo(type="ValueError", message="again")),
    ev.InputRequested(number=6, name="equipment", form=EQUIPMENT),
]


@pytest.fixture(params=["sqlite", "postgresql"])
async def connection(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncIterator[AsyncConnection]:
    """An upgraded database of either kind with one execution."""
    url = f"sqlite:///{tmp_path}/x.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    await migrate.upgrade(url)
    engine = create_async_engine(url.replace("://", "+aiosqlite://" if "sqlite" in url else "+asyncpg://", 1))
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def _fill(connection: AsyncConnection, history: list[Event]) -> None:
    await connection.execute(
        text(
            "INSERT INTO executions (id, workflow, status, last_version, inserted_at_us, updated_at_us) "
            "VALUES ('exec-1', 'order', 'waiting', :last, 1, 1)"
        ),
        {"last": len(history)},
    )
    on_sqlite = connection.dialect.name == "sqlite"
    table = "history (execution," if on_sqlite else "events (execution_id,"
    for version, event in enumerate(history, start=1):
        await connection.execute(
            text(f"INSERT INTO {table} version, type, data, at_us) VALUES (:key, :version, :type, :data, :at)"),
            {
                "key": 1 if on_sqlite else "exec-1", "version": version, "type": event.type,
                "data": encode_event(event).decode(), "at": START_US + version * 1_000_000,
            },
        )  # fmt: skip


async def _rows(connection: AsyncConnection) -> list[dict[str, Any]]:
    found = await connection.execute(text("SELECT * FROM pending_inputs ORDER BY requested_at"))
    return [dict(row) for row in found.mappings()]


def _instant(value: str | datetime) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)


async def test_there_is_a_row_for_each_wait(connection: AsyncConnection) -> None:
    """F19, C17: with all named columns; pending, then completed with its response, or timeout."""
    await _fill(connection, HISTORY)
    rows = await _rows(connection)
    assert set(COLUMNS) <= set(rows[0])
    assert [(row["input_name"], row["type"], row["status"]) for row in rows] == [
        ("equipment", "form", "pending"),
        ("rating", "single_choice", "completed"),
        ("number", "form", "timeout"),
        ("given up", "form", "cancelled"),
    ]
    open_, completed, late, _ = rows
    assert (open_["workflow_id"], open_["step_name"], open_["prompt"]) == (
        "exec-1", "order equipment", "What do you need?",
    )  # fmt: skip
    assert (open_["response"], open_["timeout_at"], open_["completed_at"]) == (None, None, None)
    assert (completed["response"], completed["responded_by"], completed["step_name"]) == ("5", "ada", "rating")
    assert _instant(completed["completed_at"]) == _at(START_US + 5_000_000)
    assert _instant(completed["timeout_at"]) == _at(START_US + 60_000_000)
    assert late["response"] is None
    assert _instant(late["completed_at"]) == _at(START_US + 6_000_000)


async def test_fields_and_schema_are_json(connection: AsyncConnection) -> None:
    """C12, C18, F19: the equipment form's three fields in `fields`, a schema in `schema`."""
    await _fill(connection, HISTORY)
    form, rating, number, _ = await _rows(connection)
    assert [field["name"] for field in json.loads(form["fields"])] == ["equipment_type", "justification", "urgent"]
    assert json.loads(form["fields"])[1] == {"name": "justification", "max_length": 500}
    assert json.loads(rating["fields"]) == [{"value": 5, "label": 'it\'s "good"'}]
    assert json.loads(number["schema"]) == {"type": "integer", "minimum": 1}
    assert (form["schema"], number["fields"]) == (None, None)


async def test_a_new_run_closes_what_the_one_before_asked(connection: AsyncConnection) -> None:
    """F19: an input of a failed run is not pending any more; the one asked anew is."""
    await _fill(connection, RETRIED)
    rows = [row for row in await _rows(connection) if row["input_name"] == "equipment"]
    assert [row["status"] for row in rows] == ["cancelled", "pending"]
