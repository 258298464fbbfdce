"""Why a fire of a schedule that waits in its queue has not started."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from cerebelum.engine.application.reasons import why
from cerebelum.engine.domain.schedules.schedule import ScheduleRun, execution_id_of
from cerebelum.engine.ports.schedule_store import ScheduleDecision
from cerebelum.engine.testing.store_contract_schedules import fires, schedule, stored
from tests.engine.world import World

FIRE_US = 1_900_000_000_000_000


@pytest.fixture
async def world(url: str) -> AsyncIterator[World]:
    """An engine on an empty store, of each kind."""
    world = await World.open(url)
    yield world
    await world.close()


async def test_a_queued_fire_waits_for_the_execution_before_it(world: World) -> None:
    """J9: asked by the id that the fire will have: since when, behind which execution; and that one says who waits."""
    row = await stored(world.store, schedule())
    first = fires(row, FIRE_US)
    await world.store.write_schedule(first)
    holder = first.starts[0].row.id
    found = await world.store.get_schedule(row.name)
    assert found is not None
    later_us = FIRE_US + 60_000_000
    queued = ScheduleRun(schedule=row.name, fire_at_us=later_us, outcome="queued", reason="it still runs", is_open=True)
    await world.store.write_schedule(ScheduleDecision(row=replace(found, waiting=1), runs=[queued]))
    answer = await why(world.engine, execution_id_of(row.name, later_us))
    (reason,) = answer.reasons
    assert (reason.kind, reason.since_us, reason.detail) == ("fire", later_us, ("it still runs",))
    assert f"until {holder} has ended" in reason.text
    assert reason.commands == (f"cerebelum schedule show {row.name}", f"cerebelum why {holder}")
    assert reason.because is not None
    assert reason.because.execution_id == holder
    assert (await why(world.engine, holder)).notes == (f"1 fire waits behind it: cerebelum schedule show {row.name}",)
