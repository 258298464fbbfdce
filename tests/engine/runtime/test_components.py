"""The supervised components of a node."""

from __future__ import annotations

from cerebelum.adapters.stores.memory import MemoryStore
from cerebelum.connect import make_codec
from cerebelum.engine.application.engine import Engine

EXPECTED = ["journal", "timers", "step pulse", "dispatcher", "takeover", "store watch", "results", "sweep"]


async def test_a_node_starts_its_components_in_order_and_stops_them_all() -> None:
    """V10, V9: what runs for long is supervised, and nothing of it is left after the node has stopped."""
    store = MemoryStore()
    await store.open()
    engine = Engine(store, make_codec())
    node = await engine.start_node()
    assert list(node.supervisor.components) == EXPECTED
    await engine.stop_node()
    assert list(node.supervisor.components) == []
    await store.close()
