"""Workflows and engines for tests of schedules: a virtual clock, and what was started."""

from __future__ import annotations

from datetime import UTC, datetime

from cerebelum import step, workflow
from cerebelum.engine.application.schedules import Schedules
from cerebelum.engine.domain.durations import instant_us
from cerebelum.engine.domain.schedules.schedule import ScheduleRun
from cerebelum.testing import InMemoryEngine

BEGIN = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


@step
async def collect(region: str) -> str:
    return f"report of {region}"


@workflow
async def report(region: str = "all") -> str:
    return await collect(region)


@workflow
async def slow(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


def at_us(text: str) -> int:
    """Return the instant of an ISO text; UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    return instant_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC), what="a test's time")


def schedules_of(kit: InMemoryEngine) -> Schedules:
    return Schedules(kit.engine)


async def fired(kit: InMemoryEngine, name: str, *outcomes: str) -> list[int]:
    """Return the fires of the runs with these outcomes ("started" by default), oldest first."""
    runs: list[ScheduleRun] = await kit.store.schedule_runs(name, limit=10_000)
    return [run.fire_at_us for run in reversed(runs) if run.outcome in (outcomes or ("started",))]
