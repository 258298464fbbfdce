"""kill -9 at random moments of the demo's real work, then again until it is done."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

from cerebelum.connect import make_codec
from cerebelum.engine.domain.ids import ExecutionId
from cerebelum.engine.ports.store import Store
from cerebelum.engine.testing.invariants import check_store, prefix
from examples.stdlib_index import stdlib_index
from tests.campaign.indexer import MODULES

KILLS = 15  # on each store
MUST_HIT = 10  # so many at least while the process lived and its execution was open
STEPS = MODULES + 4


class Work(NamedTuple):
    """What one execution is about."""

    url: str
    folder: Path
    execution_id: str

    @property
    def ledger(self) -> Path:
        return self.folder / f"{self.execution_id}.ledger"

    def effects(self) -> list[str]:
        return self.ledger.read_text().split() if self.ledger.exists() else []

    def begin(self) -> subprocess.Popen[bytes]:
        """Have a process do it; return once the start was acknowledged.

        Unbuffered: `communicate` does not see what `readline` has read beyond the line.
        """
        command = [sys.executable, "-m", "tests.campaign.indexer", self.url, str(self.folder / "index.db")]
        process = subprocess.Popen(
            [*command, self.execution_id, str(self.ledger)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        assert process.stdout is not None
        if process.stdout.readline() != b"acknowledged\n":
            raise AssertionError(process.communicate()[1].decode())
        return process

    def finish(self) -> dict[str, Any]:
        """Have a process do what is left; return the report."""
        stdout, stderr = self.begin().communicate(timeout=60)
        assert stdout, stderr
        report: dict[str, Any] = json.loads(stdout)
        return report

    def kill_after(self, delay_s: float) -> bool:
        """Begin, and kill -9 so long after the acknowledgement; return whether it was still alive."""
        process = self.begin()
        try:
            process.wait(delay_s)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        return process.returncode == -signal.SIGKILL


async def completed_steps(store: Store, execution_id: str) -> set[str]:
    """Return the idempotency keys of the steps that have completed."""
    history = [recorded.event() for recorded in await store.read_history(execution_id)]
    return {f"{execution_id}/{event.number}" for event in history if event.type == "step_completed"}  # type: ignore[union-attr]


async def kill_and_finish(store: Store, work: Work, delay_s: float) -> tuple[bool, dict[str, Any], list[str]]:
    """Return whether the kill hit open work, the report in the end, and what is wrong with the effects and the past."""
    was_alive = work.kill_after(delay_s)
    before, done = await store.read_history(work.execution_id), await completed_steps(store, work.execution_id)
    row = await store.get_execution(work.execution_id)
    assert row is not None
    at_death = len(work.effects())
    report = work.finish()
    effects = work.effects()
    wrong = prefix(work.execution_id, before, await store.read_history(work.execution_id))
    wrong += [f"I7: {key} had completed and took effect again" for key in effects[at_death:] if key in done]
    completed = await completed_steps(store, work.execution_id)
    wrong += [f"I7: {key} has completed without an effect" for key in completed - set(effects)]
    return was_alive and not row.ended, report, wrong


async def test_the_demo_survives_kill_9_at_random_moments(
    url: str, opened: Callable[[], Awaitable[Store]], tmp_path: Path
) -> None:
    """I1-I3, I6-I10, I12: killed at random moments, the index is finished by the next process, and is the same index.

    No completed step is run again, and each has its effect in a ledger outside the store. The kills really hit.
    """
    store = await opened()
    undisturbed = Work(url, tmp_path, ExecutionId.new())
    process, began_s = undisturbed.begin(), time.monotonic()
    stdout, stderr = process.communicate(timeout=60)
    assert stdout, stderr
    lasts_s = time.monotonic() - began_s
    expected = json.loads(stdout)
    assert len(undisturbed.effects()) == STEPS + 2, "publishing fails twice"

    hit_count, works = 0, [Work(url, tmp_path, ExecutionId.new()) for _ in range(KILLS)]
    for seed, work in enumerate(works):
        delay_s = random.Random(seed).uniform(0, 0.9 * lasts_s)
        hit, report, wrong = await kill_and_finish(store, work, delay_s)
        assert wrong == [], f"seed {seed}"
        assert report == expected, f"seed {seed}"
        hit_count += hit
        if not hit:
            lasts_s = min(lasts_s, delay_s)  # it was through by then: the machine had been busier before
    assert hit_count >= MUST_HIT
    violations = await check_store(
        store, make_codec(), {"stdlib_index": stdlib_index},
        ledger=[effect for work in (undisturbed, *works) for effect in work.effects()],
        deaths=1, acknowledged=[undisturbed.execution_id, *(work.execution_id for work in works)],
    )  # fmt: skip
    assert violations == []
