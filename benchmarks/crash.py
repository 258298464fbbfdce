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

from benchmarks.engine import STEPS_EACH, Engine
from benchmarks.sizes import BY_NAME, Sizes
from benchmarks.workloads import Metrics, check

MIDWAY = "midway"


def names(sizes: Sizes) -> list[str]:
    """Return the executions' ids, which both processes know."""
    return [f"crashed-{index}" for index in range(sizes.crashed)]


async def be_victim(engine: Engine, sizes: Sizes) -> None:
    """Run the workflows, say when half the steps are done, and go on until killed."""
    starting = asyncio.create_task(engine.start_named("slow_steps", names(sizes)))
    while engine.slow_steps_done < sizes.crashed * STEPS_EACH // 2 and not (starting.done() and starting.exception()):
        await asyncio.sleep(0.005)
    await starting
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
        line = _line_of(victim)
    finally:
        victim.kill()
        victim.communicate()
    if line.strip() != MIDWAY:
        raise AssertionError(f"the victim ended before it was killed, saying {line!r}")
    started_s = time.perf_counter()
    survivor = _spawn("survivor", engine_name, url, size)
    try:
        answer = json.loads(_line_of(survivor) or "{}")
        took_s = time.perf_counter() - started_s
    finally:
        survivor.kill()
        survivor.communicate()
    check(answer.get("results", []), [value + STEPS_EACH for value in range(sizes.crashed)])
    return {"count": sizes.crashed, "seconds": took_s, "steps_after": float(answer["steps"])}


def _spawn(role: str, engine_name: str, url: str, size: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.measure", "--role", role, "--engine", engine_name, "--url", url, "--size", size]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _line_of(process: subprocess.Popen[str]) -> str:
    """Return the first line a process prints; its silence ends with the deadline of the process that started us."""
    assert process.stdout is not None
    return process.stdout.readline()
