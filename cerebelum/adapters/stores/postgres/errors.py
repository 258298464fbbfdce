"""PostgreSQL's errors in the engine's words: what happened, why, what to do, a command.

They are told apart by SQLSTATE, the code that the server sends; an error without one came from the line or the driver.
"""

from __future__ import annotations

from typing import Final

import asyncpg

from cerebelum.adapters.stores.postgres.url import Address
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_payload import ValueRefused
from cerebelum.engine.domain.errors_store import (
    CommitInDoubt,
    SchemaTooOld,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
    StoreUnreachable,
)

TRY_AGAIN: Final = frozenset({"40001", "40P01"})  # serialization failure, deadlock: the whole transaction again
_WRONG_LOGIN: Final = frozenset({"28000", "28P01"})
_NO_SCHEMA: Final = frozenset({"42P01", "3F000"})
_AWAY: Final = ("08", "57P", "53300")
_BAD_VALUE: Final = ("22", "23", "54000")


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE; "" for an error that the server did not send."""
    return (getattr(error, "sqlstate", None) or "") if isinstance(error, asyncpg.PostgresError) else ""


def is_lost(error: BaseException) -> bool:
    """Return whether the connection is gone, so that what was sent last may or may not have been done."""
    if isinstance(error, asyncpg.PostgresError):
        # a backend that is told to end says so even if it has just committed
        return state_of(error).startswith(("08", "57P")) or getattr(error, "severity_en", "") in {"FATAL", "PANIC"}
    return isinstance(error, (OSError, TimeoutError, asyncpg.InternalClientError)) or _is_closed(error)


def is_bad_value(error: BaseException) -> bool:
    """Return whether a value was refused: by the driver before it was sent, or by the server."""
    if isinstance(error, asyncpg.PostgresError):
        return state_of(error).startswith(_BAD_VALUE)
    return isinstance(error, ValueError) and isinstance(error, (asyncpg.InterfaceError, UnicodeError))


def _is_closed(error: BaseException) -> bool:
    return isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)


def in_doubt(error: BaseException, address: Address) -> CommitInDoubt:
    """Return the error for a commit whose answer did not come."""
    return CommitInDoubt(
        f"a commit to {address.name} may or may not be there: {shown(error, address)}\n"
        "  help: nothing was acknowledged, and the engine reads it again; look at the server's log"
    )


def translate(error: BaseException, address: Address) -> CerebelumError:
    """Return `error` as one of the engine's; those that are already come back as they are."""
    if isinstance(error, CerebelumError):
        return error
    name, state, said = address.name, state_of(error), shown(error, address)
    if state in _WRONG_LOGIN or isinstance(error, asyncpg.exceptions.ClientConfigurationError):
        return StoreUnreachable(
            f"{name} refused the login: {said}\n  help: check user and password; by hand: psql '{name}'"
        )
    if state == "3D000":
        database = name.partition("?")[0].rpartition("/")[2]
        return StoreUnreachable(f"{name}: {said}\n  help: create the database: createdb {database}")
    if state in _NO_SCHEMA:
        return too_old(address, "its tables are missing")
    if state == "25006":
        return StoreReadOnly(
            f"{name} takes no writes: {said}\n"
            "  help: name the primary, or all servers with ?target_session_attrs=read-write; a standby can only be read"
        )
    if state == "53100":
        return StoreFull(
            f"{name} cannot grow: {said}; what was acknowledged is kept, this write was not made\n"
            "  help: free some room on the server's disk, and the engine goes on by itself"
        )
    if state == "55P03":
        return StoreLocked(f"{name} is locked by another session: {said}\n  help: find it: SELECT * FROM pg_locks")
    if is_lost(error) or state.startswith(_AWAY):
        return StoreUnreachable(f"cannot reach {name}: {said}\n  help: see whether it is up: pg_isready -d '{name}'")
    if is_bad_value(error):
        return ValueRefused(f"{name} cannot store a value: {said}\n  help: nothing was written; change the value")
    if state == "42501":
        return StoreError(f"{name}: {said}\n  help: grant this user the rights of the one that upgraded the schema")
    return StoreError(f"{name} failed: {said}\n  help: look at the server's log")


def too_old(address: Address, cause: str) -> SchemaTooOld:
    """Return the error for a schema that has yet to be made or upgraded."""
    return SchemaTooOld(
        f"{address.name} is not ready: {cause}\n  help: cerebelum db upgrade --store {address.name.partition('?')[0]}"
    )


def shown(error: BaseException, address: Address) -> str:
    """Return the error's text in one line, without secrets."""
    text = " ".join(str(error).split()) or type(error).__name__
    for secret in address.secrets:
        text = text.replace(secret, "***")
    return text
