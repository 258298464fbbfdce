"""W1 to W5 and W7: each takes an open engine, checks every result, and returns its metrics."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from benchmarks.engine import STEPS_EACH, Engine, EngineInfo
from benchmarks.sizes import Sizes
from benchmarks.storage import database_bytes, resident_bytes

Metrics = dict[str, float]
Workload = Callable[[Engine, EngineInfo, str, Sizes], Awaitable[Metrics]]


async def w1_one_step(engine: Engine, info: EngineInfo, url: str, sizes: Sizes) -> Metrics:
    """Workflows of one step, started all at once and all awaited: by the call for many, and by one call each."""
    del url
    count = sizes.one_step_peer if info.peer else sizes.one_step
    expected = [value + 1 for value in range(count)]
    await engine.run_all("one_step", [0])
    started_s = time.perf_counter()
    results = await engine.run_all("one_step", range(count), in_bulk=True)
    bulk_s = time.perf_counter() - started_s
    check(results, expected)
    if info.peer:  # it has one way only
        return {"count": count, "workflows_per_s": count / bulk_s, "singly_per_s": count / bulk_s}
    started_s = time.perf_counter()
    results = await engine.run_all("one_step", range(count))
    singly_s = time.perf_counter() - started_s
    check(results, expected)
    return {"count": count, "workflows_per_s": count / bulk_s, "singly_per_s": count / singly_s}


async def w2_ten_steps(engine: Engine, info: EngineInfo, url: str, sizes: Sizes) -> Metrics:
    """Concurrent workflows of ten steps, one after another."""
    del url
    count = sizes.ten_steps_peer if info.peer else sizes.ten_steps
    await engine.run_all("ten_steps", [0])
    started_s = time.perf_counter()
    results = await engine.run_all("ten_steps", range(count), in_bulk=True)
    took_s = time.perf_counter() - started_s
    check(results, [value + STEPS_EACH for value in range(count)])
    return {"count": count, "steps_per_s": count * STEPS_EACH / took_s}


async def w3_idle(engine: Engine, info: EngineInfo, url: str, sizes: Sizes) -> Metrics:
    """A workflow of one step on an idle engine, one at a time."""
    del info, url
    await engine.run_all("one_step", [0])
    times_ms = []
    for value in range(sizes.idle):
        started_s = time.perf_counter()
        results = await engine.run_all("one_step", [value])
        times_ms.append((time.perf_counter() - started_s) * 1000)
        check(results, [value + 1])
    return {"count": sizes.idle, "p50_ms": percentile(times_ms, 50), "p99_ms": percentile(times_ms, 99)}


async def w4_fan_out(engine: Engine, info: EngineInfo, url: str, sizes: Sizes) -> Metrics:
    """Many steps in one `gather`."""
    del info, url
    await engine.run_all("fan_out", [2])
    started_s = time.perf_counter()
    results = await engine.run_all("fan_out", [sizes.fan_out])
    took_s = time.perf_counter() - started_s
    check(results, [sizes.fan_out * (sizes.fan_out + 1) // 2])
    return {"count": sizes.fan_out, "seconds": took_s}


async def w5_asleep(engine: Engine, info: EngineInfo, url: str, sizes: Sizes) -> Metrics:
    """Workflows put to sleep for an hour: until every sleep is durable, and what one then takes.

    Memory in two figures: with what the process needed while it put the first crowd to sleep and has not given back, and
    what a further crowd adds to that.
    """
    await engine.run_all("one_step", range(10))
    memory_before, disk_before = resident_bytes(), await database_bytes(url)
    started_s = time.perf_counter()
    await engine.put_to_sleep(sizes.sleepers)
    took_s = time.perf_counter() - started_s
    memory, disk = resident_bytes() - memory_before, await database_bytes(url) - disk_before
    more = max(1, sizes.sleepers // 5) if info.peer else sizes.sleepers
    memory_before = resident_bytes()
    await engine.put_to_sleep(more)
    return {
        "count": sizes.sleepers,
        "seconds": took_s,
        "memory_kib_each": memory / 1024 / sizes.sleepers,
        "further_memory_kib_each": (resident_bytes() - memory_before) / 1024 / more,
        "disk_bytes_each": disk / sizes.sleepers,
    }


async def w7_long(engine: Engine, info: EngineInfo, url: str, sizes: Sizes) -> Metrics:
    """One workflow of many steps in a row; whether the last ones are as fast as the first."""
    del info, url
    await engine.run_all("many_steps", [1])
    engine.step_times_s.clear()
    started_s = time.perf_counter()
    results = await engine.run_all("many_steps", [sizes.long])
    took_s = time.perf_counter() - started_s
    check(results, [sizes.long])
    times_s, ends = engine.step_times_s, sizes.ends
    if len(times_s) != sizes.long:
        raise AssertionError(f"{sizes.long} steps should have run, but {len(times_s)} did")
    first_s, last_s = times_s[ends] - times_s[0], times_s[-1] - times_s[-1 - ends]
    return {"count": sizes.long, "seconds": took_s, "last_to_first": last_s / first_s}


def check(results: Sequence[Any], expected: Sequence[Any]) -> None:
    """Refuse to time what is wrong.

    Raises:
        AssertionError: results are missing or not the expected ones.
    """
    if list(results) != list(expected):
        wrong = next((pair for pair in zip(results, expected, strict=False) if pair[0] != pair[1]), None)
        raise AssertionError(f"{len(results)} results of {len(expected)}; first wrong (got, expected): {wrong}")


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile, 1 to 99; of a single value, that value."""
    return values[0] if len(values) == 1 else statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


WORKLOADS: Mapping[str, Workload] = {
    "W1": w1_one_step,
    "W2": w2_ten_steps,
    "W3": w3_idle,
    "W4": w4_fan_out,
    "W5": w5_asleep,
    "W7": w7_long,
}
