"""The index: one SQLite file. Every write may happen again, or out of order with those of other documents."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from operator import mul
from pathlib import Path
from typing import Any

_PATIENCE_S = 30  # other steps write as well
_TABLES = (
    "documents (path TEXT PRIMARY KEY, fingerprint TEXT, title TEXT, markdown TEXT, scraped INT, published INT DEFAULT 0)",
    "passages (path TEXT, number INT, text TEXT, vector BLOB, PRIMARY KEY (path, number))",
    "analyses (path TEXT PRIMARY KEY, words INT, keywords TEXT)",
)


@dataclass(frozen=True)
class Analysis:
    """What is known of a text without reading it."""

    words: int
    keywords: list[str]  # the most frequent first


@dataclass(frozen=True)
class Hit:
    """A document that a search found."""

    path: str
    title: str
    score: float  # 1: the same words; 0: none in common
    passage: str


@dataclass(frozen=True)
class Totals:
    """What is in the index."""

    documents: int
    passages: int
    words: int
    keywords: list[str]  # of the most documents first


class DocumentIndex:
    """Documents, their passages as vectors, and what was found out about them. What is not published is not found."""

    def __init__(self, path: str) -> None:
        self._path = path

    def keep_document(self, path: str, *, fingerprint: str, title: str, markdown: str, scraped: bool) -> None:
        """Keep a document's text, not yet to be found."""
        row = (path, fingerprint, title, markdown, scraped)
        with self._writing() as tables:
            tables.execute(
                "INSERT OR REPLACE INTO documents (path, fingerprint, title, markdown, scraped) VALUES (?, ?, ?, ?, ?)",
                row,
            )

    def keep_passages(self, path: str, texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        """Keep a document's passages, instead of those it had."""
        rows = [
            (path, number, text, struct.pack(f"<{len(vector)}f", *vector))
            for number, (text, vector) in enumerate(zip(texts, vectors, strict=True))
        ]
        with self._writing() as tables:
            tables.execute("DELETE FROM passages WHERE path = ?", (path,))
            tables.executemany("INSERT INTO passages VALUES (?, ?, ?, ?)", rows)

    def keep_analysis(self, path: str, analysis: Analysis) -> None:
        """Keep what was found out about a document."""
        row = (path, analysis.words, json.dumps(analysis.keywords))
        with self._writing() as tables:
            tables.execute("INSERT OR REPLACE INTO analyses VALUES (?, ?, ?)", row)

    def publish(self, path: str) -> None:
        """Let a document be found."""
        with self._writing() as tables:
            tables.execute("UPDATE documents SET published = 1 WHERE path = ?", (path,))

    def remove_document(self, path: str) -> None:
        """Remove all there is of a document; no harm if it is gone."""
        with self._writing() as tables:
            for table in ("documents", "passages", "analyses"):
                tables.execute(f"DELETE FROM {table} WHERE path = ?", (path,))  # noqa: S608 - names from the line above

    def remove_passages(self, path: str) -> None:
        """Remove a document's passages; no harm if they are gone."""
        with self._writing() as tables:
            tables.execute("DELETE FROM passages WHERE path = ?", (path,))

    def remove_analysis(self, path: str) -> None:
        """Remove what was found out about a document; no harm if it is gone."""
        with self._writing() as tables:
            tables.execute("DELETE FROM analyses WHERE path = ?", (path,))

    def text_of(self, path: str) -> tuple[str, str]:
        """Return a document's title and Markdown."""
        found = self._rows("SELECT title, markdown FROM documents WHERE path = ?", path)
        if not found:
            raise LookupError(f"{path!r} is not in the index: somebody removed it meanwhile")
        return found[0]

    def fingerprints(self) -> set[str]:
        """Return those of the published documents."""
        return {found for (found,) in self._rows("SELECT fingerprint FROM documents WHERE published")}

    def search(self, vector: Sequence[float], limit: int) -> list[Hit]:
        """Return the documents with the passages that are nearest, each once, the nearest first."""
        best: dict[str, Hit] = {}
        for path, title, text, blob in self._rows(
            "SELECT path, title, text, vector FROM passages JOIN documents USING (path) WHERE published"
        ):
            score = sum(map(mul, vector, struct.unpack(f"<{len(vector)}f", blob)))
            if score > 0 and (path not in best or score > best[path].score):
                best[path] = Hit(path, title, round(score, 4), text)
        return sorted(best.values(), key=lambda hit: (-hit.score, hit.path))[:limit]

    def totals(self, keywords: int = 8) -> Totals:
        """Count what is published."""
        documents, words = self._rows(
            "SELECT count(*), coalesce(sum(words), 0) FROM documents JOIN analyses USING (path) WHERE published"
        )[0]
        ((passages,),) = self._rows("SELECT count(*) FROM passages JOIN documents USING (path) WHERE published")
        common = self._rows(
            "SELECT value FROM documents JOIN analyses USING (path), json_each(keywords) WHERE published"
            " GROUP BY value ORDER BY count(*) DESC, value LIMIT ?",
            keywords,
        )
        return Totals(documents, passages, words, [keyword for (keyword,) in common])

    def make(self) -> None:
        """Make the tables, where there are none."""
        with self._writing() as tables:
            for table in _TABLES:
                tables.execute(f"CREATE TABLE IF NOT EXISTS {table}")

    def _rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        # not read-only: after a crash in the middle of a write, whoever opens it next puts it right
        where = f"{Path(self._path).resolve().as_uri()}?mode=rw"
        with closing(sqlite3.connect(where, uri=True, timeout=_PATIENCE_S)) as tables:
            return tables.execute(query, parameters).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=_PATIENCE_S, isolation_level=None)) as tables:
            tables.execute("BEGIN IMMEDIATE")
            yield tables
            tables.execute("COMMIT")  # on an error it is closed without one
