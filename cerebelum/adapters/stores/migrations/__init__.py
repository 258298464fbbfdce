"""Revisions of the schema: one pair of SQL files, up and down, for each dialect.

Rules: a released file never changes. Revisions are numbered `0001`, `0002` …, so that an older release can tell a newer
schema from a foreign one. Alembic runs them (`migrate.py`); SQLite's store runs the same files itself when it opens a
new or older file, because importing Alembic takes longer than all the rest of `cerebelum run`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Direction = Literal["up", "down"]

LOCATION = Path(__file__).parent
REVISIONS = ("0001", "0002")  # oldest first
HEAD = REVISIONS[-1]


def statements(revision: str, dialect: str, direction: Direction) -> list[str]:
    """Return the statements that bring a database to `revision` from the one before, or back."""
    script = LOCATION / "versions" / f"{revision}.{dialect}.{direction}.sql"
    return script.read_text(encoding="utf-8").removesuffix(";\n").split(";\n\n")


def is_newer(revision: str) -> bool:
    """Return whether a database's revision is one that this release does not know."""
    return revision not in REVISIONS
