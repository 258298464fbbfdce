"""What the figures were measured on, without naming the host."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def machine() -> dict[str, str]:
    """Return what describes the machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "CPU": f"{_cpu_name()}, {cores} cores",
        "OS": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def versions(postgres: str | None) -> dict[str, str]:
    """Return versions by name; `postgres` is what the server calls itself."""
    import cerebelum

    found = {"Cerebelum": f"{cerebelum.__version__} {_commit()}".strip(), "SQLite": sqlite3.sqlite_version}
    if postgres is not None:
        found["PostgreSQL"] = postgres
    for package in ("dbos", "temporalio", "uvicorn", "watchfiles", "uvloop", "asyncpg", "SQLAlchemy", "msgspec"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _cpu_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return "(commit 1aa79f4, changed)", or nothing outside a clone."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", "cerebelum", "benchmarks")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"(commit {commit}{', changed' if changed else ''})"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
