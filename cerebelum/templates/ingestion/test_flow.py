"""`blocking_engine` comes with cerebelum: it keeps everything in memory. The steps are real, and write to a new folder."""

import pytest

from flow import examine, ingest, publish
from index import Index


@pytest.fixture
def work(tmp_path):
    """Return the arguments of the workflow: a folder with documents, and where the index is to be."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.md").write_text("# Apples\n\nApples grow on trees.")
    (inbox / "b.md").write_text("# Boats\n\nBoats are made of trees.")
    (inbox / "broken.md").write_bytes(b"\xff\xfe\xff")
    return {"folder": str(inbox), "database": str(tmp_path / "index.db")}


def names(paths):
    """Return the names of files, in order."""
    return sorted(path.rpartition("/")[2] for path in paths)


def found(work, text):
    """Return the titles that a search finds."""
    return sorted(hit.title for hit in Index(work["database"]).search(text))


def test_what_was_taken_in_is_found(blocking_engine, work):
    """A broken document is named with its reason, and stops no other."""
    report = blocking_engine.run(ingest, **work)
    assert names(report.published) == ["a.md", "b.md"]
    assert "UnicodeDecodeError" in next(iter(report.failed.values()))
    assert found(work, "trees") == ["Apples", "Boats"]
    assert found(work, "boats") == ["Boats"]


def test_the_same_text_is_taken_in_once(blocking_engine, work, tmp_path):
    """A copy is known, and so is everything in a second run."""
    (tmp_path / "inbox" / "z.md").write_text("# Apples\n\nApples grow on trees.")
    assert len(blocking_engine.run(ingest, **work).known) == 1
    second = blocking_engine.run(ingest, **work)
    assert (second.published, len(second.known)) == ([], 3)


def test_what_cannot_be_published_leaves_nothing(blocking_engine, work):
    """The words are removed again when a document fails after them."""
    blocking_engine.fail_step(publish, error=OSError("the disk is full"))
    report = blocking_engine.run(ingest, **work)
    assert report.published == []
    assert len(report.failed) == 3
    Index(work["database"]).publish("a.md", "Apples", "0")
    assert found(work, "apples") == []


def test_a_busy_disk_is_tried_again(blocking_engine, work):
    """Two failures are survived."""
    blocking_engine.fail_step(examine, times=2, error=OSError("busy"))
    assert len(blocking_engine.run(ingest, **work).published) == 2


def test_a_crash_in_the_middle_changes_nothing(blocking_engine, work):
    """The index is the same as without a crash."""
    blocking_engine.fail_step(publish, times=1, error=OSError("busy"))
    handle = blocking_engine.start(ingest, **work)
    blocking_engine.settle()
    blocking_engine.crash()
    assert len(blocking_engine.assert_completed(handle).result.published) == 2
    assert found(work, "trees") == ["Apples", "Boats"]
