"""Queues on one node: so many steps of a queue run at once, none is lost, and who names none is not held up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

import cerebelum
from cerebelum import step, workflow
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.queues import QueueStats
from cerebelum.engine.runtime.node import NodeSettings
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger, queued

LIMITS = {"default": 10, "high_priority": 20, "background": 5, "embeddings": 2}


@pytest.fixture(autouse=True)
def counted() -> Iterator[None]:
    """Counts of this test only."""
    queued.running.clear()
    queued.most.clear()
    yield
    queued.running.clear()


@pytest.fixture
async def configured(url: str) -> AsyncIterator[World]:
    """An engine whose queues are configured."""
    world = await World.open(url, settings=NodeSettings(queues=LIMITS))
    yield world
    await world.close()


@pytest.mark.parametrize("queue, limit", [("default", 10), ("high_priority", 20), ("background", 5)])
async def test_a_queue_never_runs_more_than_its_limit(configured: World, queue: str, limit: int) -> None:
    """I9: of 100 jobs at once never more than the queue's concurrency run, and all of them run."""
    starts = (configured.client.start(queued.one_job, number, queue=queue) for number in range(100))
    handles = await asyncio.gather(*starts)
    assert [await handle.result(PATIENCE_S) for handle in handles] == list(range(100))
    assert 0 < queued.most["execution's own"] <= limit
    assert configured.node.steps.queue_stats(queue) == QueueStats(queue, 0, 0, limit)


async def test_a_step_has_a_queue_of_its_own(configured: World) -> None:
    """A31, I14: the step counts in its queue and not in that of its execution, and stands in line there alone."""
    handles = [await configured.client.start(queued.embeds_at_gate) for _ in range(3)]
    for handle in handles[:2]:
        await configured.at_gate(handle)
    stats = configured.node.steps.queue_stats
    assert stats("embeddings") == QueueStats("embeddings", running=2, pending=1, concurrency=2)
    assert stats("default") == QueueStats("default", running=0, pending=0, concurrency=10)
    assert await configured.run(queued.one_job, 7) == 7
    for handle in handles:
        ledger.gate(handle.id).set()
    assert [await handle.result(PATIENCE_S) for handle in handles] == ["through"] * 3
    (scheduled,) = await configured.events(handles[0], ev.StepScheduled)
    assert scheduled.queue == "embeddings"


@pytest.mark.parametrize(
    "flow", [queued.embeds, queued.embeds_again, queued.embeds_once], ids=lambda flow: str(flow.name)
)
async def test_every_kind_of_step_keeps_to_the_limit(configured: World, flow: object) -> None:
    """A31: retries and at_most_once steps hold a place while they run, and not between their attempts."""
    assert await configured.run(flow, 30) == list(range(30))  # type: ignore[arg-type]
    assert queued.most["embeddings"] == 2


async def test_none_is_lost_by_a_crash(configured: World) -> None:
    """I9: what stood in line when the process died stands in line again in the next one."""
    handle = await configured.client.start(queued.embeds_at_gate)
    other = await configured.client.start(queued.embeds_at_gate)
    await configured.at_gate(handle)
    await configured.at_gate(other)
    many = await configured.client.start(queued.embeds, 40)
    await configured.until(many, lambda view: len(view.steps) == 40)
    await configured.crash()
    queued.running.clear()
    for one in (handle, other):
        ledger.gate(one.id).set()
    client = await configured.come_back(queued.embeds, queued.embeds_at_gate)
    assert await client.handle(many.id).result(PATIENCE_S) == list(range(40))
    assert await client.handle(handle.id).result(PATIENCE_S) == "through"
    assert queued.most["embeddings"] <= 2


async def test_what_names_no_queue_is_not_limited(world: World) -> None:
    """I9: without a configuration, steps of plain workflows run all at once, as they did before there were queues."""
    assert await world.run(queued.plain_jobs, 100) == list(range(100))
    assert queued.most["execution's own"] > 50


