"""Create the schema of a new file, and upgrade an older one, in one transaction and without importing Alembic.

The SQL is the migrations' own (`migrations/versions/*.sqlite.up.sql`), and the revision is noted where Alembic looks
for it, so that both ways lead to the same file.
"""

from __future__ import annotations

import sqlite3

from cerebelum.adapters.stores.migrations import HEAD, REVISIONS, statements
from cerebelum.adapters.stores.sqlite.errors import file_of, not_a_store
from cerebelum.engine.domain.errors_store import SchemaTooNew

_ALEMBIC_TABLE = (
    "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def ensure_schema(connection: sqlite3.Connection, name: str) -> None:
    """Bring the file to the newest revision. Call with the file lock held.

    Raises:
        SchemaTooNew: a newer Cerebelum made the file.
        StoreCorrupt: something else made it.
    """
    if revision_of(connection, name) == HEAD:  # without a write transaction: the usual case
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        revision = revision_of(connection, name)
        if revision is None:
            connection.execute(_ALEMBIC_TABLE)
            connection.execute("INSERT INTO alembic_version VALUES ('')")
        for later in REVISIONS[REVISIONS.index(revision) + 1 if revision else 0 :]:
            for statement in statements(later, "sqlite", "up"):
                connection.execute(statement)
        connection.execute("UPDATE alembic_version SET version_num = ?", (HEAD,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def revision_of(connection: sqlite3.Connection, name: str) -> str | None:
    """Return the file's revision, None for an empty file."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    row = (
        connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if "alembic_version" in tables
        else None
    )
    if row is None and tables <= {"alembic_version", "sqlite_sequence"}:
        return None  # after a downgrade to nothing
    if row is None or not {"executions", "history"} <= tables:
        raise not_a_store(name, f"it holds other tables ({', '.join(sorted(tables)[:5])})")
    revision = str(row[0])
    if revision not in REVISIONS:
        raise SchemaTooNew(
            f"{name} was made by a newer Cerebelum (schema {revision}; this release knows up to {HEAD})\n"
            f"  help: upgrade: pip install --upgrade cerebelum; or use another file than {file_of(name)}"
        )
    return revision
