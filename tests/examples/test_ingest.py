"""The document pipeline, run by the test kit: in memory, in virtual time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import UnknownWorkflow
from cerebelum.engine.runtime.node import NodeSettings
from cerebelum.graphs import generate, to_mermaid, to_svg
from cerebelum.testing import Execution, InMemoryEngine, crash_everywhere, find_step, in_memory_engine
from examples.ingest import pipeline
from examples.ingest.embedding import HashingEmbedder
from examples.ingest.pipeline import Report, ingest_document, ingest_folder
from tests.examples.ingest_folders import TABLES, Folder
from tests.graphs.parsers import mermaid_labels

NOTHING: dict[str, list[Any]] = {name: [] for name in TABLES}


@pytest.fixture
async def engine() -> AsyncIterator[InMemoryEngine]:
    async with in_memory_engine() as kit:
        yield kit


@pytest.fixture
def five(tmp_path: Path) -> Folder:
    """Five articles: in Markdown, in HTML, and such whose text is on the website."""
    return Folder(tmp_path, 5)


def step_names(execution: Execution) -> list[str]:
    return [step.name for step in execution.steps]


async def children(engine: InMemoryEngine) -> list[str]:
    """Return the status of each child."""
    return [row.status for row in await engine.list(workflow="ingest_document")]


async def test_five_articles_in_five_completed(engine: InMemoryEngine, five: Folder) -> None:
    """W15, A42: each is taken in by an execution of its own, and found afterwards."""
    done = await engine.run(ingest_folder, five.documents, five.index)
    assert (done.found, done.completed, done.failed) == (5, 5, {})
    assert done.scraped == sum(article.form == "teaser" for article in five.articles) > 0
    assert (done.totals.documents, done.totals.passages) == (5, len(five.rows()["passages"]))
    assert await children(engine) == ["completed"] * 5


async def test_a_document_that_is_refused_is_undone(engine: InMemoryEngine, tmp_path: Path) -> None:
    """W15, D12, D13: with one forced failure among six, five complete, and nothing of the sixth is left."""
    six = Folder(tmp_path, 6)
    refused = six.first("markdown")
    done = await engine.run(ingest_folder, six.documents, six.index, fail=refused)
    assert (done.completed, list(done.failed)) == (5, [refused])
    assert "not to be published" in done.failed[refused]
    assert six.rows(of=refused) == NOTHING
    (row,) = await engine.list(workflow="ingest_document", statuses=("failed",))
    undone = [e.event() for e in (await engine.get_execution(row.id)).events]
    names = [event.name for event in undone if isinstance(event, ev.CompensationStarted)]
    assert sorted(names[:2]) == ["remove_analysis", "remove_embeddings"]
    assert names[2] == "remove_document"
    assert sum(isinstance(event, ev.CompensationCompleted) for event in undone) == 3


async def test_a_document_with_content_falls_through(engine: InMemoryEngine, five: Folder) -> None:
    """A34: with more than 500 characters nothing is scraped, and the flow goes on behind the decision."""
    handle = await engine.start(ingest_document, five.work(five.first("html")))
    execution = await engine.assert_completed(handle)
    assert execution.context.characters > pipeline.TOO_SHORT
    assert find_step(execution, "completeness").result == "has_content"
    assert "scrape_content" not in step_names(execution)
    assert execution.result["scraped"] is False


async def test_a_teaser_is_scraped_at_the_second_attempt(engine: InMemoryEngine, five: Folder) -> None:
    """A33, D7: the website is down at first; the whole page is in the index in the end."""
    path = five.first("teaser")
    execution = await engine.assert_completed(await engine.start(ingest_document, five.work(path)))
    assert find_step(execution, "completeness").result == "needs_scraping"
    assert find_step(execution, "scrape_content").attempt == 2
    ((_, _, title, markdown, scraped, published),) = five.rows(of=path)["documents"]
    assert len(markdown) > execution.context.characters
    assert (f"{title.split(':')[0]}.md", scraped, published) == (path, 1, 1)


async def test_a_page_that_is_missing_is_not_asked_for_again(engine: InMemoryEngine, tmp_path: Path) -> None:
    """D2: after the site was down once, its answer that there is no such page ends the retries."""
    folder = Folder(tmp_path, 1, flaws=True)
    handle = await engine.start(ingest_document, folder.work(f"dead/{folder.articles[0].name}.md"))
    execution = await engine.assert_failed(handle, match="PageMissingError: 404")
    assert find_step(execution, "scrape_content").attempt == 2


async def test_copies_empty_files_and_broken_ones(engine: InMemoryEngine, tmp_path: Path) -> None:
    """W15: copies and twins in the other form are dropped, empty files counted, broken ones and dead links fail alone."""
    flawed = Folder(tmp_path, 11, flaws=True)
    done = await engine.run(ingest_folder, flawed.documents, flawed.index)
    assert (done.completed, done.empty, done.known) == (11, 2, 0)
    assert done.duplicates == len(list((Path(flawed.documents) / "inbox" / "copies").iterdir())) > 2
    assert {path.split("/")[0] for path in done.failed} == {"broken", "dead"}
    assert len(done.failed) == 4
    assert {row[0] for row in flawed.rows()["documents"]} == {row[0] for row in flawed.rows()["analyses"]}
    assert all("/" not in path for path, *_ in flawed.rows()["documents"])


async def test_what_is_known_is_not_taken_in_again(engine: InMemoryEngine, five: Folder) -> None:
    """W15: a second discovery starts nothing; a new document is the only one that a third one takes in."""
    await engine.run(ingest_folder, five.documents, five.index)
    again: Report = await engine.run(ingest_folder, five.documents, five.index)
    assert (again.known, again.completed, len(await children(engine))) == (5, 0, 5)
    (Path(five.documents) / "inbox" / "new.md").write_text("Tidings of great joy. " * 40)
    third = await engine.run(ingest_folder, five.documents, five.index)
    assert (third.known, third.completed, third.totals.documents) == (5, 1, 6)


async def test_a_discovery_that_dies_after_the_third_start_starts_no_child_twice(
    engine: InMemoryEngine, five: Folder
) -> None:
    """A42: killed when its third child runs, it goes on, and there are exactly five children."""
    reached = asyncio.Event()

    async def third_hangs(folder: str, path: str) -> None:
        if hanging.count == 3:
            reached.set()
            await asyncio.Event().wait()
        pipeline.inspect_document(folder, path)

    hanging = engine.replace_step("inspect_document", third_hangs)
    handle = await engine.start(ingest_folder, five.documents, five.index, concurrency=1)
    await engine.waiting(reached.wait())
    assert len(await children(engine)) == 3
    await engine.crash()
    done = await handle.result()
    assert (done.completed, await children(engine)) == (5, ["completed"] * 5)


@pytest.mark.parametrize("form", ["html", "teaser"])
async def test_a_crash_anywhere_changes_nothing(five: Folder, form: str) -> None:
    """W15, S7: a document is taken in with the same result and the same rows, whatever event the process dies after."""
    report = await crash_everywhere(ingest_document, five.work(five.first(form)))
    assert report.difference is None
    assert report.crashes > 20
    assert [len(found) for found in five.rows().values()][::2] == [1, 1]


async def test_embeddings_and_analysis_have_queues_of_their_own(five: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A31, W15: the two parallel steps are recorded with their queues, and a queue's places are respected."""
    counting = CountingEmbedder()
    monkeypatch.setattr(pipeline, "EMBEDDER", counting)
    async with in_memory_engine(settings=NodeSettings(queues={"embeddings": 1})) as engine:
        await engine.run(ingest_folder, five.documents, five.index)
        assert (counting.calls, counting.most) == (5, 1)
        row = (await engine.list(workflow="ingest_document"))[0]
        scheduled = [e.event() for e in (await engine.get_execution(row.id)).events]
    queues = {event.name: event.queue for event in scheduled if isinstance(event, ev.StepScheduled)}
    assert (queues["generate_embeddings"], queues["analyse"]) == ("embeddings", "analysis")
    assert queues["convert"] == ""


