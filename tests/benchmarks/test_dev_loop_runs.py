"""The workloads of the dev loop at their smallest: counts and outcomes, never times."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from benchmarks.dev_flows import application, open_order, pulse
from benchmarks.dev_loop import WORKLOADS
from benchmarks.edited_processes import DevProcess, has_uvicorn, new_folder, save
from benchmarks.engine import ENGINES
from benchmarks.rounds import ALL_WORKLOADS, applies
from benchmarks.sizes import BY_NAME, TINY
from benchmarks.targets import METRICS


@pytest.mark.parametrize("workload", WORKLOADS)
async def test_a_workload_of_the_dev_loop_gives_every_metric_it_is_judged_by(workload: str, tmp_path: Path) -> None:
    """U9, J1: real processes are edited and told apart by what they answer; each row of the table gets its figure."""
    metrics = await asyncio.to_thread(WORKLOADS[workload], tmp_path, TINY)
    wanted = {metric.name for metric in METRICS if metric.workload == workload}
    if not has_uvicorn():
        wanted = {name for name in wanted if not name.startswith("uvicorn")}
    assert wanted <= set(metrics)
    assert min(metrics.values()) > 0


def test_the_dev_loop_is_measured_once_in_a_round() -> None:
    """U9: it belongs to the command line's own store, so no other engine measures it."""
    assert set(WORKLOADS) <= set(ALL_WORKLOADS)
    for workload in WORKLOADS:
        assert [name for name, info in ENGINES.items() if applies(workload, info)] == ["cerebelum-sqlite"]
    assert [name for name, sizes in BY_NAME.items() if sizes.dev_open % 5] == []


def test_an_edit_is_never_taken_for_the_compiled_one_before(tmp_path: Path) -> None:
    """U9: Python compares a compiled module's second and length: texts of two markers differ in length."""
    texts = [
        [pulse(marker, tmp_path) for marker in range(1, 31)],
        [open_order(marker, fits=marker % 2 == 1) for marker in range(1, 31)],
        [application(marker) for marker in range(1, 31)],
    ]
    for those in texts:
        assert len({len(text) for text in those}) == len(those)
        for text in those:
            compile(text, "edited.py", "exec")


def test_an_error_in_the_edited_project_ends_the_measurement(tmp_path: Path) -> None:
    """U9: what was not taken up is not timed; the process is gone when the block ends."""
    project = new_folder(tmp_path / "project", {"flow.py": open_order(0, fits=True)})
    with DevProcess(project) as dev:
        dev.said("ready")
        save(project / "flow.py", open_order(1, fits=True) + "def broken(:\n")
        with pytest.raises(AssertionError, match="instead of 'reloaded' it said"):
            dev.said("reloaded")
        process = dev._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