async def test_an_unconfigured_queue_works_and_warns_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """I10: a queue that is named in code only runs 10 at once, and says so once."""
    for _ in range(2):
        handle = await world.client.start(queued.plain_jobs, 30, queue="reports")
        assert await handle.result(PATIENCE_S) == list(range(30))
    assert queued.most["execution's own"] == 10
    warnings = [line for line in capsys.readouterr().err.splitlines() if "'reports' is not configured" in line]
    assert len(warnings) == 1
    assert "at most 10" in warnings[0]


async def test_built_in_queues_have_their_numbers(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """I9: high_priority (20) and background (5) are known without being configured."""
    handle = await world.client.start(queued.plain_jobs, 60, queue="background")
    await handle.result(PATIENCE_S)
    assert queued.most["execution's own"] == 5
    assert world.node.steps.queue_stats("high_priority").concurrency == 20
    assert "not configured" not in capsys.readouterr().err


async def test_a_sleeping_workflow_holds_no_place(url: str) -> None:
    """A24: with room for one, what starts behind a workflow that sleeps runs at once."""
    world = await World.open(url, settings=NodeSettings(queues={"default": 1}))
    try:
        sleeper = await world.client.start(queued.sleeps_for_long)
        await world.until_status(sleeper, "waiting")
        assert await world.run(queued.one_job, 3) == 3
    finally:
        await world.close()


async def test_a_step_that_is_given_up_leaves_the_line(configured: World) -> None:
    """A31: one that stands in line and is no longer waited for takes no place when its turn comes."""
    first = [await configured.client.start(queued.embeds_at_gate) for _ in range(2)]
    for handle in first:
        await configured.at_gate(handle)
    assert await configured.run(queued.embeds_and_gives_up) == "gave up"
    assert configured.node.steps.queue_stats("embeddings").pending == 0
    for handle in first:
        ledger.gate(handle.id).set()
        await handle.result(PATIENCE_S)
    assert await configured.run(queued.embeds, 3) == [0, 1, 2]


async def test_places_of_dropped_executions_are_free_again(configured: World) -> None:
    """A31: an execution that goes to another node while it holds or awaits a place leaves none taken behind."""
    handles = [await configured.client.start(queued.embeds_at_gate) for _ in range(3)]
    for handle in handles[:2]:
        await configured.at_gate(handle)
    configured.node.residents.forget_all()
    stats = configured.node.steps.queue_stats
    async with asyncio.timeout(PATIENCE_S):
        while stats("embeddings").running:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert stats("embeddings") == QueueStats("embeddings", 0, 0, 2)


async def test_a_workflow_names_its_queue(world: World) -> None:
    """I9, I10: `@workflow(queue=)` is recorded in the row, of children too, and a start may name another."""
    started = await world.client.start(queued.report, 1)
    assert await started.result(PATIENCE_S) == 1
    assert (await started.describe()).row.queue == "reports"
    other = await world.client.start(queued.report, 1, queue="low_priority")
    assert (await other.describe()).row.queue == "low_priority"
    parent = await world.client.start(queued.parent_of_report)
    assert await parent.result(PATIENCE_S) == 1
    (child,) = await world.client.list(parent=parent.id)
    assert (child.queue, (await parent.describe()).row.queue) == ("reports", "default")


async def test_connect_takes_the_queues(new_url: Callable[[], str]) -> None:
    """I9: `connect(queues={...})` configures this process's node, and refuses what cannot be a number of places."""
    async with cerebelum.connect(new_url(), queues={"embeddings": 3}) as client:
        assert await (await client.start(queued.embeds, 20)).result(PATIENCE_S) == list(range(20))
        assert queued.most["embeddings"] == 3
    for queues in ({"embeddings": 0}, {"embeddings": True}, {"": 1}, {"a\nb": 1}):
        with pytest.raises(DefinitionError, match="queue"):
            async with cerebelum.connect(new_url(), queues=queues):
                pass


def test_names_that_cannot_be_a_queue_are_refused() -> None:
    """A31: the refusal comes where the step or workflow is declared, and names it."""
    with pytest.raises(DefinitionError, match="@step job: queue: '' cannot be a queue's name"):

        @step(queue="")
        def job() -> None: ...

    with pytest.raises(DefinitionError, match="@workflow flow: queue: 'a\\\\tb' cannot be"):

        @workflow("flow", queue="a\tb")
        async def flow() -> None: ...
