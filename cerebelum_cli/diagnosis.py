"""What `doctor` looks at on this machine: Python, SQLite, the store's place, the clock, the parts that are installed.

Each check returns findings and raises nothing: a doctor that falls ill helps nobody. Whether a store can be reached and
what it says is `store_diagnosis`.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

State = Literal["ok", "warning", "error"]

OLDEST_PYTHON = (3, 11)
_GIB = 1 << 30
LEAST_FREE_BYTES = _GIB // 10  # below, an error: SQLite's log alone may want that much
LOW_FREE_BYTES = _GIB
_EARLIEST_CLOCK_S = 1_735_689_600  # 2025: this release did not exist before
_SECONDS_WATCHED = 0.05
_DRIFT_S = 0.02

# What is installed with cerebelum, and what each extra or neighbour gives. The second is the extra, "" for the core.
PARTS: tuple[tuple[str, str, str], ...] = (
    ("msgspec", "", "encoding"),
    ("greenlet", "", "workflows that are plain functions"),
    ("sqlalchemy", "", "stores"),
    ("alembic", "", "`cerebelum db upgrade`"),
    ("aiosqlite", "", "lists on SQLite"),
    ("asyncpg", "", "PostgreSQL"),
    ("structlog", "", "the process's own log"),
    ("watchfiles", "", "`cerebelum dev`"),
    ("yaml", "yaml", "workflows as YAML"),
    ("pydantic", "", "pydantic models as inputs"),
    ("textual_serve", "serve", "`cerebelum tui --serve`"),
    ("markdownify", "examples", "examples/ingest"),
    ("uvloop", "", "a quicker event loop"),
)
_NOT_NEEDED = {"pydantic": "pydantic", "uvloop": "uvloop"}  # that work without: what to install


class Finding(NamedTuple):
    """One thing that was looked at."""

    name: str
    state: State
    found: str
    remedy: str = ""


def check_python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    """Return whether this Python is one that Cerebelum runs on."""
    shown = f"{platform.python_implementation()} {'.'.join(map(str, version))}"
    if version < OLDEST_PYTHON:
        return Finding("python", "error", f"{shown} is too old; 3.11 or newer is needed", "install a newer Python")
    if platform.python_implementation() != "CPython":
        return Finding("python", "warning", f"{shown}; only CPython is tested", "use CPython 3.11 or newer")
    return Finding("python", "ok", shown)


def check_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info, *, is_used: bool = True) -> Finding:
    """Return whether this SQLite is new enough, and which of its documented faults it has; `is_used`: by the store.

    Source: https://sqlite.org/wal.html#walresetbug and https://sqlite.org/changes.html: the WAL-reset bug is in 3.7.0
    to 3.51.2, was mended in 3.51.3, and in 3.44.6 and 3.50.7 of the older lines; 3.52.0 was withdrawn.
    """
    shown = ".".join(map(str, version[:3]))
    upgrade = "use a Python with a newer SQLite: python -c 'import sqlite3; print(sqlite3.sqlite_version)'"
    if version < (3, 33):
        state: State = "error" if is_used else "warning"
        return Finding("sqlite", state, f"{shown} is too old; 3.33 or newer is needed", upgrade)
    if has_wal_reset_bug(version) and not is_used:
        return Finding("sqlite", "ok", f"{shown}; it has the WAL-reset bug, but your store is no SQLite file")
    if has_wal_reset_bug(version):
        return Finding(
            "sqlite",
            "warning",
            f"{shown} has the WAL-reset bug, which can damage a file that two connections write and checkpoint at once; "
            "Cerebelum's processes take turns under a lock and do not meet it, other programs that write to the file may",
            f"let no other program write to the store; for those, SQLite 3.51.3 or newer: {upgrade}",
        )
    if version[:3] == (3, 52, 0):
        return Finding("sqlite", "warning", f"{shown} was withdrawn by its makers", upgrade)
    return Finding("sqlite", "ok", shown)


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Return whether a version of SQLite has the WAL-reset bug; see `check_sqlite`."""
    mended_lines = {(3, 44): 6, (3, 50): 7}
    if version[:2] in mended_lines and version[2] >= mended_lines[version[0], version[1]]:
        return False
    return (3, 7, 0) <= version[:3] < (3, 51, 3)


def check_file_system(folder: Path, kind: str | None, *, is_network: bool) -> Finding:
    """Return whether a file system can hold a SQLite store."""
    if is_network:
        return Finding(
            "file system",
            "error",
            f"{folder} is on {kind}, a network file system, where SQLite's locks do not protect the store",
            "keep the store on a local disk, or use a PostgreSQL server: --store postgresql://user@host/db",
        )
    if kind in ("tmpfs", "ramfs"):
        return Finding(
            "file system",
            "warning",
            f"{folder} is on {kind}: a reboot empties it",
            "name a place on a disk: --store PATH",
        )
    if kind is None:
        return Finding("file system", "ok", f"{folder}: this system does not tell which it is")
    return Finding("file system", "ok", f"{folder} is on {kind}")


def check_disk(folder: Path, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> Finding:
    """Return whether there is room to write histories."""
    try:
        total, _, free = usage(folder)
    except OSError as error:
        return Finding("disk", "warning", f"{folder}: {error.strerror or error}", f"see it: df -h {folder}")
    shown = f"{free / _GIB:.1f} GiB of {total / _GIB:.1f} free at {folder}"
    remedy = f"make room: df -h {folder}"
    if free < LEAST_FREE_BYTES:
        return Finding("disk", "error", f"{shown}: commits may be refused at any time", remedy)
    if free < LOW_FREE_BYTES:
        return Finding("disk", "warning", shown, remedy)
    return Finding("disk", "ok", shown)


def check_clock(
    wall_s: Callable[[], float] = time.time,
    monotonic_s: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Finding:
    """Return whether the clock is plausible, and whether it goes as fast as the one that is never set."""
    remedy = "set it, and let it be kept: timedatectl set-ntp true"
    wall_before, monotonic_before = wall_s(), monotonic_s()
    if wall_before < _EARLIEST_CLOCK_S:
        day = time.strftime("%Y-%m-%d", time.gmtime(wall_before))
        return Finding("clock", "error", f"it says {day}: timers and schedules would be late by years", remedy)
    pause(_SECONDS_WATCHED)
    drift_s = (wall_s() - wall_before) - (monotonic_s() - monotonic_before)
    if abs(drift_s) > _DRIFT_S:
        return Finding(
            "clock",
            "warning",
            f"it was moved by {drift_s:+.3f} s while it was looked at",
            "see who sets it: timedatectl",
        )
    return Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(wall_before)))


def check_parts(is_there: Callable[[str], bool] | None = None) -> Iterator[Finding]:
    """Yield each package that Cerebelum uses where it is there."""
    there = is_there or (lambda module: importlib.util.find_spec(module) is not None)
    for module, extra, use in PARTS:
        name = {"yaml": "pyyaml", "textual_serve": "textual-serve"}.get(module, module)
        if there(module):
            yield Finding(name, "ok", f"{_version(name)}: {use}")
        elif extra or module in _NOT_NEEDED:
            wanted = f"'cerebelum[{extra}]'" if extra else name
            yield Finding(name, "ok", f"not installed; optional: {use}", f"if you want it: pip install {wanted}")
        else:
            yield Finding(name, "error", f"not installed: {use}", "pip install --force-reinstall cerebelum")


def _version(name: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "installed"
