"""What tests of forks do with executions."""

from __future__ import annotations

from typing import Any

from cerebelum.engine.application.client import Handle
from tests.engine.world import World


async def ended(world: World, workflow: Any, *args: Any) -> Handle[Any]:
    """Run a workflow to its end, however it ends."""
    handle: Handle[Any] = await world.client.start(workflow, *args)
    await world.until(handle, lambda view: view.row.ended)
    return handle


async def stored(world: World, execution_id: str) -> tuple[Any, Any]:
    """Return the row and the bytes of the history."""
    return await world.store.get_execution(execution_id), await world.store.read_history(execution_id)


async def version_of(handle: Handle[Any], type_: str, which: int = 0) -> int:
    """Return the version of the first, or another, event of a type."""
    return [event.version for event in await handle.history() if event.type == type_][which]
