"""The end of a node as `kill -9` makes it."""

from __future__ import annotations

from cerebelum.engine.runtime import garbage, log_capture
from cerebelum.engine.runtime.node import Node


async def die(node: Node) -> None:
    """End a node without a word: nothing more is committed, what it held in memory is gone, its executions are free."""
    node.dispatcher.claiming = node.steps.accepting = False
    node.residents.forget_all()
    await node.supervisor.stop()
    await node.membership.lease.stop()
    node.watchdog.stop()
    log_capture.uninstall()
    garbage.node_stopped()
    await node.steps.stop(0)
    await node.store.release_dead(dead=[node.nonce])  # as a neighbour does that sees its process gone
