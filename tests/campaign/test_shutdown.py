"""SIGTERM: the steps under way finish, everything is committed, the rest is handed to whoever comes next."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from cerebelum.connect import make_codec
from cerebelum.engine.ports.store import ExecutionFilter, Store
from cerebelum.engine.testing.invariants import check_store
from tests.campaign import server

COUNT = 20


def begin(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_sigterm_loses_and_repeats_nothing(
    url: str, opened: Callable[[], Awaitable[Store]], tmp_path: Path
) -> None:
    """O19, Q3, R10: exit 0 in time; no step of the twenty executions is run twice, and the next process ends them."""
    ledger = tmp_path / "ledger.txt"
    command = [sys.executable, "-m", "tests.campaign.server", url, str(ledger)]
    first = begin([*command, str(COUNT)])
    assert first.stdout is not None
    assert first.stdout.readline() == "ready\n"
    first.send_signal(signal.SIGTERM)
    _, stderr = first.communicate(timeout=30)
    assert first.returncode == 0, stderr
    store = await opened()
    assert await store.nodes() == []
    rows = await store.list_executions(ExecutionFilter(limit=100))
    assert len(rows) == COUNT
    assert {row.owner for row in rows} == {None}

    second = begin([*command, "0"])
    _, stderr = second.communicate(timeout=60)
    assert second.returncode == 0, stderr
    effects = ledger.read_text().split()
    assert set(Counter(effects).values()) == {1}
    assert len(effects) == 3 * COUNT
    assert await check_store(store, make_codec(), {"job": server.job}, ledger=effects) == []
