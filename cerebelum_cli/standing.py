"""Whether any running node can do what was asked."""

from __future__ import annotations

from cerebelum.engine.application.engine import Engine


async def who_runs(engine: Engine, workflow: str) -> str | None:
    """Return None when a live node knows the workflow, else a sentence that says who there is instead."""
    now_us = await engine.store.now_us()
    alive = [node for node in await engine.store.nodes() if node.lease_until_us > now_us]
    if any(workflow in node.workflows for node in alive):
        return None
    names = sorted({name for node in alive for name in node.workflows})
    return f"no node has workflow {workflow!r} (nodes: {len(alive)}, workflows: {', '.join(names) or 'none'})"
