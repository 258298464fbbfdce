"""Flows survive a crash after every event: each block alone, each inside each, and random ones."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
from typing import Any

import pytest
from hypothesis import HealthCheck, core, given, note, seed, settings
from hypothesis import strategies as st

from cerebelum import Flow, loop, receive
from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.client import Client
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring import flow_checkpoints
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.testing.crashes import crash_everywhere
from tests.engine.runtime.random_crashes import crash_after_each, crash_at, described
from tests.flows import founding, generated, graphs


async def memory_engine() -> Engine:
    store = open_store("memory://")
    await store.open()
    return Engine(store, make_codec())


async def send_many(client: Client, execution_id: str) -> None:
    """Send as many signals as any of these flows may take; those too many are left."""
    for _ in range(8):
        await client.handle(execution_id).signal("go", True)


@pytest.mark.parametrize(
    "flow,input_",
    [
        (graphs.steps, {}),
        (graphs.chosen, {}),
        (graphs.switched, {"kind": "technical"}),
        (graphs.looped, {}),
        (graphs.endless, {}),
        (graphs.at_once, {}),
        (graphs.each, {"items": [1, 2]}),
        (graphs.each_at_once, {"items": [1, 2, 3]}),
        (graphs.failing_branch, {}),
        (graphs.with_child, {}),
        (graphs.edges, {}),
        (graphs.conflicting, {}),
        (graphs.Pauses, {}),
        (graphs.Wrong, {}),
        (graphs.Rounds, {}),
        (founding.ProcessOrder, {"total": 20}),
        (founding.order_workflow, {"order_id": "1", "total": 5_000}),
        (founding.book_travel, {"declined": True}),
        (founding.retrying, {}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_a_block_survives_a_crash_everywhere(flow: Any, input_: dict[str, Any]) -> None:
    """A27, A36, A41: each block, and each founding flow, ends the same whatever event a crash comes after."""
    await crash_everywhere(memory_engine, flow, [input_], others=[graphs.child, graphs.steps])


@pytest.mark.parametrize("flow", [graphs.waits, graphs.nested_wait], ids=lambda flow: flow.name)
async def test_waits_survive_a_crash_everywhere(flow: Any) -> None:
    """A41: so do waits inside blocks."""
    await crash_everywhere(memory_engine, flow, [{}], drive=send_many)


PAIRS = list(itertools.product(generated.block_kinds(), generated.block_kinds()))


@pytest.mark.parametrize("outer,inner", PAIRS, ids=[f"{outer}-{inner}" for outer, inner in PAIRS])
async def test_each_block_inside_each_survives_a_crash_everywhere(outer: str, inner: str) -> None:
    """A41: every kind of block, nested two deep with every other, around every kind of leaf."""
    kinds = generated.block_kinds()
    for leaf in generated.leaf_kinds().values():
        body = kinds[inner]([leaf])
        flow = Flow("nested", kinds[outer](body if isinstance(body, list) else [body]), generated.add, generated.tell)
        await crash_after_each(memory_engine, flow)


async def test_a_signal_recorded_before_a_checkpoint_and_told_after_it_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A27, C5, E18: two signals come together; the checkpoint taken at the first lacks the second, and is not used."""
    monkeypatch.setattr(flow_checkpoints, "EVERY", 0)
    twice = loop("loop", while_=lambda ctx: ctx.iteration < 2, body=[receive("go")])
    await crash_after_each(memory_engine, Flow("generated", twice, generated.add, generated.tell))


CASES = int(os.environ.get("CEREBELUM_CASES", "500"))
SQLITE_CASES = max(1, CASES * 30 // 500)
_seedless = core.global_force_seed is None
_often = settings(deadline=None, derandomize=_seedless, database=None, suppress_health_check=list(HealthCheck))
_places = st.lists(st.integers(0, 10_000), min_size=1, max_size=3)


@pytest.mark.parametrize("part", range(2))
def test_random_flows_survive_random_crashes(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A27, A41, E18: flows nested at random end the same wherever they crash, and crash again while they recover.

    In the second part they take a checkpoint at every place where one may be taken.
    """
    install()
    if part:
        monkeypatch.setattr(flow_checkpoints, "EVERY", 0)

    most = (CASES - SQLITE_CASES) // 7  # a checkpoint everywhere takes its time: one case in seven

    @settings(_often, max_examples=most if part else CASES - SQLITE_CASES - most)
    @given(flow=generated.flows(), places=_places)
    def survive(flow: Flow, places: list[int]) -> None:
        note(described(flow))
        asyncio.run(crash_at(memory_engine, flow, places))

    (seed(part)(survive) if _seedless else survive)()


@settings(_often, max_examples=SQLITE_CASES)
@given(flow=generated.flows(), places=_places)
def test_random_flows_survive_random_crashes_on_sqlite(flow: Flow, places: list[int]) -> None:
    """A27, A41: so they do on a store that lies in a file."""
    install()
    note(described(flow))
    with tempfile.TemporaryDirectory() as folder:
        numbers = itertools.count()

        async def sqlite_engine() -> Engine:
            store = open_store(f"sqlite:///{folder}/{next(numbers)}.db")
            await store.open()
            return Engine(store, make_codec())

        asyncio.run(crash_at(sqlite_engine, flow, places))
