"""Replay on code that is no longer there: from the store, in another process, after the file has changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cerebelum.engine.application.replay import replay_execution
from cerebelum.engine.runtime.code.loading import load_flow
from tests.architecture.repository import ROOT
from tests.engine.runtime.code.conftest import WriteFile, project, write
from tests.engine.world import World

__all__ = ["project", "write"]

FLOW = """
import asyncio, random, time, uuid
from cerebelum import step, workflow
from prices import price

class Declined(Exception):
    pass

@step
async def charge(amount: int) -> int:
    if amount > 100:
        raise Declined("too much")
    return amount

@workflow
async def shop(amount: int) -> list[str]:
    drawn = [str(random.random()), str(uuid.uuid4()), str(time.time())]
    names = {f"n{number}" for number in range(20)}
    try:
        await charge(amount * 1000)
    except Declined as error:
        declined = str(error)
    branches = await asyncio.gather(*(charge(number) for number in range(5)))
    done, _ = await asyncio.wait({asyncio.create_task(charge(number)) for number in range(5)})
    drawn.append(str(random.random()))
    return [declined, *drawn, str(price()), str(sum(branches)), *(str(task.result()) for task in done)]
"""

REPLAY = """
import asyncio, json, sys
import msgspec
from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.replay import replay_execution
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Batch, CodeVersion, Start

class Export(msgspec.Struct):
    row: ExecutionRow
    history: list[RecordedEvent]
    code: CodeVersion

async def main():
    export = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Export)
    store = open_store("memory://")
    await store.open()
    await store.register(export.code)
    await store.commit(Batch(id="1", starts=[Start(row=export.row, events=export.history)]))
    replay = await replay_execution(Engine(store, make_codec()), export.row.id, watch=["drawn[0]", "names"])
    frames = msgspec.to_builtins(list(replay))
    report = msgspec.to_builtins(replay.report)
    report["took_us"] = 0
    print(json.dumps([report, frames]))

asyncio.run(main())
"""


class Export(msgspec.Struct):
    row: Any
    history: Any
    code: Any


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An engine on a store in memory."""
    world = await World.open("memory://")
    yield world
    await world.close()


async def ran(world: World, path: Path) -> tuple[str, list[str]]:
    handle = await world.client.start(load_flow(path).workflows[0], 5)
    return handle.id, await handle.result(20)


def replay_elsewhere(data: bytes, seed: str) -> Any:
    """Replay in a new process; return its report and frames."""
    command, environment = [sys.executable, "-c", REPLAY], {**os.environ, "PYTHONHASHSEED": seed}
    found = subprocess.run(command, input=data, capture_output=True, check=False, cwd=ROOT, env=environment)
    assert found.returncode == 0, found.stderr.decode()
    return json.loads(found.stdout)


async def test_the_old_version_is_replayed_after_the_file_has_changed(world: World, write: WriteFile) -> None:
    """E15, E12, G7: its lines, its helper module, its exceptions and its output, not those on disk by now."""
    write("prices.py", "def price(): return 3\n")
    path = write("flow.py", FLOW)
    execution_id, result = await ran(world, path)
    write("prices.py", "def price(): return 4\n")
    write("flow.py", "# one line more\n" + FLOW.replace("[declined,", '["changed", declined,'))
    later = World(world.store)
    await later.engine.register(load_flow(path).workflows[0])
    replay = await replay_execution(later.engine, execution_id)
    frames = list(replay)
    assert replay.report is not None
    assert (replay.report.outcome, replay.report.code_origin) == ("same", "stored")
    assert result[0] in replay.report.replayed
    name = f"flow.py@{replay.row.code[:8]}"
    places = {each.file for frame in frames for task in frame.tasks for each in task.stack}
    assert places == {name}
    shown = frames[0].tasks[0].stack[-1]
    line = replay.code.sources[shown.file].splitlines()[shown.line - 1]
    assert line.strip() == "await charge(amount * 1000)"
    assert set(replay.code.sources) == {name, f"prices.py@{replay.row.code[:8]}"}


async def test_the_loaded_version_is_used_where_it_is_the_one_that_ran(world: World, write: WriteFile) -> None:
    """E15: the file may have changed since it was loaded: the text that ran is given with the frames."""
    write("prices.py", "def price(): return 3\n")
    path = write("flow.py", FLOW)
    execution_id, _ = await ran(world, path)
    path.write_text("# nothing is left\n", encoding="utf-8")
    replay = await replay_execution(world.engine, execution_id)
    frames = list(replay)
    assert replay.code.origin == "loaded"
    shown = frames[0].tasks[0].stack[-1]
    assert "await charge(amount * 1000)" in replay.code.sources[shown.file].splitlines()[shown.line - 1]


async def test_another_process_with_another_hash_seed_replays_the_same(world: World, write: WriteFile) -> None:
    """E7, E9, E20: time, randomness, sets and branches are those of the history in every process."""
    write("prices.py", "def price(): return 3\n")
    execution_id, _ = await ran(world, write("flow.py", FLOW))
    row = await world.store.get_execution(execution_id)
    assert row is not None
    export = Export(row, await world.client.handle(execution_id).history(), await world.store.get_code(row.workflow))
    data = msgspec.msgpack.encode(export)
    answers = [replay_elsewhere(data, seed) for seed in ("0", "1", "4711")]
    assert answers[0] == answers[1] == answers[2]
    report, frames = answers[0]
    assert (report["outcome"], report["events"]) == ("same", len(frames))
    assert frames[0]["watched"]["names"].startswith("{'n0', 'n1', 'n10'")
