"""The workloads of the terminal interface at their smallest: what is drawn, never times."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.engine import ENGINES
from benchmarks.rounds import ALL_WORKLOADS, applies
from benchmarks.sizes import TINY
from benchmarks.targets import METRICS
from benchmarks.terminal import Terminal
from benchmarks.tui_scale import WORKLOADS
from benchmarks.tui_stores import newest, store_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the store lies that all of them share."""
    folder = tmp_path_factory.mktemp("tui-scale")
    store_of(folder, TINY.tui_executions, TINY.tui_steps)
    yield folder
    assert [file.name for file in folder.glob("*.making*")] == []


@pytest.mark.parametrize("workload", WORKLOADS)
async def test_a_workload_of_the_tui_gives_every_metric_it_is_judged_by(workload: str, folder: Path) -> None:
    """U9, W6, W7: real processes are looked at in a terminal; each row of the table gets its figure."""
    metrics = await asyncio.to_thread(WORKLOADS[workload], folder, TINY)
    assert {metric.name for metric in METRICS if metric.workload == workload} <= set(metrics)
    assert min(metrics.values()) > 0


def test_the_store_is_as_the_engine_would_have_made_it(folder: Path) -> None:
    """U9: all indexes are there, the rows are whole, and statuses and workflows are mixed."""
    file = store_of(folder, TINY.tui_executions, TINY.tui_steps)
    with closing(sqlite3.connect(file)) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert store.execute("SELECT count(*) FROM executions").fetchone() == (TINY.tui_executions + 1,)
        assert store.execute("SELECT count(DISTINCT status) FROM executions").fetchone()[0] >= 4
        assert store.execute("SELECT id FROM executions WHERE inserted_at_us = (SELECT max(inserted_at_us) FROM executions "
                             "WHERE id LIKE 'exec-%')").fetchone() == (newest(TINY.tui_executions),)  # fmt: skip
        indexes = store.execute("SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'executions'")
        assert indexes.fetchone() == (8,)


def test_the_tui_is_measured_once_in_a_round() -> None:
    """U9: it belongs to the command line's own store, so no other engine measures it."""
    assert set(WORKLOADS) <= set(ALL_WORKLOADS)
    for workload in WORKLOADS:
        assert [name for name, info in ENGINES.items() if applies(workload, info)] == ["cerebelum-sqlite"]


def test_what_never_comes_is_told(tmp_path: Path) -> None:
    """U9: a program that ends before it shows what is waited for fails the measurement, with what it drew."""
    with Terminal([sys.executable, "-c", "print('\\x1b[1mhel\\x1b[0mlo')"], tmp_path) as terminal:
        terminal.until(lambda text: "hello" in text)
        with pytest.raises(AssertionError, match="it never came; drawn was 'hello"):
            terminal.until(lambda text: "world" in text)
