"""Stores to look at: a million executions, and one execution with a long history. Made once, in a process of its own.

`python -m benchmarks.tui_stores FILE EXECUTIONS STEPS`
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.cerebelum_flows import FLOWS
from benchmarks.start_up import ROOT, environment
from cerebelum.connect import connect
from cerebelum.engine.domain.execution import ExecutionRow, Status

LONG = "long-1"
_BEGAN_US = 1_760_000_000_000_000
_APART_US = 2_592_000  # a million in thirty days
_WORKFLOWS = (("process_order", 50), ("send_mail", 25), ("refund", 10), ("ingest", 10), ("nightly_report", 5))
_STATUSES: tuple[tuple[Status, int], ...] = (
    ("completed", 9_300),
    ("failed", 400),
    ("cancelled", 80),
    ("waiting", 150),
    ("running", 50),
    ("paused", 20),
)
_ERRORS = ("AddressError: bad zip 'ABC'", "CardDeclined: insufficient funds", "TimeoutError: no answer within 30 s")
_COLUMNS = (
    "n", "id", "workflow", "code", "status", "last_version", "inserted_at_us", "updated_at_us", "started_at_us",
    "completed_at_us", "current_step", "error",
)  # fmt: skip
_PAGE = 50_000


def store_of(folder: Path, executions: int, steps: int) -> Path:
    """Return the store, making it where it is not there yet; its newest execution is `newest(executions)`."""
    file = folder / f"executions-{executions}-{steps}.db"
    if not file.exists():
        words = [sys.executable, "-m", "benchmarks.tui_stores", str(file), str(executions), str(steps)]
        made = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(f"{file.name} could not be made: {made.stderr[-2000:]}")
    return file


def newest(executions: int) -> str:
    """Return the id that stands in the first line."""
    return f"exec-{executions:08}"


async def _run_long(url: str, steps: int) -> None:
    async with connect(f"{url}?synchronous=NORMAL") as client:
        handle = await client.start(FLOWS["many_steps"], steps, id=LONG)
        await handle.result()


def _rows(executions: int) -> Iterator[tuple[Any, ...]]:
    draw = random.Random(1_000_000)
    workflows = draw.choices([name for name, _ in _WORKFLOWS], [share for _, share in _WORKFLOWS], k=executions)
    statuses = draw.choices([name for name, _ in _STATUSES], [share for _, share in _STATUSES], k=executions)
    for number, (workflow, status) in enumerate(zip(workflows, statuses, strict=True), start=1):
        at_us = _BEGAN_US + number * _APART_US
        row = ExecutionRow(id=f"exec-{number:08}", workflow=workflow, code="91bc3f2a04d5e6f7", status=status)
        took_us = draw.randrange(20_000, 90_000_000)
        yield (
            number + 10, row.id, row.workflow, row.code, row.status, draw.randrange(4, 60), at_us, at_us + took_us, at_us,
            at_us + took_us if row.ended else None, None if row.ended else "signal approve",
            draw.choice(_ERRORS) if status == "failed" else None,
        )  # fmt: skip


def make(file: Path, executions: int, steps: int) -> None:
    """Run the long one, then write the others into the table: each by SQL, the indexes once they are all there."""
    making = file.with_suffix(".making")
    for left in making.parent.glob(f"{making.name}*"):
        left.unlink()
    asyncio.run(_run_long(f"sqlite:///{making}", steps))
    with closing(sqlite3.connect(making)) as store:
        store.execute("PRAGMA synchronous = OFF")
        listed = store.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'executions'")
        indexes = [(name, sql) for name, sql in listed if sql]
        for name, _ in indexes:
            store.execute(f"DROP INDEX {name}")
        insert = f"INSERT INTO executions ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
        store.executemany(insert, _rows(executions))
        for _, sql in indexes:
            store.execute(sql)
        store.commit()
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    making.rename(file)
    for left in making.parent.glob(f"{making.name}*"):  # a lock
        left.unlink()


if __name__ == "__main__":
    _, path, rows, long_steps = sys.argv
    make(Path(path), int(rows), int(long_steps))
