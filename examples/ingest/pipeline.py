"""A folder of documents becomes an index that can be searched: each document in an execution of its own.

    python -m ingest make documents
    cerebelum run ingest/pipeline.py:ingest_folder
    cerebelum run ingest/pipeline.py:ingest_folder -i fail=heapq -i index=other.db     # one is refused, and undone
    python -m ingest search documents.db priority queue

`ingest_folder` finds the documents and starts the others, `ingest_document` takes in one. What passes between steps
stays small: a path, a title, a few numbers. Texts and vectors are in the index, where nobody finds them before
`publish`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cerebelum import (
    ChildFailed,
    Flow,
    Retry,
    cron,
    decision,
    info,
    input,  # noqa: A004 - the name of Cerebelum's context functions
    map_steps,
    minutes,
    node,
    parallel,
    put_context,
    step,
    workflow,
)

from . import documents
from .embedding import Embedder, HashingEmbedder, words_of
from .index import Analysis, DocumentIndex, Totals

TOO_SHORT = 500  # characters: less is a teaser, if it says where the rest is
PASSAGE_WORDS = 120
KEYWORDS = 8
AGAIN = Retry(max_attempts=3, backoff="constant", backoff_base=0.2)
WHILE_UNREACHABLE = Retry(max_attempts=3, backoff="constant", backoff_base=0.2, on=documents.SiteUnreachableError)
EMBEDDER: Embedder = HashingEmbedder()


class PublicationRefusedError(ValueError):
    """Somebody does not want this document to be found."""


# -- ingest_document: one document ------------------------------------------------------------------------------------


def inspect_document(folder: str, path: str) -> None:
    """Read a document, and say what it is; its text stays where it is."""
    document = documents.read_document(folder, path)
    found = {"link": document.link, "characters": len(document.markdown)}
    put_context({**found, "fingerprint": documents.fingerprint(document)})


def completeness(characters: int, link: str | None) -> str:
    """Return the label of the way that the document goes."""
    return "needs_scraping" if link and characters < TOO_SHORT else "has_content"


def scrape_content(folder: str, link: str) -> None:
    """Look whether the page with the whole text is there. The website is down at the first attempt, always."""
    if info().attempt == 1:
        raise documents.SiteUnreachableError(f"{link} does not answer")
    documents.read_page(folder, link)
    put_context("scraped", link)


def convert(ctx: Any) -> int:
    """Keep the document as Markdown; return its characters."""
    scraped = ctx.get("scraped")
    found = documents.read_page(ctx.folder, scraped) if scraped else documents.read_document(ctx.folder, ctx.path)
    index = DocumentIndex(ctx.index)
    index.make()
    index.keep_document(
        ctx.path, fingerprint=ctx.fingerprint, title=found.title, markdown=found.markdown, scraped=bool(scraped)
    )
    return len(found.markdown)


def generate_embeddings(index: str, path: str) -> int:
    """Keep a vector for each passage; return their number."""
    title, markdown = DocumentIndex(index).text_of(path)
    texts = passages(markdown)
    # the title tells what a passage from the middle is about
    vectors = EMBEDDER.embed([f"{title}\n{text}" for text in texts])
    DocumentIndex(index).keep_passages(path, texts, vectors)
    return len(texts)


def analyse(index: str, path: str) -> int:
    """Count words; return their number."""
    _, markdown = DocumentIndex(index).text_of(path)
    counted = Counter(words_of(markdown)).most_common()
    keywords = sorted(counted, key=lambda item: (-item[1], item[0]))[:KEYWORDS]
    words = len(documents.WORD.findall(markdown))
    DocumentIndex(index).keep_analysis(path, Analysis(words, [word for word, _ in keywords]))
    return words


def publish(ctx: Any) -> dict[str, Any]:
    """Let the document be found, and say what was done."""
    if ctx.get("fail") and ctx.fail in ctx.path:
        raise PublicationRefusedError(f"{ctx.path} is not to be published: fail={ctx.fail}")
    DocumentIndex(ctx.index).publish(ctx.path)
    return {"path": ctx.path, "passages": ctx.passages, "words": ctx.words, "scraped": ctx.has("scraped")}


def remove_document() -> None:
    """Undo `convert`."""
    DocumentIndex(input()["index"]).remove_document(input()["path"])


def remove_embeddings() -> None:
    """Undo `generate_embeddings`."""
    DocumentIndex(input()["index"]).remove_passages(input()["path"])


def remove_analysis() -> None:
    """Undo `analyse`."""
    DocumentIndex(input()["index"]).remove_analysis(input()["path"])


ingest_document = Flow(
    "ingest_document",
    inspect_document,
    decision(
        completeness,
        {"needs_scraping": [node(scrape_content, retry=WHILE_UNREACHABLE)]},  # "has_content" has no branch: on we go
    ),
    node(convert, timeout=minutes(1), compensate=remove_document),
    parallel(
        "enrich",
        [node(generate_embeddings, queue="embeddings", retry=AGAIN, compensate=remove_embeddings, collect="passages")],
        [node(analyse, queue="analysis", retry=AGAIN, compensate=remove_analysis, collect="words")],
    ),
    publish,
)


# -- ingest_folder: all of them ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """A document of the inbox, and what tells it from others."""

    path: str
    fingerprint: str
    is_empty: bool = False


@dataclass(frozen=True)
class Sorted:
    """What is to be done with the documents that were found; paths."""

    fresh: list[Found] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)  # taken in by an earlier execution


@dataclass(frozen=True)
class Report:
    """What `cerebelum run` shows in the end."""

    index: str
    found: int
    duplicates: int
    empty: int
    known: int
    completed: int
    scraped: int
    failed: dict[str, str]  # path to what its execution said
    totals: Totals


@step
def find_documents(folder: str) -> list[str]:
    """Return the paths of the documents, in order."""
    return documents.document_paths(folder)


@step
def examine(folder: str, path: str) -> Found:
    """Return what tells a document from others. One that is broken is told by its name: it fails where it is taken in."""
    try:
        document = documents.read_document(folder, path)
    except documents.BrokenDocumentError:
        return Found(path, f"broken: {path}")
    is_empty = not (documents.WORD.search(document.markdown) or document.link)
    return Found(path, documents.fingerprint(document), is_empty)


@step
def known_fingerprints(index: str) -> set[str]:
    """Return the documents that are in the index already."""
    DocumentIndex(index).make()
    return DocumentIndex(index).fingerprints()


@step
def count(index: str) -> Totals:
    """Return what the index holds now."""
    return DocumentIndex(index).totals()


@cron("0 * * * *", overlap="skip", catch_up="one")  # a worker looks every hour whether there is something new
@workflow
async def ingest_folder(
    folder: str = "documents", index: str = "documents.db", fail: str = "", concurrency: int = 8
) -> Report:
    """Take in what is new in the folder. One document that fails leaves nothing behind, and stops no other.

    Args:
        fail: documents with this in their path are refused at the last step: see how they are undone.
        concurrency: how many documents are under way at once.
    """
    paths = await find_documents(folder)
    found = await map_steps(lambda path: examine(folder, path), paths, concurrency=concurrency)
    todo = sort_out(found, await known_fingerprints(index))

    async def ingest(one: Found) -> dict[str, Any]:
        work = {"folder": folder, "path": one.path, "index": index, "fail": fail}
        try:
            return dict(await ingest_document(work))  # an execution of its own: started once, whatever happens to us
        except ChildFailed as failed:
            return {"path": one.path, "error": failed.message.removeprefix("failed: ")}

    outcomes = await map_steps(ingest, todo.fresh, concurrency=concurrency)
    return report(index, todo, outcomes, await count(index))


# -- plain functions: no effects, so the workflow calls them as they are ------------------------------------------------


def sort_out(found: Iterable[Found], known: set[str]) -> Sorted:
    """Say of each document whether it is new. Of several with the same words the first counts."""
    todo, seen = Sorted(), set(known)
    for one in found:
        if one.is_empty:
            todo.empty.append(one.path)
        elif one.fingerprint in known:
            todo.known.append(one.path)
        elif one.fingerprint in seen:
            todo.duplicates.append(one.path)
        else:
            seen.add(one.fingerprint)
            todo.fresh.append(one)
    return todo


def report(index: str, todo: Sorted, outcomes: list[dict[str, Any]], totals: Totals) -> Report:
    """Sum up."""
    done = [outcome for outcome in outcomes if "error" not in outcome]
    return Report(
        index=index,
        found=len(todo.fresh) + len(todo.duplicates) + len(todo.empty) + len(todo.known),
        duplicates=len(todo.duplicates),
        empty=len(todo.empty),
        known=len(todo.known),
        completed=len(done),
        scraped=sum(outcome["scraped"] for outcome in done),
        failed={outcome["path"]: outcome["error"] for outcome in outcomes if "error" in outcome},
        totals=totals,
    )


def passages(markdown: str) -> list[str]:
    """Return a text in equal pieces of `PASSAGE_WORDS` words at most, none of them empty."""
    words = markdown.split()
    pieces = -(-len(words) // PASSAGE_WORDS)
    borders = [len(words) * piece // pieces for piece in range(pieces + 1)] if pieces else []
    return [" ".join(words[start:end]) for start, end in pairwise(borders)]
