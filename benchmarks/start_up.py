"""W8: the whole process of a command, over a bare `python -c pass`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.sizes import Sizes
from benchmarks.workloads import Metrics

ROOT = Path(__file__).resolve().parents[1]
FLOW = """\
from cerebelum import step, workflow


@step
async def greet(name: str) -> str:
    return f"hello {name}"


@workflow
async def welcome(name: str = "world") -> str:
    return await greet(name)
"""
_CLI = [sys.executable, "-m", "cerebelum_cli"]
COMMANDS: Mapping[str, list[str]] = {
    "bare": [sys.executable, "-c", "pass"],
    "version": [*_CLI, "--version"],
    "list": [*_CLI, "list"],
    "run": [*_CLI, "run", "flow.py"],
}


def w8_start_up(folder: Path, sizes: Sizes) -> Metrics:
    """Run each command by turns in `folder`, whose store and compiled modules are there already.

    Raises:
        AssertionError: a command failed.
    """
    (folder / "flow.py").write_text(FLOW)
    first_run_ms = _timed_ms(COMMANDS["run"], folder)
    times_ms: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(sizes.commands):
        for name, command in COMMANDS.items():
            times_ms[name].append(_timed_ms(command, folder))
    medians_ms = {name: statistics.median(times) for name, times in times_ms.items()}
    over_ms = {f"{name}_over_bare_ms": medians_ms[name] - medians_ms["bare"] for name in COMMANDS if name != "bare"}
    return {"count": sizes.commands, "bare_ms": medians_ms["bare"], **over_ms, "first_run_ms": first_run_ms}


def bare_ms(folder: Path) -> float:
    """Return how long a process takes that does nothing."""
    return _timed_ms(COMMANDS["bare"], folder)


def environment() -> dict[str, str]:
    """Return the environment of a measured process: this checkout's code, and no settings of whoever measures.

    Nor one that keeps Python from writing compiled modules: each start would compile what it imports.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CEREBELUM_", "PYTHON"))}
    return {**kept, "PYTHONPATH": path}


def _timed_ms(command: list[str], folder: Path) -> float:
    started_s = time.perf_counter()
    result = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    took_ms = (time.perf_counter() - started_s) * 1000
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command[1:])} ended with {result.returncode}: {result.stderr[-500:]}")
    return took_ms
