"""A replay takes bounded memory, however long the history and however large its payloads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.repository import ROOT

MOST_MB = 300


def run(*arguments: object) -> Any:
    command = [sys.executable, "-m", "tests.engine.application.long_history", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout) if ran.stdout else None


def check(folder: Path, events: int, chars: int) -> None:
    url = f"sqlite:///{folder / 'long.db'}"
    run(url, events, chars)
    found = run(url, 0, 0)
    assert abs(found["frames"] - events) <= 1
    assert found["frames"] == found["streamed"] == found["logs"]
    assert found["steps"] == found["frames"] // 2
    assert found["peak_mb"] < MOST_MB, found


@pytest.mark.parametrize("events, chars", [(10_000, 20), (10_000, 40_000)], ids=["many", "large"])
def test_a_history_is_replayed_in_bounded_memory(tmp_path: Path, events: int, chars: int) -> None:
    """W5, E17: frames of 10,000 events, and of 200 MB of results, are made and walked in less than 300 MB."""
    check(tmp_path, events, chars)


@pytest.mark.campaign
@pytest.mark.parametrize("chars", [20, 4_000, 40_000])
def test_the_longest_history_is_replayed_in_bounded_memory(tmp_path: Path, chars: int) -> None:
    """W5, E17: the same for 50,000 events, of up to a gigabyte of results."""
    check(tmp_path, 50_000, chars)
