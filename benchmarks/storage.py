"""How much memory this process and how much disk a database takes."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
from pathlib import Path

import asyncpg


def sqlite_path(url: str) -> str:
    """Return the absolute path in an SQLite URL."""
    return url.partition("?")[0].removeprefix("sqlite:///")


def resident_bytes() -> int:
    """Return the memory this process holds, after a full collection."""
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    command = ["ps", "-o", "rss=", "-p", str(os.getpid())]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) * 1024


async def database_bytes(url: str) -> int:
    """Return the size of a database with its indexes, without the log that is written ahead; 0 for one in memory."""
    if url.startswith("memory:"):
        return 0
    if url.startswith("sqlite:"):
        connection = sqlite3.connect(sqlite_path(url), timeout=30)
        try:
            (pages,), (page_bytes,) = (
                connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
            )
        finally:
            connection.close()
        return int(pages) * int(page_bytes)
    server = await asyncpg.connect(url)
    try:
        return int(await server.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await server.close()
