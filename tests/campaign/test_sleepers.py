"""A crowd of sleepers lies in the store, not in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MB = 1_000_000
COUNT = 100_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads resident memory from /proc")
def test_sleepers_cost_no_memory_and_do_not_hinder_others(tmp_path: Path) -> None:
    """O9, O14: 100,000 executions that sleep for an hour grow a process by less than 20 MB, and one that is started then runs."""
    command = [sys.executable, "-m", "tests.campaign.sleepers", f"sqlite:///{tmp_path}/store.db", str(COUNT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    grown_bytes, result = map(int, done.stdout.split())
    assert grown_bytes < 20 * MB
    assert result == 1
