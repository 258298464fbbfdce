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


@pytest.fixture(params=["sqlite-async", "sqlite-plain", "postgresql-async"])
def store_and_form(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    store, _, form = request.param.partition("-")
    if store == "sqlite":
        yield f"sqlite:///{tmp_path}/victim.db", form
    else:
        yield request.getfixturevalue("migrated_postgres_url"), form


def run_victim(url: str, ledger: Path, execution_id: str, kill_at: int, form: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.campaign.victim", url, str(ledger), execution_id, str(kill_at), form]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("kill_at", [-1, *range(1, EVENTS)])
async def test_an_execution_survives_kill_9_after_each_event(
    store_and_form: tuple[str, str], tmp_path: Path, kill_at: int
) -> None:
    """I1-I3, I6-I8, I10, I12, C4, D8: killed after event N (or before a result's commit), another process ends it."""
    url, form = store_and_form
    ledger, execution_id = tmp_path / "ledger.txt", ExecutionId.new()
    killed = run_victim(url, ledger, execution_id, kill_at, form)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = run_victim(url, ledger, execution_id, 0, form)
    assert again.stdout.strip() == str(RESULT), again.stderr

    store = open_store(url)
    await store.open()
    try:
        violations = await check_store(
            store, make_codec(), {"purchase": victim.FORMS[form]}, ledger=ledger.read_text().split(), deaths=1,
            acknowledged=[execution_id],
        )  # fmt: skip
    finally:
        await store.close()
    assert violations == []
