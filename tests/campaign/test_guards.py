"""The guards are what protects: with one taken away, the check that relies on it must find something."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import asyncpg
import pytest

from cerebelum.adapters.stores.sqlite import commit as sqlite_commit
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_store import StoreFull
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.ids import new_nonce
from cerebelum.engine.ports.store import Append, Batch, NodeRow, Store
from cerebelum.engine.runtime.journal import Journal
from cerebelum.engine.runtime.starting import new_start
from cerebelum.engine.testing.invariants import check_store, contiguous
from tests.campaign.workloads import chain
from tests.campaign.wrapping import Refusing
from tests.engine.world import World

OpenStore = Callable[[], Awaitable[Store]]


async def claimed_twice(store: Store) -> tuple[ExecutionRow, ExecutionRow]:
    """Return the rows of one execution as node A claimed it, and as B did after A had been declared dead."""
    now_us = await store.now_us()
    for nonce in ("a", "b"):
        await store.join(NodeRow(nonce=nonce, name=nonce, host="", pid=0, lease_until_us=0, started_at_us=now_us))
    started = ev.ExecutionStarted(workflow="chain")
    await store.commit(Batch(id=new_nonce(), starts=[new_start("exec-1", started, now_us=now_us, owner=None)]))
    first = await store.claim_one("a", "exec-1")
    await store.release_dead(dead=["a"])
    second = await store.claim_one("b", "exec-1")
    assert first is not None
    assert second is not None
    return first, second


def next_event(row: ExecutionRow, owner: str) -> Append:
    """Return an append of one event, by whoever claimed the execution as `row`."""
    event = ev.ExecutionResumed(by=owner)
    recorded = ev.RecordedEvent(row.last_version + 1, event.type, ev.encode_event(event), row.updated_at_us)
    epoch, expected = row.epoch, row.last_version
    row.last_version += 1
    return Append(row=row, expected_version=expected, owner=owner, epoch=epoch, events=[recorded])


async def fork(store: Store) -> list[str]:
    """Have a zombie and its heir write the same version; return what a check of the history then finds."""
    zombie, heir = await claimed_twice(store)
    found = []
    for row, owner in ((zombie, "a"), (heir, "b")):
        try:
            committed = await store.commit(Batch(id=new_nonce(), appends=[next_event(row, owner)]))
        except CerebelumError:
            continue
        if owner == "a" and not committed.fenced:
            found.append("R1: a zombie's append went through after the takeover")
    after = await store.get_execution("exec-1")
    assert after is not None
    return [*found, *contiguous(after, await store.read_history("exec-1"))]


def remove_r1(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every append through, whoever asks."""
    if store.name.startswith("postgresql"):
        store._committer.guards = store._committer.guards._replace(r1="true")
        return
    both = (*sqlite_commit._PROGRESS, *sqlite_commit._REST)
    monkeypatch.setattr(sqlite_commit, "MOVE", sqlite_commit.move_statement("1", sqlite_commit._PROGRESS))
    monkeypatch.setattr(sqlite_commit, "MOVE_ALL", sqlite_commit.move_statement("1", both))


async def remove_unique_key(url: str) -> None:
    """Make the table of events as it is, but without its key."""
    if url.startswith("postgresql"):
        connection = await asyncpg.connect(url)
        await connection.execute("ALTER TABLE events DROP CONSTRAINT pk_events")
        await connection.close()
        return
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("DROP TABLE history")
        connection.execute("CREATE TABLE history (execution, version, type, data, at_us)")
        connection.commit()


async def test_with_all_guards_a_zombie_changes_nothing(opened: OpenStore) -> None:
    """R1-R3: after a takeover, the former owner's append is left out and the history stays whole."""
    assert await fork(await opened()) == []


async def test_without_r1_a_zombie_is_let_in(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """R1: without the check of owner, epoch and version, the same scenario is found out."""
    store = await opened()
    remove_r1(store, monkeypatch)
    found = await fork(store)
    assert "R1: a zombie's append went through after the takeover" in found
    assert not any(violation.startswith("I2") for violation in found), "R2, the unique key, still prevents the fork"


async def test_without_r1_and_the_unique_key_the_history_forks(
    opened: OpenStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R2, I2: the unique key is the second fence: without it, too, one version is written twice."""
    store = await opened()
    await remove_unique_key(url)
    remove_r1(store, monkeypatch)
    assert any(violation.startswith("I2") for violation in await fork(store))


async def start_on_a_full_disk(opened: OpenStore) -> list[str]:
    """Start an execution while the store refuses commits; return what is found missing afterwards."""
    through = Refusing(await opened())
    world = World(through.store)
    await world.client.register(chain)
    through.error = StoreFull("the disk is full")
    acknowledged = []
    try:
        handle = await world.client.start(chain, 1)
        acknowledged.append(handle.id)
    except StoreFull:
        pass
    await world.engine.stop_node(0.0)
    return await check_store(
        through.store, world.engine.codec, {"chain": chain}, acknowledged=acknowledged, must_have_ended=False
    )


async def test_a_start_that_is_not_committed_is_not_acknowledged(opened: OpenStore) -> None:
    """R5, I1: the store refuses, the start raises: nothing was acknowledged, nothing is missing."""
    assert await start_on_a_full_disk(opened) == []


async def test_acknowledged_before_the_commit_a_start_is_lost(
    opened: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R5, I1: with the acknowledgement moved in front of the commit, the check for lost starts goes red."""
    commit = Journal._commit

    async def hasty(journal: Journal, batch: Any, starts: Any) -> Any:
        for request in starts:
            request.answer.set_result(True)
        return await commit(journal, batch, starts)

    monkeypatch.setattr(Journal, "_commit", hasty)
    assert any(violation.startswith("I1") for violation in await start_on_a_full_disk(opened))
