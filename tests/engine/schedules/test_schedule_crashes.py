"""The process dies before and after every write of a run with schedules: nothing is lost, nothing runs twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from cerebelum.adapters.stores.memory import MemoryStore
from cerebelum.engine.domain.schedules.spec import Options, cron_schedule
from cerebelum.engine.ports.schedule_store import ScheduleDecision
from cerebelum.engine.ports.store import Batch, Committed
from cerebelum.testing import InMemoryEngine, in_memory_engine
from tests.engine.schedules.world_of_schedules import BEGIN, report, schedules_of, slow

T = TypeVar("T")
Story = list[tuple[str, int, str, str | None]]
SPAN_US = 2 * 3_600_000_000


class MortalStore(MemoryStore):
    """Its process dies at write number `dies_at`: just before it, or just after, when nobody has heard of it yet."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.dies_at, self.written, self.writes = 0, False, 0
        self.dying = asyncio.Event()

    async def commit(self, batch: Batch) -> Committed:
        return await self._mortal(lambda: MemoryStore.commit(self, batch))

    async def write_schedule(self, decision: ScheduleDecision) -> bool:
        return await self._mortal(lambda: MemoryStore.write_schedule(self, decision))

    async def _mortal(self, write: Callable[[], Awaitable[T]]) -> T:
        self.writes += 1
        if self.writes != self.dies_at:
            return await write()
        if self.written:
            await write()
        self.dying.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody hears of the rest")


async def _story(dies_at: int = 0, *, written: bool = False) -> tuple[Story, int]:
    """Let two hours pass with three schedules, and the process die once; return what was run, and how many writes it took."""
    async with in_memory_engine(start_at=BEGIN, store_type=MortalStore) as kit:
        store = kit.store
        assert isinstance(store, MortalStore)
        await kit.register(report, slow)
        schedules = schedules_of(kit)
        await schedules.put("plain", report, cron_schedule("*/30 * * * *"))
        for name, overlap in (("queued", "queue"), ("replaced", "cancel_previous")):
            options = Options(input={"seconds": 3000}, overlap=overlap)
            await schedules.put(name, slow, cron_schedule("*/30 * * * *", options=options))
        store.writes, store.dies_at, store.written = 0, dies_at, written
        end_us = kit.clock.now_us() + SPAN_US
        await _pass(kit, store, end_us)
        return await _told(kit), store.writes


async def _pass(kit: InMemoryEngine, store: MortalStore, end_us: int) -> None:
    passing = asyncio.ensure_future(kit.advance(seconds=(end_us - kit.clock.now_us()) / 1e6))
    dying = asyncio.ensure_future(store.dying.wait())
    await asyncio.wait({passing, dying}, return_when=asyncio.FIRST_COMPLETED)
    if passing.done():
        dying.cancel()
        return passing.result()
    passing.cancel()
    await asyncio.gather(passing, return_exceptions=True)
    store.dying.clear()
    await kit.crash()
    await kit.settle()
    await _pass(kit, store, end_us)
    return None


async def _told(kit: InMemoryEngine) -> Story:
    """Return (schedule, fire, outcome, status of its execution), of all runs; each execution belongs to one of them."""
    found: Story = []
    ids: list[str] = []
    for name in ("plain", "queued", "replaced"):
        for run in reversed(await schedules_of(kit).runs(name)):
            row = None if run.execution_id is None else await kit.store.get_execution(run.execution_id)
            found.append((name, run.fire_at_us, run.outcome, None if row is None else row.status))
            ids += [] if run.execution_id is None else [run.execution_id]
    assert sorted(ids) == sorted(row.id for row in await kit.list(limit=1000))
    assert len(set(ids)) == len(ids)
    return found


@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
async def test_a_crash_at_every_write(written: bool) -> None:
    """J9: wherever the process dies, the same fires have started the same executions in the end, each once."""
    story, writes = await _story()
    assert {outcome for _, _, outcome, _ in story} == {"started", "queued"}
    assert writes > 20
    for dies_at in range(1, writes + 1):
        again, _ = await _story(dies_at, written=written)
        assert again == story, f"crash {'after' if written else 'before'} write {dies_at} of {writes}"
