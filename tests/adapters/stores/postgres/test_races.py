"""Two sessions that meet. One holds its locks in an open transaction until the other is seen to wait for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cerebelum.adapters.stores.postgres.claims import CLAIM_ONE
from cerebelum.adapters.stores.postgres.commit_sql import Guards, statement
from cerebelum.adapters.stores.postgres.commit_values import shape_and_values
from cerebelum.adapters.stores.postgres.inbox import POST
from cerebelum.adapters.stores.postgres.store import PostgresStore
from cerebelum.engine.domain.errors import ForbiddenTransition
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Append, Batch, Committed
from cerebelum.engine.testing import store_samples as a
from tests.adapters.stores.postgres.waiting import blocked


async def _write(session: Any, batch: Batch) -> None:
    shape, values = shape_and_values(batch, "place")
    await session.fetchrow(statement(shape), *values)


def _post(execution_id: str, key: str) -> tuple[str, ...]:
    return (execution_id, "signal", "paid", "null", "", key)


def _release(before: ExecutionRow, **fields: Any) -> Append:
    return a.append(before, **{"owner": None, "status": "waiting", "wake_at_us": None} | fields)


async def _is_due(store: PostgresStore, execution_id: str) -> bool:
    return [row.id for row in await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=1)] == [execution_id]


# -- fencing --------------------------------------------------------------------------------------------------------


async def _zombie_meets_takeover(store: PostgresStore, session: Any) -> tuple[ExecutionRow, Committed]:
    (before,) = await a.started(store, a.row())
    takeover = session.transaction()
    await takeover.start()
    await session.fetch(CLAIM_ONE, a.OTHER, before.id)
    zombie = asyncio.create_task(store.commit(a.batch(appends=[a.append(before)])))
    await blocked(session)
    await takeover.commit()
    return before, await zombie


async def test_a_zombie_that_waited_for_the_takeover_is_fenced(store: PostgresStore, session: Any) -> None:
    """R1: a commit that began before the takeover had committed, and waited for it, writes nothing afterwards."""
    before, committed = await _zombie_meets_takeover(store, session)
    assert committed.fenced == {before.id}
    assert await a.versions(store, before.id) == [1]


@pytest.mark.parametrize("kept", ["e.last_version = b.expected", "e.owner = b.owner AND e.last_version = b.expected"])
async def test_without_r1_the_zombie_writes(store: PostgresStore, session: Any, kept: str) -> None:
    """R1, R3: with the check of owner and epoch removed the zombie gets through; with that of the owner kept it is held."""
    store._committer.guards = Guards(r1=kept)
    before, committed = await _zombie_meets_takeover(store, session)
    assert (committed.fenced == {before.id}) == ("owner" in kept)


async def test_of_two_appends_that_wait_for_each_other_one_is_written(store: PostgresStore, session: Any) -> None:
    """F6, R2: two commits of the same owner, epoch and version: the second one finds the version taken."""
    (before,) = await a.started(store, a.row())
    first = session.transaction()
    await first.start()
    await _write(session, a.batch(appends=[a.append(before, count=2)]))
    second = asyncio.create_task(store.commit(a.batch(appends=[a.append(before)])))
    await blocked(session)
    await first.commit()
    assert (await second).fenced == {before.id}
    assert await a.versions(store, before.id) == [1, 2, 3]


# -- release and post -----------------------------------------------------------------------------------------------


async def _release_waits_for_post(store: PostgresStore, session: Any) -> ExecutionRow:
    (before,) = await a.started(store, a.row())
    post = session.transaction()
    await post.start()
    await session.fetch(POST, *_post(before.id, "k"))
    release = asyncio.create_task(store.commit(a.batch(appends=[_release(before)])))
    await blocked(session)
    await post.commit()
    assert await release == Committed()
    return before


async def test_a_release_that_waited_for_a_post_is_due(store: PostgresStore, session: Any) -> None:
    """I11: the message was not there when the releasing statement began, and yet is not left lying."""
    before = await _release_waits_for_post(store, session)
    assert await _is_due(store, before.id)


async def test_without_the_look_at_the_row_the_message_would_lie(store: PostgresStore, session: Any) -> None:
    """I11: this is the condition that the race hangs on; without it the execution waits for ever."""
    store._committer.guards = Guards(posted_meanwhile="false")
    before = await _release_waits_for_post(store, session)
    assert len(await store.inbox_of(before.id)) == 1
    assert not await _is_due(store, before.id)


@pytest.mark.parametrize("in_a_batch", [False, True], ids=["post", "batch"])
async def test_an_end_that_waited_for_a_message_takes_it(store: PostgresStore, session: Any, in_a_batch: bool) -> None:
    """I12: the message was not there when the ending statement began, and yet is not left behind."""
    (before,) = await a.started(store, a.row())
    sender = session.transaction()
    await sender.start()
    if in_a_batch:
        await _write(session, a.batch(messages=[a.message(before.id, key="k")]))
    else:
        await session.fetch(POST, *_post(before.id, "k"))
    end = asyncio.create_task(store.commit(a.batch(appends=[a.append(before, owner=None, status="completed")])))
    await blocked(session)
    await sender.commit()
    assert await end == Committed()
    assert await session.fetchval("SELECT count(*) FROM messages") == 0


async def test_a_message_that_waited_for_the_end_is_refused(store: PostgresStore, session: Any) -> None:
    """I12, H11: the post sees the row as the end left it, and adds nothing."""
    (before,) = await a.started(store, a.row())
    end = session.transaction()
    await end.start()
    await _write(session, a.batch(appends=[a.append(before, owner=None, status="completed")]))
    post = asyncio.create_task(store.post(a.message(before.id)))
    sent = asyncio.create_task(store.commit(a.batch(messages=[a.message(before.id)])))
    await blocked(session, 2)
    await end.commit()
    with pytest.raises(ForbiddenTransition, match="completed"):
        await post
    await sent
    assert await session.fetchval("SELECT count(*) FROM messages") == 0


async def test_a_post_that_waited_for_a_release_makes_it_due(store: PostgresStore, session: Any) -> None:
    """I11: the post sees the row as the release left it, without an owner, and wakes it."""
    (before,) = await a.started(store, a.row())
    release = session.transaction()
    await release.start()
    await _write(session, a.batch(appends=[_release(before)]))
    post = asyncio.create_task(store.post(a.message(before.id)))
    await blocked(session)
    await release.commit()
    assert await post is not None
    assert await _is_due(store, before.id)


async def test_a_batch_message_that_waited_for_a_release_makes_it_due(store: PostgresStore, session: Any) -> None:
    """I11: the same for a child's end that comes in another node's commit."""
    parent, child = await a.started(store, a.row(), a.row(owner=a.OTHER))
    release = session.transaction()
    await release.start()
    await _write(session, a.batch(appends=[_release(parent)]))
    ends = a.append(child, status="completed", owner=None)
    batch = a.batch(appends=[ends], messages=[a.message(parent.id, source=child.id)])
    commit = asyncio.create_task(store.commit(batch))
    await blocked(session)
    await release.commit()
    assert await commit == Committed()
    assert await _is_due(store, parent.id)


async def test_a_batch_message_and_a_post_both_arrive(store: PostgresStore, session: Any) -> None:
    """I11: a commit that waits for a post to the same parent goes on after it, and both messages are there."""
    parent, child = await a.started(store, a.row(), a.row(owner=a.OTHER))
    post = session.transaction()
    await post.start()
    await session.fetch(POST, *_post(parent.id, "k"))
    batch = a.batch(appends=[a.append(child)], messages=[a.message(parent.id, source=child.id)])
    commit = asyncio.create_task(store.commit(batch))
    await blocked(session)
    await post.commit()
    assert await commit == Committed()
    assert len(await store.inbox_of(parent.id)) == 2
    assert await a.versions(store, child.id) == [1, 2]


async def test_200_releases_that_meet_posts_are_all_due(store: PostgresStore, second_store: PostgresStore) -> None:
    """I11: whichever comes first, over two real connections and without anything to hold them: no message is left."""
    rows = await a.started(store, *(a.row() for _ in range(200)))
    for before in rows:
        batch = a.batch(appends=[_release(before)])
        committed, posted = await asyncio.gather(store.commit(batch), second_store.post(a.message(before.id)))
        assert committed == Committed()
        assert posted is not None
    claimed = await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=1000)
    assert {row.id for row in claimed} == {row.id for row in rows}


async def test_message_ids_ascend_as_an_owner_sees_them(store: PostgresStore, session: Any) -> None:
    """I11: who reads after an id never misses a message with a lower one that becomes visible later."""
    first, second = await a.started(store, a.row(), a.row())
    earlier = session.transaction()
    await earlier.start()
    await session.fetch(POST, *_post(first.id, "k"))
    later = asyncio.create_task(store.post(a.message(second.id)))
    await blocked(session)  # though it is another execution, it waits for its turn
    assert await store.inbox(a.OWNER) == []
    await earlier.commit()
    assert await later is not None
    assert [item.execution_id for item in await store.inbox(a.OWNER)] == [first.id, second.id]


# -- locks ----------------------------------------------------------------------------------------------------------


async def test_a_deadlock_is_tried_again(store: PostgresStore, session: Any) -> None:
    """R1: when the server ends our transaction to break a deadlock, the whole batch is written again."""
    first, second = sorted(await a.started(store, a.row(), a.row()), key=lambda row: row.id)
    await session.execute("SET deadlock_timeout = '1h'")  # so that the server notices on our side
    lock = "SELECT 1 FROM executions WHERE id = $1 FOR UPDATE"
    other = session.transaction()
    await other.start()
    await session.fetch(lock, second.id)
    commit = asyncio.create_task(store.commit(a.batch(appends=[a.append(first), a.append(second)])))
    await blocked(session)
    await session.fetch(lock, first.id)  # returns when our transaction has been ended
    await other.rollback()
    assert await commit == Committed()
    assert await a.versions(store, first.id) == await a.versions(store, second.id) == [1, 2]


async def test_rows_are_locked_in_the_order_of_their_ids(store: PostgresStore, session: Any) -> None:
    """R1: a commit that waits for the first row has not locked a later one, whatever the order of the batch."""
    rows = sorted(await a.started(store, *(a.row() for _ in range(50))), key=lambda row: row.id)
    hold = session.transaction()
    await hold.start()
    await session.fetch("SELECT 1 FROM executions WHERE id = $1 FOR UPDATE", rows[0].id)
    commit = asyncio.create_task(store.commit(a.batch(appends=[a.append(row) for row in reversed(rows)])))
    await blocked(session)
    free = await session.fetch(
        "SELECT id FROM executions WHERE id = ANY($1) FOR UPDATE SKIP LOCKED", [row.id for row in rows]
    )
    assert len(free) == len(rows)  # ours is among them
    await hold.rollback()
    assert await commit == Committed()


async def test_a_takeover_waits_for_a_commit_under_way(store: PostgresStore, session: Any) -> None:
    """I3, R1: executions of a dead node are handed back after its last commit, with what that one wrote."""
    (before,) = await a.started(store, a.row())
    last = session.transaction()
    await last.start()
    await _write(session, a.batch(appends=[a.append(before)]))
    release = asyncio.create_task(store.release_dead(dead=[a.OWNER]))
    await blocked(session)
    await last.commit()
    assert await release == 1
    (claimed,) = await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=1)
    assert (claimed.last_version, claimed.epoch) == (2, before.epoch + 1)


async def test_a_claim_whose_caller_was_cancelled_is_given_back(store: PostgresStore, session: Any) -> None:
    """R12, I12: the claim goes on without its caller; the next one, for the same node, hands its executions out anew."""
    (before,) = await a.started(store, a.waiting())
    hold = session.transaction()
    await hold.start()
    await session.execute("LOCK TABLE executions IN SHARE MODE")
    claim = asyncio.create_task(store.claim(a.OWNER, workflows=[a.WORKFLOW], limit=1))
    await blocked(session)
    claim.cancel()
    with pytest.raises(asyncio.CancelledError):
        await claim
    again = asyncio.create_task(store.claim(a.OWNER, workflows=[a.WORKFLOW], limit=1))
    await hold.rollback()
    (claimed,) = await again
    assert (claimed.id, claimed.epoch) == (before.id, before.epoch + 2)
