"""Old code is let go when no open execution needs it; without that, each edit would keep a module for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cerebelum.engine.domain.execution import OPEN
from cerebelum.engine.ports.store import ExecutionFilter, Store
from cerebelum.engine.runtime.code import pinning
from cerebelum.engine.runtime.code.modules import PINNED_PREFIX
from cerebelum.engine.runtime.code.registry import Registered, WorkflowRegistry
from cerebelum.engine.runtime.live import LiveExecution


async def release_unneeded(
    registry: WorkflowRegistry, store: Store, lives: Callable[[], Iterable[LiveExecution]]
) -> int:
    """Forget the superseded versions that no open execution runs on, here or in the store; return how many.

    What runs keeps its objects alive itself; a version that is asked for again is loaded from the store, or its
    executions go on on the newest.
    """
    released = 0
    for entry in registry.superseded():
        name = entry.definition.name
        if _runs(entry, lives()):
            continue
        query = ExecutionFilter(workflow=name, code=entry.digest, statuses=OPEN, limit=1)
        if await store.list_executions(query) or _runs(entry, lives()):
            continue
        if registry.entry(name, entry.digest) is not entry or not registry.is_superseded(name, entry.digest):
            continue  # it became the newest again meanwhile
        registry.remove(name, entry.digest)
        _unload(entry, registry)
        released += 1
    return released


def _runs(entry: Registered, lives: Iterable[LiveExecution]) -> bool:
    return any(
        live.run.definition is entry.definition
        or (live.row.workflow == entry.definition.name and live.row.code == entry.digest)
        for live in lives
    )


def _unload(entry: Registered, registry: WorkflowRegistry) -> None:
    """Take a version that came from the store out of the import system; the workflows of one module share it."""
    if entry.code is None or not entry.definition.function.__module__.startswith(f"{PINNED_PREFIX}."):
        return
    digest = entry.code.digest
    if not any(other.code is not None and other.code.digest == digest for other in registry.superseded()):
        pinning.release(digest)
