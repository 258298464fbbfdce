"""The index: one SQLite file, and a search for words. Every write may happen again: it changes nothing then."""

import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]{3,}")


@dataclass
class Hit:
    """A document that was found."""

    path: str
    title: str
    score: int


def words_of(text: str) -> Counter[str]:
    """Return how often each word of a text occurs, in small letters."""
    return Counter(_WORD.findall(text.lower()))


class Index:
    """The documents that were published, and their words."""

    def __init__(self, database: str) -> None:
        self._database = database
        with self._open() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS documents (path TEXT PRIMARY KEY, title TEXT, digest TEXT)")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS words (path TEXT, word TEXT, n INT, PRIMARY KEY (path, word))"
            )

    def digests(self) -> set[str]:
        """Return what tells the published documents from others."""
        with self._open() as connection:
            return {digest for (digest,) in connection.execute("SELECT digest FROM documents")}

    def put_words(self, path: str, words: Counter[str]) -> None:
        """Keep the words of a document. Nobody finds them before it is published."""
        with self._open() as connection:
            connection.execute("DELETE FROM words WHERE path = ?", (path,))
            connection.executemany("INSERT INTO words VALUES (?, ?, ?)", [(path, *pair) for pair in words.items()])

    def remove_words(self, path: str) -> None:
        """Undo `put_words`."""
        with self._open() as connection:
            connection.execute("DELETE FROM words WHERE path = ?", (path,))

    def publish(self, path: str, title: str, digest: str) -> None:
        """Let a document be found."""
        with self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (path, title, digest))

    def search(self, text: str, limit: int = 5) -> list[Hit]:
        """Return the documents with any of the words, the one with the most first."""
        found: Counter[tuple[str, str]] = Counter()
        with self._open() as connection:
            for word in words_of(text):
                for path, title, n in connection.execute(
                    "SELECT path, title, n FROM words JOIN documents USING (path) WHERE word = ?", (word,)
                ):
                    found[path, title] += n
        ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return [Hit(path, title, score) for (path, title), score in ranked[:limit]]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._database, timeout=30)  # other steps write as well
        try:
            with connection:  # one transaction
                yield connection
        finally:
            connection.close()


if __name__ == "__main__":
    hits = Index("index.db").search(" ".join(sys.argv[1:]))
    for hit in hits:
        print(f"{hit.score:>3}  {hit.path:<24} {hit.title}")
    sys.exit(0 if hits else 1)
