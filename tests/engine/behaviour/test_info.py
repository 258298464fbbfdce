"""What `info()` tells of an execution's input."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from cerebelum import info, step, workflow
from tests.engine.world import World

NOTHING = object()  # as libraries mark "not given"; JSON cannot hold it


@step
def seen_by_a_step() -> dict[str, Any]:
    return info().input


@workflow
async def ordered(
    order: str, count: int = 3, day: date = date(2024, 2, 29), price: Decimal = Decimal("1.50"), tags: Any = (),
    marker: Any = NOTHING, *, note: str | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    return [info().input, await seen_by_a_step()]


async def test_the_input_holds_the_defaults_of_what_the_caller_left_out(world: World) -> None:
    """B: by name, as JSON holds them, in workflow code and in steps; a default that is no data is left out."""
    whole = {"order": "a", "count": 3, "day": "2024-02-29", "price": "1.50", "tags": [], "note": None}
    assert await world.run(ordered, "a") == [whole, whole]
    given = whole | {"count": 7, "day": "2025-01-01", "marker": "x"}
    assert await world.run(ordered, "a", 7, date(2025, 1, 1), Decimal("1.50"), [], "x") == [given, given]
