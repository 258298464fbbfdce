"""A flow file with schedules, a worker that registers them, and a look at the rows."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from typing import Any

from tests.cli.cli_project import Project

CRONS = """
from cerebelum import cron, workflow


@cron("0 9 * * *", queue="reports", input={"kind": "daily"}, timezone="America/New_York")
@workflow
async def daily_report(kind: str) -> str:
    return kind


@cron("0 * * * *")
@workflow
async def hourly_sync() -> None: ...


@cron("*/15 * * * *", queue="ingestion")
@workflow
def discovery() -> None: ...
"""
VIEW = (
    "SELECT name, workflow_module, workflow_name, cron_expression, input, queue, enabled, last_run_at, next_run_at, timezone "
    "FROM scheduled_workflows ORDER BY name"
)


def rows(project: Project, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(project.folder / ".cerebelum" / "dev.db")) as connection:
        return list(connection.execute(query))


def serve(project: Project, *words: str, **environment: str) -> str:
    """Have a worker load its files and stop, and return what it said until it was ready."""
    said = []
    with project.start("worker", *words, **environment) as worker:
        assert worker.stderr is not None
        for line in worker.stderr:
            said.append(line)
            if line.startswith("node ready"):
                break
        worker.send_signal(signal.SIGTERM)
        said += worker.communicate()[1].splitlines(keepends=True)
    assert worker.returncode == 0, "".join(said)
    return "".join(said)
