"""SQLite's errors in the engine's words: what happened, why, what to do, a command."""

from __future__ import annotations

import shlex
import sqlite3
from urllib.parse import unquote

from cerebelum.engine.domain.errors_store import (
    CommitInDoubt,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
    StoreUnreachable,
)

_PRIMARY = 0xFF  # the low byte of an extended result code


def locked(name: str, wait_s: float) -> StoreLocked:
    """Return the error for a lock that was not free within `wait_s` seconds."""
    path = file_of(name)
    return StoreLocked(
        f"{name} is locked: another process has been writing to it for {wait_s:g} s\n"
        f"  help: wait for it, or find it: fuser -v {path} {path}-lock"
    )


def in_doubt(name: str, error: Exception) -> CommitInDoubt:
    """Return the error for a COMMIT that failed in a way that does not tell whether it took effect."""
    return CommitInDoubt(
        f"a commit to {name} may or may not be there: {error}\n"
        f"  help: nothing was acknowledged, and the engine reads it again; look at the disk: dmesg | tail"
    )


def translate(error: sqlite3.Error, name: str) -> StoreError:
    """Return `error` as one of the engine's. `name` is the store's URL."""
    path = file_of(name)
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreLocked(
            f"{name} is locked by another program: {error}\n  help: find it and let it finish: fuser -v {path}"
        )
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return read_only(name, str(error))
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(
            f"{name} cannot grow: {error}; what was acknowledged is kept, this write was not made\n"
            f"  help: free some room, and the engine goes on by itself: df -h {path}"
        )
    if code == sqlite3.SQLITE_NOTADB:
        return not_a_store(name, "it is no SQLite database")
    if code == sqlite3.SQLITE_CORRUPT:
        return StoreCorrupt(
            f"{name} is damaged: {error}\n"
            f"  help: stop all that use it, copy it with its -wal file, then see what is left: sqlite3 {path} .recover"
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreUnreachable(f"cannot open {name}: {error}\n  help: see what is there: ls -ld {path}")
    return StoreError(f"{name} failed: {error}\n  help: check the file: sqlite3 {path} 'PRAGMA integrity_check'")


def read_only(name: str, cause: str) -> StoreReadOnly:
    """Return the error for a file that takes no writes."""
    path = file_of(name)
    return StoreReadOnly(f"{name} takes no writes: {cause}\n  help: make it writable: chmod u+w {path}")


def not_a_store(name: str, cause: str) -> StoreCorrupt:
    """Return the error for a file that something else made."""
    return StoreCorrupt(
        f"{name} is not a Cerebelum store: {cause}\n"
        f"  help: nothing was changed; name another file with --store, or see what it is: file {file_of(name)}"
    )


def file_of(name: str) -> str:
    """Return the path in a store's URL, quoted for a shell."""
    return shlex.quote(unquote(name.removeprefix("sqlite:///").partition("?")[0]))
