"""Three years of a whole node on a virtual clock, where clocks change in every way, against a walk through each minute."""

from __future__ import annotations

from datetime import UTC, datetime

from cerebelum.engine.domain.schedules.spec import cron_schedule
from cerebelum.testing import in_memory_engine
from tests.engine.domain.schedules import oracle
from tests.engine.schedules.world_of_schedules import fired, report, schedules_of

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
BEGIN_US = int(BEGIN.timestamp()) * 1_000_000  # when they are registered: later fires count
RULES = {  # in the gap or the overlap of the zone, where it has one
    "America/New_York": "30 2 * * sun",
    "Europe/Zurich": "15 2 * * sun",
    "Australia/Lord_Howe": "45 1 * * sun",
    "Asia/Kathmandu": "0 9 1,15 * *",
    "UTC": "0 0 1,29 * *",
}


async def test_three_years_of_schedules_through_a_node() -> None:
    """J5, J6, J9: each fire of each zone starts one execution, at its time, and none more."""
    async with in_memory_engine(start_at=BEGIN) as kit:
        await kit.register(report)
        for zone, expression in RULES.items():
            await schedules_of(kit).put(zone.replace("/", "-"), report, cron_schedule(expression, timezone=zone))
        await kit.advance(minutes=(END - BEGIN).days * 1440 - 1)
        for zone, expression in RULES.items():
            expected = [at_us for at_us in oracle.fires(expression, zone, BEGIN, END) if at_us > BEGIN_US]
            assert await fired(kit, zone.replace("/", "-")) == expected, zone
        assert (await kit.list(limit=1))[0].status == "completed"
