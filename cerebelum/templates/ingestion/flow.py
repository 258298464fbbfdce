"""From a folder of Markdown documents to an index that can be searched. README.md has the commands to type."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cerebelum import Retry, map_steps, saga, step, workflow

from index import Index, words_of

AGAIN = Retry(max_attempts=3, backoff="constant", backoff_base=0.5, on=OSError)  # a document that is wrong stays wrong


class EmptyDocumentError(ValueError):
    """There is nothing to be found in it. Trying again would not help."""


@dataclass
class Document:
    """What is known of a document. Its text stays where it is: what passes between steps is kept for ever."""

    path: str
    title: str
    digest: str


@dataclass
class Report:
    """What `cerebelum run` prints in the end."""

    found: int
    published: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)  # the same text is in the index, or came earlier
    failed: dict[str, str] = field(default_factory=dict)  # path to reason


@step
def find_documents(folder: str) -> list[str]:
    """Return the documents below a folder, in order."""
    return sorted(path.as_posix() for path in Path(folder).rglob("*.md"))


@step
def known_digests(database: str) -> set[str]:
    """Return what tells the documents of the index from others."""
    return Index(database).digests()


@step(retry=AGAIN)
def examine(path: str) -> Document:
    """Read a document, and say what it is."""
    text = Path(path).read_text(encoding="utf-8").strip()
    if not text:
        raise EmptyDocumentError("there is no text in it")
    title = text.splitlines()[0].lstrip("# ")
    return Document(path, title, hashlib.sha256(text.encode()).hexdigest())


@step(retry=AGAIN, queue="index")
def put_words(database: str, path: str) -> int:
    """Put the words of a document into the index; return their number."""
    words = words_of(Path(path).read_text(encoding="utf-8"))
    Index(database).put_words(path, words)
    return words.total()


@step(retry=AGAIN, queue="index")
def remove_words(database: str, path: str) -> None:
    """Undo `put_words`."""
    Index(database).remove_words(path)


@step(retry=AGAIN, queue="index")
def publish(database: str, document: Document) -> None:
    """Let a document be found."""
    Index(database).publish(document.path, document.title, document.digest)


@workflow
async def ingest(folder: str = "inbox", database: str = "index.db") -> Report:
    """Take in what is new in the folder, four documents at a time. One that fails leaves nothing, and stops no other."""
    paths = await find_documents(folder)
    report = Report(found=len(paths))
    seen = await known_digests(database)

    async def take_in(path: str) -> None:
        try:
            document = await examine(path)
            if document.digest in seen:
                report.known.append(path)
                return
            seen.add(document.digest)
            async with saga() as undo:  # whatever fails in here, nothing of the document stays in the index
                undo.add(remove_words, database, path)
                await put_words(database, path)
                await publish(database, document)
            report.published.append(path)
        except Exception as error:
            report.failed[path] = f"{type(error).__name__}: {error}"

    await map_steps(take_in, paths, concurrency=4)
    return report
