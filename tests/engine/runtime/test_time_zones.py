"""Local time in workflows, on nodes in different time zones."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def half(what: str, url: str, *, zone: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.engine.runtime.zoned", what, url],
        cwd=ROOT, env={**os.environ, "TZ": zone}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_local_time_is_utc_in_workflows_whatever_zone_a_node_is_in(tmp_path: Path) -> None:
    """E9, E3: begun in Tokyo and ended in New York, an execution has one local time, UTC, and replays the same."""
    url = f"sqlite:///{tmp_path}/zones.db"
    assert half("begin", url, zone="JST-9") == ["1970-01-01T09:00:00"]
    now, today, minute, long, consistent, aware, seconds, epoch, outcome = half("end", url, zone="EST5EDT")
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert (today, minute) == (now[:10], now[:16])
    assert long == moment.strftime("%a %b %e %H:%M:%S %Y")
    assert (consistent, aware) == ("True", moment.isoformat())
    assert float(seconds) == int(moment.timestamp())
    assert epoch == "1970-01-01T00:00:00"
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 3600
    assert outcome == "same"
