"""Supervised components: one-for-one, with limits."""

from __future__ import annotations

import asyncio

import pytest

from cerebelum.engine.domain.errors_store import StoreUnreachable
from cerebelum.engine.runtime import supervisor as supervisor_module
from cerebelum.engine.runtime.supervisor import ComponentFailed, Supervisor


class Part:
    """A component that counts its beginnings and breaks when told."""

    def __init__(self, name: str, ends: list[str]) -> None:
        self.name, self.ends = name, ends
        self.begun = 0
        self.breaks = asyncio.Event()

    async def run(self) -> None:
        self.begun += 1
        try:
            await self.breaks.wait()
        except asyncio.CancelledError:
            self.ends.append(self.name)
            raise
        self.breaks.clear()
        raise RuntimeError(f"{self.name} broke")


async def begun(part: Part, count: int) -> None:
    async with asyncio.timeout(20):
        while part.begun < count:  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0)


async def test_a_part_that_breaks_is_begun_again_alone() -> None:
    """V9, E19: each part broken in turn comes back; the others were begun once and never stopped."""
    ends: list[str] = []
    parts = [Part(name, ends) for name in ("time", "randomness", "memoization", "replay")]
    supervisor = Supervisor(first_backoff_s=0)
    for part in parts:
        supervisor.add(part.name, part.run)
    for turn, part in enumerate(parts):
        await begun(part, 1)
        part.breaks.set()
        await begun(part, 2)
        assert [other.begun for other in parts] == [2] * (turn + 1) + [1] * (len(parts) - turn - 1)
    assert supervisor.restarts == {part.name: 1 for part in parts}
    await supervisor.stop()
    assert ends == [part.name for part in reversed(parts)]


async def test_a_part_that_breaks_again_and_again_is_given_up() -> None:
    """V9: more failures than allowed within the period stop the part and name it and its error; the others go on."""
    ends: list[str] = []
    good = Part("good", ends)
    supervisor = Supervisor(most_restarts=3, first_backoff_s=0)
    attempts = 0

    async def bad() -> None:
        nonlocal attempts
        attempts += 1
        raise OSError("no more files")

    supervisor.add("good", good.run)
    supervisor.add("bad", bad)
    with pytest.raises(ComponentFailed, match="bad keeps failing: OSError: no more files"):
        await asyncio.wait_for(asyncio.shield(supervisor.failed), 20)
    assert attempts == 4
    assert good.begun == 1
    assert ends == []
    await supervisor.stop()


async def test_a_store_that_is_away_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """I9: however often a part finds the store away, it is begun again, and the node is not given up."""
    monkeypatch.setattr(supervisor_module, "_STORE_AWAY_S", 0)
    attempts = 0
    came_back = asyncio.Event()

    async def part() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 50:
            raise StoreUnreachable("the database is away")
        came_back.set()

    supervisor = Supervisor(most_restarts=1)
    supervisor.add("part", part)
    await asyncio.wait_for(came_back.wait(), 20)
    assert not supervisor.failed.done()
    await supervisor.stop()


async def test_failures_long_ago_do_not_count() -> None:
    """V9: only failures within the period count, so a part that breaks now and then is kept for ever."""
    part = Part("part", [])
    supervisor = Supervisor(most_restarts=1, period_s=0, first_backoff_s=0)
    supervisor.add("part", part.run)
    for count in range(1, 8):
        await begun(part, count)
        part.breaks.set()
    await begun(part, 8)
    assert not supervisor.failed.done()
    await supervisor.stop()
