"""What the document pipeline is made of: documents, vectors, the index, the generator."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from examples.ingest.documents import (
    BrokenDocumentError,
    Document,
    PageMissingError,
    document_paths,
    fingerprint,
    from_html,
    from_markdown,
    read_document,
    read_page,
)
from examples.ingest.embedding import Embedder, HashingEmbedder
from examples.ingest.index import Analysis, DocumentIndex
from examples.ingest.make_documents import as_html, as_markdown, as_teaser, library_articles, make_documents
from examples.ingest.pipeline import PASSAGE_WORDS, TOO_SHORT, Found, completeness, passages, sort_out
from tests.examples.command_line import ROOT
from tests.examples.ingest_folders import count_rows

PAGE = """<html><head><title>Cats</title><script>track()</script></head><body><nav>Home</nav>
<main><h1>Cats</h1><p>They <b>purr</b> &amp; sleep_long.</p><script>alert()</script><pre>a &lt; b</pre></main>
<footer>imprint</footer></body></html>"""


# -- documents --------------------------------------------------------------------------------------------------------


def test_a_page_becomes_markdown_without_its_furniture() -> None:
    """W15: headings, emphasis and code are kept; scripts, navigation and footers are no content."""
    found = from_html(PAGE, "cats")
    assert found.title == "Cats"
    assert found.markdown.startswith("# Cats\n\nThey **purr** & sleep_long.")
    assert "a < b" in found.markdown
    assert not {"track", "alert", "Home", "imprint"} & set(found.markdown.replace("(", " ").split())


@pytest.mark.parametrize("text", ["", "<", "<main><main></p></main>", "<b>open", "&#xZZ;", "<!-- ", "\0<p>x"])
def test_broken_html_is_read_as_far_as_it_goes(text: str) -> None:
    """W15: no page stops the pipeline by its markup."""
    assert isinstance(from_html(text, "name").markdown, str)


def test_front_matter_says_title_and_source() -> None:
    """W15: and a document without it has the name of its file."""
    found = from_markdown("---\ntitle: A: b\nsource: https://x.example/a.html\n---\n\nText.\n", "name")
    assert found == Document("A: b", "Text.", "https://x.example/a.html")
    assert from_markdown("Text.", "name") == Document("name", "Text.")


@pytest.mark.parametrize("article", list(islice(library_articles(), 12)), ids=lambda article: article.name)
def test_the_same_text_in_both_forms_has_one_fingerprint(article: object) -> None:
    """W15: so a twin in the other form is a duplicate; other words make another one."""
    html, markdown = as_html(article), as_markdown(article)  # type: ignore[arg-type]
    assert fingerprint(from_html(html, "a")) == fingerprint(from_markdown(markdown, "b"))
    assert fingerprint(from_markdown(markdown + "more", "b")) != fingerprint(from_markdown(markdown, "b"))


def test_a_folder_without_an_inbox_is_refused_with_a_way_out(tmp_path: Path) -> None:
    """W15: whoever forgot to make the documents is told how."""
    with pytest.raises(FileNotFoundError, match="python -m ingest make"):
        document_paths(str(tmp_path))


@pytest.mark.parametrize("url", ["https://x.example/none.html", "https://x.example/../../inbox/a.md", "", "/"])
def test_a_page_outside_the_site_is_never_read(tmp_path: Path, url: str) -> None:
    """W15: a link names a page of the site, whatever its path says."""
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.md").write_text("secret")
    (tmp_path / "site").mkdir()
    with pytest.raises(PageMissingError):
        read_page(str(tmp_path), url)


# -- deciding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "characters, link, label",
    [
        (0, "https://x.example", "needs_scraping"),
        (TOO_SHORT - 1, "https://x.example", "needs_scraping"),
        (TOO_SHORT, "https://x.example", "has_content"),
        (10, None, "has_content"),
    ],
)
def test_what_is_short_and_has_a_link_is_scraped(characters: int, link: str | None, label: str) -> None:
    """A33, A34: 500 characters are content; what has no link is all there is."""
    assert completeness(characters, link) == label


def test_of_several_with_the_same_words_the_first_counts() -> None:
    """W15: empty, known and duplicate documents are told apart, in order."""
    found = [Found("a", "1"), Found("b", "2"), Found("c", "1"), Found("d", "3"), Found("e", "0", is_empty=True)]
    todo = sort_out(found, {"3"})
    assert [one.path for one in todo.fresh] == ["a", "b"]
    assert (todo.duplicates, todo.known, todo.empty) == (["c"], ["d"], ["e"])


@pytest.mark.parametrize("count", [0, 1, PASSAGE_WORDS, PASSAGE_WORDS + 1, 1000])
def test_passages_hold_every_word_once(count: int) -> None:
    """W15: in order, none empty, none too long, all about equally long."""
    words = [str(number) for number in range(count)]
    pieces = [piece.split() for piece in passages(" ".join(words))]
    assert [word for piece in pieces for word in piece] == words
    assert all(0 < len(piece) <= PASSAGE_WORDS for piece in pieces)
    assert max(map(len, pieces), default=0) - min(map(len, pieces), default=0) <= 1


# -- vectors ----------------------------------------------------------------------------------------------------------


def test_vectors_have_length_one_and_say_what_is_near() -> None:
    """W15: other forms of a word are near it, other words are not."""
    embedder: Embedder = HashingEmbedder()
    queue, queues, cats, nothing = embedder.embed(["a priority queue", "priority queues", "purring cats", "of the"])
    assert all(len(vector) == embedder.dimensions for vector in (queue, nothing))
    assert math.isclose(math.hypot(*queue), 1)
    assert not any(nothing)
    assert dot(queue, queues) > 0.5
    assert abs(dot(queue, cats)) < 0.3


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_another_process_makes_the_same_vectors() -> None:
    """W15: whatever the seed of Python's own hash is."""
    code = "from examples.ingest.embedding import HashingEmbedder as H; print(H(8).embed(['priority queue, heap']))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert said == {f"{HashingEmbedder(8).embed(['priority queue, heap'])}\n"}


