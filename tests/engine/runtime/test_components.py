"""The supervised components of a node."""

from __future__ import annotations

from cerebelum.adapters.stores.memory import MemoryStore
from cerebelum.connect import make_codec
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.runtime.live import LiveExecution
from cerebelum.engine.runtime.run import WorkflowRun
from tests.flows.lifecycle import quick

EXPECTED = ["journal", "timers", "step pulse", "dispatcher", "takeover", "store watch", "results", "sweep", "scheduler"]


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


def test_what_every_execution_has_keeps_its_attributes_in_slots() -> None:
    """Beyond thirty attributes an instance gets a dict of its own, and each step becomes slower by a fifteenth."""
    run = WorkflowRun("exec-1", quick, make_codec())
    live = LiveExecution(ExecutionRow(id="exec-1", workflow="quick"), run, owner="node", changed=lambda _: None)
    assert not any(hasattr(one, "__dict__") for one in (run, live))
