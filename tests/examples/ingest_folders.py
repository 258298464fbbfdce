"""What the tests of the document pipeline share: folders of documents, and what an index holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from examples.ingest.make_documents import library_articles, make_documents

TABLES = ("documents", "passages", "analyses")


class Folder:
    """A folder of documents, and an index beside it."""

    def __init__(self, place: Path, articles: int, *, flaws: bool = False) -> None:
        self.documents = str(place / "documents")
        self.index = str(place / "documents.db")
        make_documents(Path(self.documents), articles, flaws=flaws)
        self.articles = list(islice(library_articles(), articles))

    def first(self, form: str) -> str:
        """Return the path of the first article of this form."""
        return next(article.file for article in self.articles if article.form == form)

    def work(self, path: str, **more: str) -> dict[str, str]:
        """Return the input of `ingest_document`."""
        return {"folder": self.documents, "path": path, "index": self.index, **more}

    def rows(self, of: str = "") -> dict[str, list[tuple[Any, ...]]]:
        """Return what the index holds in each table: all, or of one document."""
        return rows(self.index, of)


def rows(index: str | Path, of: str = "") -> dict[str, list[tuple[Any, ...]]]:
    """Return what an index holds in each table, in order: all, or of one document."""
    with closing(sqlite3.connect(index)) as tables:
        return {
            name: tables.execute(f"SELECT * FROM {name} WHERE ? IN ('', path) ORDER BY 1, 2", (of,)).fetchall()
            for name in TABLES
        }


def count_rows(index: Path) -> int:
    """Return how many rows there are in all; 0 where the index is not there yet."""
    if not index.exists():
        return 0
    try:
        return sum(map(len, rows(index).values()))
    except sqlite3.OperationalError:  # its tables are not there yet
        return 0
