"""What still runs when a workflow ends."""

from __future__ import annotations

from cerebelum.engine.testing.invariants import check_store
from tests.engine.world import PATIENCE_S, World, types_of
from tests.flows import left_behind


async def test_nothing_is_recorded_after_the_end(world: World) -> None:
    """F3: a step that the end of its workflow cuts off adds no event behind the final one."""
    handles = [await world.client.start(left_behind.leaves_a_step) for _ in range(20)]
    for handle in handles:
        assert await handle.result(PATIENCE_S) == 1
    for handle in handles:
        assert types_of(await handle.history())[-1] == "execution_completed"
    assert not await check_store(world.store, world.codec, {"leaves_a_step": left_behind.leaves_a_step})
