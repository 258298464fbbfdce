"""Sixty edits in an hour, under load: nothing is lost, nothing runs twice, who was kept ends on the old code."""

from __future__ import annotations

import gc
import itertools
import sys
from pathlib import Path

import pytest

from cerebelum.engine.runtime.code.modules import PINNED_PREFIX
from tests.dev.edits import TIMES
from tests.dev.end_checks import EndChecks
from tests.dev.hour import Hour
from tests.flows import ledger

EDITS = 60


async def _hour(url: str, folder: Path, seed: int) -> None:
    hour = await Hour.open(url, folder, seed)
    try:
        await hour.pass_by()
        await hour.end()
        _was_an_hour(hour)
        await _versions_are_gone(hour)
        checks = EndChecks(hour)
        assert await checks.wrong() == []
        checks.close()
        await hour.world.engine.stop_node()
        _code_is_gone(hour)
    finally:
        await hour.world.close()
        ledger.effects.clear()


def _was_an_hour(hour: Hour) -> None:
    """What was tried must have been hard enough to show anything."""
    assert len(hour.made) == EDITS
    assert set(TIMES) <= set(hour.made)
    assert hour.waited >= {"gated", "flaky", "sleep", "signal", "child", "refund"}, "each was open during an edit"
    assert hour.verdicts["moved"] > EDITS
    assert hour.verdicts["kept"] > EDITS / 2
    assert hour.verdicts["unchecked"] < hour.verdicts["moved"] / 20, (
        "those that end or go to rest while they are looked at"
    )
    assert hour.rested > EDITS / 2, "executions were at rest in the store while files were edited"


async def _versions_are_gone(hour: Hour) -> None:
    """All ended, so of each workflow the newest version is left, and nothing that was loaded from the store."""
    registry = hour.world.engine.registry
    await hour.reloader.release()
    assert registry.superseded() == []
    assert {name: len(registry.versions(name)) for name in registry.names()} == dict.fromkeys(hour.model.serving, 1)
    assert [name for name in sys.modules if name.startswith(PINNED_PREFIX)] == []


def _code_is_gone(hour: Hour) -> None:
    """Of all code that ever served, what serves now is left. A node that runs may hold what it looked at last."""
    gc.collect()
    registry = hour.world.engine.registry
    newest = [registry.get(name).function for name in registry.names()]
    assert len(hour.old_code) > EDITS / 2
    assert [found for ref in hour.old_code if (found := ref()) is not None and found not in newest] == []


@pytest.mark.parametrize("kind, seed", [("memory", 1), ("sqlite", 2)])
async def test_an_hour_of_editing_loses_nothing(tmp_path: Path, folder: Path, kind: str, seed: int) -> None:
    """W3, V13, I2, I6, I7, I8, I10, I12: 60 edits, each execution ends as its code says, each attempt with one effect.

    Good edits, broken and incompatible ones, deleted and renamed, of flows and of what they import; executions run,
    wait, sleep, retry, have children and undo meanwhile. Each is told as moved and is, or as kept and ends on the old
    code; starts succeed while files are broken; of old code nothing is left.
    """
    await _hour(_url(kind, tmp_path), folder, seed)


@pytest.mark.campaign
@pytest.mark.parametrize("kind, seed", list(itertools.product(["memory", "sqlite"], range(3, 28))))
async def test_many_hours_of_editing_lose_nothing(tmp_path: Path, folder: Path, kind: str, seed: int) -> None:
    """W3, V13, I2, I6, I7, I8, I10, I12: as one hour does, whatever the order of the edits."""
    await _hour(_url(kind, tmp_path), folder, seed)


def _url(kind: str, tmp_path: Path) -> str:
    return "memory://" if kind == "memory" else f"sqlite:///{tmp_path}/hour.db"