class CountingEmbedder(HashingEmbedder):
    """Knows how many calls it had, and how many at once."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.most = self._now = 0
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        with self._lock:
            self.calls, self._now = self.calls + 1, self._now + 1
            self.most = max(self.most, self._now)
        try:
            return super().embed(texts)
        finally:
            with self._lock:
                self._now -= 1


async def test_an_embedder_that_fails_twice_is_asked_three_times(engine: InMemoryEngine, five: Folder) -> None:
    """W15, D7: and one that fails for good has the other branch undone, too."""
    engine.mock_service_failures(pipeline.EMBEDDER, "embed", 2)
    path = five.first("markdown")
    execution = await engine.assert_completed(await engine.start(ingest_document, five.work(path)))
    assert find_step(execution, "generate_embeddings").attempt == 3
    engine.mock_service_failures(pipeline.EMBEDDER, "embed")
    await engine.assert_failed(await engine.start(ingest_document, five.work(path)), match="made to fail")
    assert five.rows() == NOTHING


async def test_each_workflow_is_started_by_its_name(engine: InMemoryEngine, five: Folder) -> None:
    """A29: one module holds both; a name that it does not hold is refused with those it does."""
    await engine.register(ingest_folder, ingest_document)
    path = five.first("html")
    assert (await engine.run("ingest_document", five.work(path)))["path"] == path
    rest = await engine.run("ingest_folder", folder=five.documents, index=five.index)
    assert rest["completed"] == 4
    with pytest.raises(UnknownWorkflow, match="ingest_document, ingest_folder"):
        await engine.start("ingest_everything")


def test_both_workflows_can_be_drawn() -> None:
    """W15, L1: the flow from its blocks, the discovery from its code; Mermaid reads the text back."""
    nodes, edges = mermaid_labels(to_mermaid(ingest_document))
    assert {"ScrapeContent", "GenerateEmbeddings", "Analyse", "RemoveEmbeddings", "Publish"} <= set(nodes)
    assert "needs_scraping" in edges
    assert "Scrape Content" in to_svg(ingest_document)
    drawn = [node["label"] for node in generate(ingest_folder)["nodes"]]
    assert any("Ingest Document" in label for label in drawn)
