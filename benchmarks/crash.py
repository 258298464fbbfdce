"""W6: workflows under way, kill -9, a new process: how long until all have ended, with every result right.

The clock runs from the start of the new process, so that its imports and recovery count. Two processes of one engine:
the victim announces that half the steps are done and is killed; the survivor waits for what the victim began.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.engine import STEPS_EACH, Engine
from benchmarks.sizes import BY_NAME, Sizes
from benchmarks.start_up import environment
from benchmarks.workloads import Metrics, check

MIDWAY = "midway"


def names(sizes: Sizes) -> list[str]:
    """Return the executions' ids, which both processes know."""
    return [f"crashed-{index}" for index in range(sizes.crashed)]


async def be_victim(engine: Engine, sizes: Sizes) -> None:
    """Run the workflows, say when half the steps are done, and go on until killed."""
    await engine.start_named("slow_steps", names(sizes))
    while engine.slow_steps_done < sizes.crashed * STEPS_EACH // 2:  # noqa: ASYNC110 - steps know no event of ours
        await asyncio.sleep(0.005)
    print(MIDWAY, flush=True)
    await asyncio.Event().wait()


async def be_survivor(engine: Engine, sizes: Sizes) -> None:
    """Print the results of what the victim began, and how many steps it took here."""
    results = await engine.results_of("slow_steps", names(sizes))
    print(json.dumps({"results": results, "steps": engine.slow_steps_done}), flush=True)


def w6_crash(engine_name: str, url: str, size: str) -> Metrics:
    """Kill a victim midway and time its survivor; the engine is open in neither this process nor before."""
    sizes = BY_NAME[size]
    victim = _spawn("victim", engine_name, url, size)
    try:
        is_midway = any(line.strip() == MIDWAY for line in _lines(victim))
    finally:
        victim.kill()
        victim.communicate()
    if not is_midway:
        raise AssertionError("the victim ended before it was killed")
    started_s = time.perf_counter()
    survivor = _spawn("survivor", engine_name, url, size)
    try:
        answer: dict[str, Any] = next((json.loads(line) for line in _lines(survivor) if line.startswith("{")), {})
        took_s = time.perf_counter() - started_s
    finally:
        survivor.kill()
        survivor.communicate()
    check(answer.get("results", []), [value + STEPS_EACH for value in range(sizes.crashed)])
    return {"count": sizes.crashed, "seconds": took_s, "steps_after": float(answer["steps"])}


def _spawn(role: str, engine_name: str, url: str, size: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.measure",
        "--role",
        role,
        "--engine",
        engine_name,
        "--url",
        url,
        "--size",
        size,
    ]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield what a process prints, log lines too; its silence ends with the deadline of the process that started us."""
    assert process.stdout is not None
    while line := process.stdout.readline():
        yield line
