"""One workload on one engine in a process of its own: prints one JSON object of metrics.

Own process, so that interception, garbage and warm caches of one measurement do not reach another.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from benchmarks.crash import be_survivor, be_victim, w6_crash
from benchmarks.dev_loop import WORKLOADS as DEV_LOOP
from benchmarks.engine import ENGINES, open_engine
from benchmarks.floors import postgres_floor, sqlite_floor
from benchmarks.sizes import BY_NAME, Sizes
from benchmarks.start_up import w8_start_up
from benchmarks.tui_scale import WORKLOADS as TUI
from benchmarks.workloads import WORKLOADS, Metrics


async def measure(workload: str, engine_name: str, url: str, sizes: Sizes) -> Metrics:
    """Open the engine on the database at `url`, run the workload, and close it.

    Raises:
        AssertionError: a result was wrong.
    """
    engine = await open_engine(engine_name, url)
    try:
        if workload == "W9":
            from benchmarks.cerebelum_engine import CerebelumEngine
            from benchmarks.replay import w9_replay

            assert isinstance(engine, CerebelumEngine)
            return await w9_replay(engine, sizes)
        return await WORKLOADS[workload](engine, ENGINES[engine_name], url, sizes)
    finally:
        await engine.close()


async def take_part(role: str, engine_name: str, url: str, sizes: Sizes) -> None:
    """Be one of the two processes of W6."""
    engine = await open_engine(engine_name, url)
    await (be_victim if role == "victim" else be_survivor)(engine, sizes)


def measure_floor(url: str, sizes: Sizes) -> Metrics:
    """Measure the bare database at `url`."""
    if url.startswith("sqlite:"):
        return sqlite_floor(Path(url.removeprefix("sqlite:///")), sizes)
    measured: Metrics = run(postgres_floor(url, sizes))
    return measured


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run on uvloop where it is installed, as the command line does; peers too."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, measure, print, and end at once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure")
    parser.add_argument("--role", choices=["measure", "victim", "survivor"], default="measure")
    parser.add_argument("--workload", default="")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--size", choices=BY_NAME, default="quick")
    options = parser.parse_args(arguments)
    sizes = BY_NAME[options.size]
    if options.role != "measure":
        run(take_part(options.role, options.engine, options.url, sizes))
    else:
        print(json.dumps(_metrics(options, sizes)), flush=True)
    sys.stdout.flush()
    os._exit(0)  # an engine's threads, or 5,000 sleepers, would hold the end up


def _metrics(options: argparse.Namespace, sizes: Sizes) -> Metrics:
    if options.workload == "floor":
        return measure_floor(options.url, sizes)
    if options.workload == "W6":
        return w6_crash(options.engine, options.url, options.size)
    if options.workload == "W8":
        with tempfile.TemporaryDirectory() as folder:
            return w8_start_up(Path(folder), sizes)
    if options.workload in DEV_LOOP:
        with tempfile.TemporaryDirectory() as folder:
            return DEV_LOOP[options.workload](Path(folder), sizes)
    if options.workload in TUI:  # they share a store of a million rows: it lies beside those of the other workloads
        return TUI[options.workload](Path(options.url.removeprefix("sqlite:///")).parent, sizes)
    measured: Metrics = run(measure(options.workload, options.engine, options.url, sizes))
    return measured


if __name__ == "__main__":
    main()
