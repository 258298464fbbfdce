"""kill -9 at random moments of the demo's real work, then again until it is done."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cerebelum.connect import make_codec
from cerebelum.engine.domain.ids import ExecutionId
from cerebelum.engine.ports.store import Store
from cerebelum.engine.testing.invariants import check_store
from examples.stdlib_index import stdlib_index
from tests.campaign.indexer import MODULES

LONGEST_S = 1.5  # an undisturbed run takes about as long after its start was acknowledged


def begin(url: str, out: Path, execution_id: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.campaign.indexer", url, str(out), execution_id]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_after(process: subprocess.Popen[str], delay_s: float) -> bool:
    """Return whether it was acknowledged, and then killed; it may also have ended before."""
    assert process.stdout is not None
    acknowledged = process.stdout.readline() == "acknowledged\n"
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    return acknowledged


@pytest.mark.parametrize("seed", range(15))
async def test_the_demo_survives_kill_9_at_a_random_moment(
    url: str, opened: Callable[[], Awaitable[Store]], tmp_path: Path, seed: int
) -> None:
    """I1-I3, I6, I8-I10, I12: killed at a random moment, the index is finished by the next process; no fact is lost."""
    execution_id, out = ExecutionId.new(), tmp_path / "index.db"
    assert kill_after(begin(url, out, execution_id), random.Random(seed).uniform(0, LONGEST_S))
    store = await opened()
    before = await store.read_history(execution_id)
    again = begin(url, out, execution_id)
    stdout, stderr = again.communicate(timeout=60)
    assert stdout.splitlines() == ["acknowledged", f"{MODULES} {out}"], stderr
    after = await store.read_history(execution_id)
    assert after[: len(before)] == before
    violations = await check_store(
        store, make_codec(), {"stdlib_index": stdlib_index}, deaths=1, acknowledged=[execution_id]
    )
    assert violations == []
