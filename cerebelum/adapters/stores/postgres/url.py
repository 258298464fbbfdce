"""The store's URL: what the driver gets, what messages show, and our own option."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from cerebelum.engine.domain.errors_store import StoreUnsupported

_SCHEMES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})
_SECRETS = frozenset({"password", "sslpassword"})
_OWN_OPTION = "statement_cache"


class Address(NamedTuple):
    """A parsed URL."""

    dsn: str  # for the driver: with the password
    name: str  # for messages: without it
    secrets: tuple[str, ...]  # texts that no message may hold
    caches_statements: (
        bool  # False behind pgbouncer in transaction mode: a prepared statement would meet another server
    )


def parse(url: str) -> Address:
    """Parse `postgresql://user:password@host:port/database?option=value`.

    Our own option is `statement_cache=0`, for pgbouncer in transaction mode; the others are the driver's (`sslmode`,
    `target_session_attrs` …) or settings of the session.

    Raises:
        StoreUnsupported: another scheme, or a value that our option does not take.
    """
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    login, at, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    secrets = [password, unquote(password), *(value for key, value in options if key in _SECRETS)]
    shown = [(key, value) for key, value in options if key not in _SECRETS]
    name = _joined(user + at + host, parts.path, shown)
    if parts.scheme not in _SCHEMES:
        raise StoreUnsupported(f"{parts.scheme}: is no PostgreSQL\n  help: postgresql://user@host:5432/database")
    asked = {value for key, value in options if key == _OWN_OPTION}
    if asked - {"0", "1"}:
        raise StoreUnsupported(
            f"{name}: {_OWN_OPTION} is 0 or 1\n  help: 0 is for pgbouncer in transaction mode; leave it out otherwise"
        )
    dsn = _joined(parts.netloc, parts.path, [(key, value) for key, value in options if key != _OWN_OPTION])
    return Address(
        dsn, name, tuple(sorted({text for text in secrets if text}, key=len, reverse=True)), "0" not in asked
    )


def _joined(netloc: str, path: str, options: list[tuple[str, str]]) -> str:
    query = urlencode(options, safe="/:,")
    return f"postgresql://{netloc}{path}" + (f"?{query}" if query else "")