# -- the index --------------------------------------------------------------------------------------------------------


def test_what_is_not_published_is_not_found(tmp_path: Path) -> None:
    """W15: a document is found from its last step on, and no more once it was removed."""
    index, embedder = DocumentIndex(str(tmp_path / "i.db")), HashingEmbedder()
    index.make()
    for path, text in (("a", "heaps and queues"), ("b", "queues of cats")):
        index.keep_document(path, fingerprint=path, title=path, markdown=text, scraped=False)
        index.keep_passages(path, [text], embedder.embed([text]))
        index.keep_analysis(path, Analysis(3, ["queues"]))
    (asked,) = embedder.embed(["queues heaps"])
    assert (index.search(asked, 5), index.fingerprints(), index.totals().documents) == ([], set(), 0)
    index.publish("a")
    index.publish("b")
    assert [hit.path for hit in index.search(asked, 5)] == ["a", "b"]
    assert [hit.path for hit in index.search(asked, 1)] == ["a"]
    assert (index.totals().words, index.totals().keywords) == (6, ["queues"])
    index.remove_document("a")
    index.remove_document("a")
    assert [hit.path for hit in index.search(asked, 5)] == ["b"]


DIES_WRITING = """
import os, sqlite3, sys
tables = sqlite3.connect(sys.argv[1], isolation_level=None)
tables.execute("PRAGMA cache_size = 1")  # pages: the rest goes to the file before the commit
tables.execute("BEGIN IMMEDIATE")
for number in range(200):
    tables.execute("INSERT INTO passages VALUES ('half', ?, ?, '')", (number, "x" * 4000))
os._exit(9)
"""


def test_a_write_that_was_cut_off_is_as_if_it_never_began(tmp_path: Path) -> None:
    """W15, C4: a process that dies while it writes leaves an index that the next step can read."""
    place = tmp_path / "i.db"
    index = DocumentIndex(str(place))
    index.make()
    index.keep_document("a", fingerprint="1", title="A", markdown="text", scraped=False)
    assert subprocess.run([sys.executable, "-c", DIES_WRITING, str(place)], check=False).returncode == 9
    assert place.with_name("i.db-journal").stat().st_size > 0
    assert index.text_of("a") == ("A", "text")
    assert count_rows(place) == 1


# -- the generator ----------------------------------------------------------------------------------------------------


def test_the_generator_makes_the_same_folder_each_time(tmp_path: Path) -> None:
    """W15: file for file and byte for byte; a folder that holds something is left alone."""
    for name in ("one", "two"):
        assert make_documents(tmp_path / name, 11) == 11
    one, two = (contents(tmp_path / name) for name in ("one", "two"))
    assert one == two
    assert {path.split("/")[1] for path in one if path.count("/") == 2} == {"copies", "empty", "dead", "broken"}
    with pytest.raises(FileExistsError):
        make_documents(tmp_path / "one", 1)


def test_the_generators_flaws_are_what_they_are_called(tmp_path: Path) -> None:
    """W15: broken files cannot be read, empty ones hold no word, teasers are short and name their page."""
    make_documents(tmp_path, 3)
    (broken,) = (path for path in document_paths(str(tmp_path)) if path.startswith("broken/"))
    with pytest.raises(BrokenDocumentError, match="not UTF-8"):
        read_document(str(tmp_path), broken)
    (empty,) = (path for path in document_paths(str(tmp_path)) if path.startswith("empty/"))
    assert read_document(str(tmp_path), empty).markdown == ""
    teaser = from_markdown(as_teaser(next(library_articles()), "page"), "name")
    assert len(teaser.markdown) < TOO_SHORT
    assert teaser.link == "https://library.example/page.html"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
