"""Logs, inputs and schedules as pictures. After a change that is meant: `pytest tests/tui/test_list_snapshots.py --snapshot-update`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.query import list_executions
from cerebelum.engine.application.schedules import Schedules
from cerebelum.engine.domain.durations import instant_us
from cerebelum.engine.domain.schedules.catching_up import Progress
from cerebelum.engine.domain.schedules.firing import refreshed
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.domain.schedules.spec import ScheduleSpec, cron_schedule, interval_schedule
from cerebelum.engine.ports.schedule_store import ScheduleDecision
from cerebelum.engine.ports.store import NodeRow
from cerebelum.engine.runtime.code.digest import describe
from cerebelum.tui.screenshot import settled
from tests.engine.world import World
from tests.flows import asking
from tests.tui import frozen
from tests.tui.walker import make_app

Compare = Callable[..., bool]
FAR_US = instant_us(datetime(2051, 3, 24, tzinfo=UTC), what="far")  # what is to come does not hang on today


async def _add(url: str) -> None:
    """Add an execution that asks, and schedules; all with fixed times."""
    world = await World.open("memory://")
    try:
        handle = await world.client.start(asking.asks_for_equipment, id="laptop-3")
        view = await world.until_status(handle, "waiting")
        asks = frozen.Frozen(7, view.row, await world.store.read_history(handle.id), [])
    finally:
        await world.close()
    await frozen.write(url, [asks], [describe(asking.asks_for_equipment)])
    store = open_store(url)
    await store.open()
    try:
        node = NodeRow(
            nonce="n", name="n", host="", pid=1, lease_until_us=0, started_at_us=1, workflows=["greet", "refund"]
        )
        await store.join(node)
        engine = Engine(store, make_codec())
        assert len(await list_executions(engine)) == 6
        for name, workflow, spec, last in (
            ("greetings", "greet", interval_schedule(timedelta(hours=6)), "greet-1"),
            ("nightly", "greet", cron_schedule("30 2 * * *", timezone="Europe/Zurich"), "order-1042"),
            ("refunds", "refund", cron_schedule("0 9 * * 1-5", timezone="America/New_York"), "refund-7"),
            ("reports", "refund", cron_schedule("@weekly", timezone="UTC"), None),
        ):
            await _put(store, name, workflow, spec, last)
        await Schedules(engine).pause("reports", "until the move is done")
    finally:
        await store.close()


async def _put(store: Any, name: str, workflow: str, spec: ScheduleSpec, last: str | None) -> None:
    row = refreshed(ScheduleRow(name=name, workflow=workflow, spec=spec, progress=Progress(FAR_US)))
    fired = ScheduleRun(schedule=name, fire_at_us=frozen.START_US, outcome="started", execution_id=last)
    assert await store.write_schedule(ScheduleDecision(row=row, runs=[fired] if last is not None else []))


@pytest.fixture
def many_url(store_url: str, store_file: Path) -> str:
    """The frozen store, with more in it, and a node that lives for ever."""
    asyncio.run(_add(store_url))
    with closing(sqlite3.connect(store_file)) as connection:
        connection.execute("UPDATE nodes SET lease_until_us = ?", (FAR_US,))
        connection.commit()
    return store_url


PICTURES: list[Any] = [
    pytest.param("dark", (80, 24), ("j", "j", "L", "home", "j", "j"), id="logs-narrow"),
    pytest.param("light", (100, 30), ("i", "enter", "ctrl+s"), id="inputs-form"),
    pytest.param("dark", (120, 30), ("S", "j"), id="schedules"),
]


@pytest.mark.parametrize("theme, size, keys", PICTURES)
def test_a_screen_looks_as_it_did(
    many_url: str, snap_compare: Compare, theme: str, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    """W8, M7: nothing on the screen moved that nobody meant to move."""

    async def walk(pilot: Pilot[None]) -> None:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            await settled(pilot)

    assert snap_compare(make_app(many_url, theme=theme), terminal_size=size, run_before=walk)
