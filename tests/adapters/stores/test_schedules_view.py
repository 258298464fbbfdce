"""The view `scheduled_workflows`: for people and their tools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from cerebelum.connect import open_store
from cerebelum.engine.domain.schedules.rules import Every
from cerebelum.engine.testing import store_samples as a
from cerebelum.engine.testing.store_contract_schedules import schedule, stored
from tests.conftest import urls_of

COLUMNS = (
    *("name", "workflow_module", "workflow_name", "cron_expression", "input", "queue", "enabled"),
    *("last_run_at", "next_run_at", "timezone"),
)


@pytest.fixture(params=["sqlite", "postgresql"])
async def rows(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Any]]:
    """The view's rows over two schedules, a cron and an interval."""
    url = urls_of(request, tmp_path)()
    store = open_store(url)
    await store.open()
    await stored(store, schedule("daily", input=b'{"region":"eu"}', last_run_at_us=a.AT_US))
    await stored(store, schedule("every", rule=Every(60_000_000), enabled=False, next_run_at_us=None))
    await store.close()
    engine = create_async_engine(url.replace("://", "+aiosqlite://" if url.startswith("sqlite") else "+asyncpg://", 1))
    async with engine.connect() as connection:
        query = f"SELECT {', '.join(COLUMNS)} FROM scheduled_workflows ORDER BY name"
        yield list((await connection.execute(text(query))).all())
    await engine.dispose()


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


async def test_scheduled_workflows_has_the_named_columns(rows: list[Any]) -> None:
    """F20: a zone is kept beside the expression; an interval has none of its own; times are instants."""
    daily, every = (row._mapping for row in rows)
    assert tuple(daily) == COLUMNS
    assert (daily["name"], daily["workflow_module"], daily["workflow_name"]) == ("daily", "flows.reports", a.WORKFLOW)
    assert (daily["cron_expression"], daily["timezone"]) == ("0 9 * * *", "America/New_York")
    assert (daily["input"], daily["queue"], bool(daily["enabled"])) == ('{"region":"eu"}', "reports", True)
    assert _moment(daily["last_run_at"]).timestamp() * 1e6 == a.AT_US
    assert _moment(daily["next_run_at"]).timestamp() * 1e6 == a.AT_US
    assert (every["cron_expression"], every["timezone"], bool(every["enabled"])) == (None, "UTC", False)
    assert (every["last_run_at"], every["next_run_at"]) == (None, None)
