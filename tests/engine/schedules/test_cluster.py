"""Several nodes on one store: each due time starts one execution."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.schedules import Schedules
from cerebelum.engine.domain.schedules.schedule import execution_id_of
from cerebelum.engine.domain.schedules.spec import Options, cron_schedule
from cerebelum.engine.testing.death import die
from cerebelum.testing.clock import VirtualClock
from tests.conftest import urls_of
from tests.engine.schedules.world_of_schedules import at_us, report

BEGIN_US = at_us("2026-03-02T08:30:30")
MINUTE_US = 60_000_000
NODES = 3


class Cluster:
    """Nodes of one process, each with a store of its own over one database, on one clock that the test moves."""

    def __init__(self, url: str) -> None:
        self.clock = VirtualClock(BEGIN_US)
        self.engines = [Engine(open_store(url), make_codec(), clock=self.clock) for _ in range(NODES)]

    async def open(self) -> None:
        for engine in self.engines:
            await engine.store.open()
            await engine.register(report)
            await engine.start_node()

    async def close(self) -> None:
        for engine in self.engines:
            await engine.stop_node(1.0)
            await engine.store.close()

    async def kill(self, number: int) -> None:
        """End a node as `kill -9` would, while the others go on."""
        engine = self.engines[number]
        node, engine.node = engine.node, None
        assert node is not None
        await die(node)

    def minute_passes(self) -> None:
        """Move the clock; all nodes notice at once."""
        self.clock.move_to(self.clock.now_us() + MINUTE_US)
        for engine in self.engines:
            if engine.node is not None:
                engine.node.scheduler.poke()

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await condition():  # noqa: ASYNC110 - what it waits for happens in the store
                await asyncio.sleep(0.005)


@pytest.fixture(params=["sqlite", "postgresql"])
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(urls_of(request, tmp_path)())
    await cluster.open()
    yield cluster
    await cluster.close()


async def test_ten_minutes_on_three_nodes_of_which_one_is_killed(cluster: Cluster) -> None:
    """J9: every minute, ten minutes, three nodes that look at the same instant, one killed midway: ten executions, all run."""
    store = cluster.engines[2].store
    spec = cron_schedule("* * * * *", options=Options(overlap="allow"))  # these minutes are over in no time
    await Schedules(cluster.engines[2]).put("minutely", report, spec)
    fires = [BEGIN_US - 30_000_000 + number * MINUTE_US for number in range(1, 11)]
    for number, fire_us in enumerate(fires, start=1):
        cluster.minute_passes()
        if number == 5:
            await cluster.kill(0)

        async def has_fired(fire_us: int = fire_us) -> bool:
            return bool(await store.schedule_runs("minutely", from_us=fire_us, until_us=fire_us + 1))

        await cluster.until(has_fired)

    async def all_done() -> bool:
        return (await store.count_executions())["completed"] == 10

    await cluster.until(all_done)
    assert sum((await store.count_executions()).values()) == 10
    runs = await store.schedule_runs("minutely", limit=100)
    assert [(run.fire_at_us, run.outcome, run.execution_id) for run in reversed(runs)] == [
        (fire_us, "started", execution_id_of("minutely", fire_us)) for fire_us in fires
    ]


async def test_a_schedule_is_seen_by_nodes_that_did_not_write_it(cluster: Cluster) -> None:
    """J9: another process puts a schedule; a node that nobody tells looks at it within its poll, and fires."""
    store = cluster.engines[0].store
    writer = Engine(store, make_codec())
    await writer.register(report)
    await Schedules(writer).put("minutely", report, cron_schedule("* * * * *"))
    row = await store.get_schedule("minutely")
    assert row is not None
    assert row.next_run_at_us is not None
    cluster.clock.move_to(row.next_run_at_us)

    async def fired() -> bool:
        return bool(await store.schedule_runs("minutely"))

    await cluster.until(fired)
