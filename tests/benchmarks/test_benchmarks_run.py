"""Each workload of ours at its smallest, on memory and on SQLite: counts and results, never times."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import temporal_replay
from benchmarks.__main__ import main
from benchmarks.engine import ENGINES, STEPS_EACH, open_engine
from benchmarks.measure import measure, measure_floor
from benchmarks.report import NOTES, render, write
from benchmarks.rounds import ROOT, Results, applies
from benchmarks.sizes import TINY
from benchmarks.targets import METRICS, TARGETS, verdicts
from benchmarks.workloads import check

IN_PROCESS = ("W1", "W2", "W3", "W4", "W5", "W7", "W9")


def url_for(engine: str, folder: Path) -> str:
    return (
        "memory://"
        if ENGINES[engine].kind == "memory"
        else f"sqlite:///{folder / 'bench.db'}{ENGINES[engine].url_options}"
    )


@pytest.mark.parametrize("engine", ["cerebelum-memory", "cerebelum-sqlite"])
@pytest.mark.parametrize("workload", IN_PROCESS)
async def test_a_workload_runs_and_gives_every_metric_it_is_judged_by(
    workload: str, engine: str, tmp_path: Path
) -> None:
    """U9: each workload checks its own results, and returns a figure for each of its rows in the table."""
    metrics = await measure(workload, engine, url_for(engine, tmp_path), TINY)
    wanted = {metric.name for metric in METRICS if metric.workload == workload}
    if not temporal_replay.is_installed():
        wanted.discard("temporal_steps_per_s")
    assert wanted <= set(metrics)
    assert metrics["count"] > 0
    assert all(value > 0 for name, value in metrics.items() if name.endswith(("_per_s", "_ms", "seconds")))


@pytest.mark.parametrize("engine", ["cerebelum-memory", "cerebelum-sqlite-normal"])
async def test_flows_give_the_results_that_the_workloads_expect(engine: str, tmp_path: Path) -> None:
    """U9: the flows compute what their names say, in bulk and one by one."""
    opened = await open_engine(engine, url_for(engine, tmp_path))
    try:
        assert await opened.run_all("one_step", [1, 5]) == [2, 6]
        assert await opened.run_all("ten_steps", [1, 5], in_bulk=True) == [1 + STEPS_EACH, 5 + STEPS_EACH]
        assert await opened.run_all("fan_out", [4]) == [10]
        assert await opened.run_all("many_steps", [7]) == [7]
        assert len(opened.step_times_s) == 7
        await opened.start_named("slow_steps", ["a", "b"])
        assert await opened.results_of("slow_steps", ["a", "b"]) == [STEPS_EACH, STEPS_EACH + 1]
        assert opened.slow_steps_done == 2 * STEPS_EACH
    finally:
        await opened.close()


async def test_killed_workflows_all_end_right_in_a_new_process(tmp_path: Path) -> None:
    """U9, O6: W6 kills a process midway and gets every result from the next one."""
    command = [
        sys.executable, "-m", "benchmarks.measure", "--workload", "W6", "--engine", "cerebelum-sqlite",
        "--url", url_for("cerebelum-sqlite", tmp_path), "--size", "tiny",
    ]  # fmt: skip
    result = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    metrics = json.loads(result.stdout)
    assert metrics["count"] == TINY.crashed
    assert 0 < metrics["steps_after"] < TINY.crashed * STEPS_EACH


def test_the_floor_is_measured(tmp_path: Path) -> None:
    """U9: the bare database's own figures stand beside ours."""
    metrics = measure_floor(f"sqlite:///{tmp_path / 'floor.db'}", TINY)
    assert set(metrics) == {"single_commits_per_s", "batched_rows_per_s"}
    assert min(metrics.values()) > 0


def test_a_wrong_result_is_refused() -> None:
    """U9: a fast wrong answer is no measurement."""
    with pytest.raises(AssertionError, match=r"\(3, 4\)"):
        check([1, 3], [1, 4])
    with pytest.raises(AssertionError, match="1 results of 2"):
        check([1], [1, 4])


def test_every_target_belongs_to_a_row_that_applies() -> None:
    """U9: no target is forgotten for a misspelt name."""
    rows = {(metric.workload, metric.name) for metric in METRICS}
    assert [target for target in TARGETS if (target.workload, target.metric) not in rows] == []
    assert [target for target in TARGETS if not applies(target.workload, ENGINES[target.engine])] == []


def test_targets_are_judged_by_ratio_and_by_figure() -> None:
    """U9: a ratio counts against the peer on the same database; what was not measured is neither met nor missed."""
    figures = {
        ("cerebelum-sqlite", "W1", "workflows_per_s"): 6_000.0,
        ("dbos-sqlite", "W1", "workflows_per_s"): 100.0,
        ("cerebelum-sqlite", "W3", "p50_ms"): 1.5,
    }
    judged = {
        (verdict.target.engine, verdict.target.workload, verdict.target.metric): verdict.met
        for verdict in verdicts(lambda *key: figures.get(key))
    }
    assert judged["cerebelum-sqlite", "W1", "workflows_per_s"] is True
    assert judged["cerebelum-sqlite", "W3", "p50_ms"] is False
    assert judged["cerebelum-postgres", "W1", "workflows_per_s"] is None


def test_the_page_states_misses_and_keeps_notes(tmp_path: Path) -> None:
    """U9: misses, failures and what is not installed are told in plain words; notes survive the next run."""
    results = Results()
    results.missing["dbos-sqlite"] = "not installed"
    results.failures["cerebelum-sqlite", "W2"] = "RuntimeError: broken"
    for value in (1.0, 2.0, 3.0):
        results.add("cerebelum-sqlite", "W3", {"p50_ms": value, "p99_ms": value, "count": 200})
    page = render(results, engines=["cerebelum-sqlite", "dbos-sqlite"], workloads=["W2", "W3"], rounds=3, size="full")
    assert "p50, Cerebelum SQLite FULL: 2 ms, the target is ≤ 1." in page
    assert "failed: RuntimeError: broken" in page
    assert "DBOS SQLite: not installed" in page
    out = tmp_path / "RESULTS.md"
    write(out, page)
    out.write_text(
        out.read_text(encoding="utf-8").partition(NOTES)[0] + f"{NOTES}\n\nThe disk limits.\n", encoding="utf-8"
    )
    write(out, page)
    assert out.read_text(encoding="utf-8").endswith(f"{NOTES}\n\nThe disk limits.\n")


def test_an_unknown_engine_or_workload_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """U9: a misspelt choice names the ones there are, before anything is measured."""
    with pytest.raises(SystemExit) as ended:
        main(["--only", "W99"])
    assert ended.value.code == 2
    assert "W99" in capsys.readouterr().err
