"""Bundles for tests: made of an execution, and taken in by another engine."""

from __future__ import annotations

import io
from typing import Any

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.exporting import export
from cerebelum.engine.application.importing import Imported, import_bundle
from tests.engine.world import World
from tests.flows import exported

CARD = {"number": "4111111111111111", "name": "Ada"}


async def bundle_of(engine: Engine, execution_id: str, **options: Any) -> bytes:
    made = await export(engine, execution_id, **options)
    return b"".join([line async for line in made.lines()])


async def take_in(engine: Engine, data: bytes, **options: Any) -> Imported:
    return await import_bundle(engine, "it.jsonl", io.BytesIO(data).readline, **options)


async def waiting(world: World) -> str:
    handle = await world.client.start(exported.asks)
    await world.until_status(handle, "waiting")
    return handle.id


async def ended(world: World, flow: Any, *args: Any) -> str:
    handle = await world.client.start(flow, *args)
    await world.until(handle, lambda view: view.row.ended)
    return handle.id


async def new_engine() -> Engine:
    store = open_store("memory://")
    await store.open()
    return Engine(store, make_codec())
