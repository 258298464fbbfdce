"""Code that ends its own process: not once, but each time that somebody takes the execution up."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cerebelum import connect
from cerebelum.connect import make_codec
from cerebelum.engine.application.client import Client, Handle
from cerebelum.engine.runtime.node import NodeSettings
from cerebelum.engine.testing.invariants import check_store

MOST_DEATHS = 3 * NodeSettings().most_claims  # some more than the bound: it takes a few to find the culprit
DEATHS = (-signal.SIGKILL, 9)
NEIGHBOURS = 5
PATIENCE_S = 30.0

FLOW = """
import asyncio
import os
import signal

from cerebelum import step, workflow


@step
async def number(one: int) -> int:
    return one


@step
async def break_down() -> str:
    {step}
    return "mended"


@workflow
async def poisoned_step() -> str:
    await number(1)
    return await break_down()


@workflow
async def poisoned_activation() -> str:
    await number(1)
    {activation}
    return "mended"


@workflow
async def neighbour() -> int:
    total = 0
    for one in range(3):
        total += await number(one)
        await asyncio.sleep(0.01)
    return total
"""
DEADLY = FLOW.format(step="os.kill(os.getpid(), signal.SIGKILL)", activation="os._exit(9)")
MENDED = FLOW.format(step="pass", activation="pass")


def cerebelum(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cerebelum_cli", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def worker(flow: Path, url: str) -> subprocess.Popen[str]:
    """Return a node that runs the flow, once it is ready or dead."""
    process = cerebelum("worker", str(flow), "--store", url)
    assert process.stderr is not None
    process.stderr.readline()  # "node ready", if it did not die before it could say so
    return process


async def settled(client: Client, ids: set[str]) -> bool:
    """Return whether each has ended or is paused."""
    return not ids & {row.id for row in await client.list(statuses=("pending", "running", "waiting"))}


async def until_it_gives_up(client: Client, flow: Path, url: str, ids: set[str]) -> int:
    """Begin a node whenever one has died, as a supervisor does, until nothing is left to do; return how many died."""
    deaths, node = 0, worker(flow, url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await settled(client, ids):
                if node.poll() is not None:
                    deaths += 1
                    node.communicate()
                    node = worker(flow, url)
                await asyncio.sleep(0.02)
    finally:
        node.kill()
        node.communicate()
    return deaths


@pytest.mark.parametrize("kind", ["poisoned_step", "poisoned_activation"])
async def test_what_ends_each_process_is_parked_and_runs_once_it_is_mended(url: str, tmp_path: Path, kind: str) -> None:
    """R10, I1, I2, I6, I8, I12: after so many deaths it is paused with the reason; its neighbours end; mended, it goes on."""
    flow = tmp_path / "flow.py"
    flow.write_text(DEADLY)
    async with connect(url, node=False) as client:
        first = worker(flow, url)  # it makes the workflows known, and dies of the first start
        poison: Handle[str] = await client.start(kind)
        neighbours: list[Handle[int]] = [await client.start("neighbour") for _ in range(NEIGHBOURS)]
        first.communicate(timeout=PATIENCE_S)
        assert first.returncode in DEATHS
        ids = {poison.id, *(neighbour.id for neighbour in neighbours)}
        assert NodeSettings().most_claims <= await until_it_gives_up(client, flow, url, ids) <= MOST_DEATHS

        assert [await neighbour.result(PATIENCE_S) for neighbour in neighbours] == [3] * NEIGHBOURS
        view = await poison.describe()
        assert view.row.status == "paused"
        assert "its process ended 5 times" in view.state.reason
        shown, _ = cerebelum("show", poison.id, "--store", url).communicate(timeout=PATIENCE_S)
        assert "CB813 PoisonExecution" in shown

        flow.write_text(MENDED)
        node = worker(flow, url)
        _, said = (resume := cerebelum("resume", poison.id, "--store", url)).communicate(timeout=PATIENCE_S)
        assert resume.returncode == 0, said
        assert await poison.result(PATIENCE_S) == "mended"
        node.terminate()
        _, said = node.communicate(timeout=PATIENCE_S)
        assert node.returncode == 0, said
        assert await check_store(client.engine.store, make_codec(), {}, acknowledged=ids) == []
