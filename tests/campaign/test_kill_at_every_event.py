"""kill -9 at every event: real processes, real stores, and a ledger of effects written outside them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.domain.ids import ExecutionId
from cerebelum.engine.testing.invariants import check_store
from tests.campaign import victim

RESULT = ["reserved book", "30", "reserved label", "reserved box"]
EVENTS = 14  # of an undisturbed purchase, at least


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/victim.db"
    else:
        yield request.getfixturevalue("migrated_postgres_url")


def run_victim(url: str, ledger: Path, execution_id: str, kill_at: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.campaign.victim", url, str(ledger), execution_id, str(kill_at)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("kill_at", [-1, *range(1, EVENTS)])
async def test_an_execution_survives_kill_9_after_each_event(url: str, tmp_path: Path, kill_at: int) -> None:
    """I1-I3, I6-I8, I10, I12, C4, D8: killed after event N (or before a result's commit), another process ends it."""
    ledger, execution_id = tmp_path / "ledger.txt", ExecutionId.new()
    killed = run_victim(url, ledger, execution_id, kill_at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = run_victim(url, ledger, execution_id, 0)
    assert again.stdout.strip() == str(RESULT), again.stderr

    store = open_store(url)
    await store.open()
    try:
        violations = await check_store(
            store, make_codec(), {"purchase": victim.purchase}, ledger=ledger.read_text().split(), deaths=1,
            acknowledged=[execution_id],
        )  # fmt: skip
    finally:
        await store.close()
    assert violations == []
