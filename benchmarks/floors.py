"""What the databases do bare, in the same run: no engine can commit faster than they."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import asyncpg

from benchmarks.sizes import Sizes
from benchmarks.workloads import Metrics

_ROW = (b'{"number":1,"result":2,"attempt":1,"duration_us":120}', 1_700_000_000_000_000)
_CREATE = "CREATE TABLE floor (id INTEGER NOT NULL, version INTEGER NOT NULL, data {bytes} NOT NULL, at {int} NOT NULL)"
_BATCHED = 100  # times as many rows in batches
_BATCH_ROWS = 2_000


def sqlite_floor(path: Path, sizes: Sizes) -> Metrics:
    """Commit rows one by one and in batches on a file with WAL and synchronous=FULL."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(_CREATE.format(bytes="BLOB", int="INTEGER"))
        insert = "INSERT INTO floor VALUES (?, ?, ?, ?)"
        started_s = time.perf_counter()
        for index in range(sizes.floor_rows):
            connection.execute(insert, (0, index, *_ROW))
        single_s = time.perf_counter() - started_s
        rows = [(1, index, *_ROW) for index in range(_BATCH_ROWS)]
        batches = max(1, sizes.floor_rows * _BATCHED // _BATCH_ROWS)
        started_s = time.perf_counter()
        for _ in range(batches):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, rows)
            connection.execute("COMMIT")
        batched_s = time.perf_counter() - started_s
    finally:
        connection.close()
    return {
        "single_commits_per_s": sizes.floor_rows / single_s,
        "batched_rows_per_s": batches * _BATCH_ROWS / batched_s,
    }


async def postgres_floor(url: str, sizes: Sizes) -> Metrics:
    """Commit rows one by one and by COPY, each COPY a transaction."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_CREATE.format(bytes="BYTEA", int="BIGINT"))
        statement = await connection.prepare("INSERT INTO floor VALUES ($1, $2, $3, $4)")
        started_s = time.perf_counter()
        for index in range(sizes.floor_rows):
            await statement.fetch(0, index, *_ROW)
        single_s = time.perf_counter() - started_s
        rows = [(1, index, *_ROW) for index in range(_BATCH_ROWS)]
        batches = max(1, sizes.floor_rows * _BATCHED // _BATCH_ROWS)
        started_s = time.perf_counter()
        for _ in range(batches):
            await connection.copy_records_to_table("floor", records=rows)
        batched_s = time.perf_counter() - started_s
    finally:
        await connection.close()
    return {
        "single_commits_per_s": sizes.floor_rows / single_s,
        "batched_rows_per_s": batches * _BATCH_ROWS / batched_s,
    }
