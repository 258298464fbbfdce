"""Commits that one statement cannot hold, and those that are refused or broken off."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from cerebelum.adapters.stores.postgres.store import PostgresStore
from cerebelum.engine.domain.errors import InternalError
from cerebelum.engine.domain.errors_payload import ValueRefused
from cerebelum.engine.domain.errors_store import CommitInDoubt
from cerebelum.engine.ports.store import Batch, Committed
from cerebelum.engine.testing import store_samples as a
from tests.adapters.stores.postgres.waiting import blocked, until

LOCK = "SELECT 1 FROM executions WHERE id = $1 FOR UPDATE"
INSERT = "INSERT INTO ledger VALUES ($1)"


@pytest.fixture
async def ledger(session: Any) -> Any:
    """A table of the user's own."""
    await session.execute("DROP TABLE IF EXISTS ledger; CREATE TABLE ledger (id text PRIMARY KEY)")
    return session


# -- refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad", [{"current_step": "a\0b"}, {"priority": 1 << 40}, {"queue": "\ud800"}], ids=["nul", "too large", "surrogate"]
)
async def test_a_bad_row_leaves_its_neighbours_intact(store: PostgresStore, bad: dict[str, Any]) -> None:
    """F4: a batch with a value that cannot be stored writes nothing and says so; without that row it goes through."""
    rows = await a.started(store, *(a.row() for _ in range(3)))
    good = [a.append(rows[0]), a.append(rows[2])]
    with pytest.raises(ValueRefused, match="cannot store a value"):
        await store.commit(a.batch(appends=[*good, a.append(rows[1], **bad)], starts=[a.start(a.row("exec-good"))]))
    assert [await a.versions(store, row.id) for row in rows] == [[1], [1], [1]]
    assert await store.get_execution("exec-good") is None
    assert await store.commit(a.batch(appends=good)) == Committed()


async def test_a_batch_that_shows_a_bug_writes_nothing(store: PostgresStore) -> None:
    """F4, I2: an event out of order is refused together with its whole batch; the store goes on."""
    (before,) = await a.started(store, a.row())
    bad = replace(a.append(before), events=[a.event(7)])
    with pytest.raises(InternalError):
        await store.commit(a.batch(starts=[a.start(a.row("exec-good"))], appends=[bad]))
    assert await store.get_execution("exec-good") is None
    assert await store.commit(a.batch(appends=[a.append(before)])) == Committed()


# -- in pieces ----------------------------------------------------------------------------------------------------


async def test_statements_commit_with_their_event(store: PostgresStore, ledger: Any) -> None:
    """A transactional step's writes are in the same transaction; one that fails leaves out its own execution only."""
    rows = await a.started(store, *(a.row() for _ in range(5)))
    fenced = replace(a.append(rows[3]), epoch=9)
    statements: list[tuple[str, str, tuple[object, ...]]] = [
        *((row.id, INSERT, (row.id,)) for row in (rows[0], rows[3])),
        *((rows[1].id, INSERT, ("twice",)) for _ in range(2)),
        (rows[4].id, INSERT, (4,)),  # a number where a text belongs
    ]
    messages = [a.message(rows[2].id, name=f"from {n}", source=rows[n].id) for n in (0, 1, 3)]
    appends = [*(a.append(row) for row in (rows[0], rows[1], rows[2], rows[4])), fenced]
    committed = await store.commit(a.batch(appends=appends, statements=statements, messages=messages))
    assert committed.fenced == {rows[1].id, rows[3].id, rows[4].id}
    assert [len(await a.versions(store, row.id)) for row in rows] == [2, 1, 2, 1, 1]
    assert [row[0] for row in await ledger.fetch("SELECT id FROM ledger")] == [rows[0].id]
    assert [item.name for item in await store.inbox_of(rows[2].id)] == ["from 0"]


async def test_a_statement_cannot_end_the_transaction(store: PostgresStore, ledger: Any) -> None:
    """F4: a COMMIT in a transactional step would tear the batch apart; it is refused with all of it."""
    first, second = await a.started(store, a.row(), a.row())
    batch = a.batch(appends=[a.append(first), a.append(second)], statements=[(first.id, "ROLLBACK", ())])
    with pytest.raises(InternalError, match="ended the transaction"):
        await store.commit(batch)
    assert await a.versions(store, second.id) == [1]
    assert await store.commit(a.batch(appends=[a.append(first), a.append(second)])) == Committed()


async def test_an_execution_may_occur_more_than_once_in_a_batch(store: PostgresStore) -> None:
    """R1: a start with appends after it, a message to what the same batch starts, and two appends, all in their order."""
    (before,) = await a.started(store, a.row())
    new, waits = a.row("exec-new"), a.waiting("exec-waits", wake_at_us=None)
    once = a.append(new)
    twice = a.append(once.row, status="completed", owner=None)
    first = a.append(before)
    batch = a.batch(
        starts=[a.start(new), a.start(waits), a.start(a.row(before.id))],
        appends=[first, once, a.append(first.row), twice],
        messages=[a.message(waits.id)],
    )
    assert await store.commit(batch) == Committed(existing=frozenset({before.id}))
    assert await a.versions(store, before.id) == await a.versions(store, new.id) == [1, 2, 3]
    assert (await a.the_row(store, new.id)).status == "completed"
    assert [row.id for row in await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=9)] == [waits.id]
    assert await store.has_batch(batch.id)


async def test_a_batch_of_everything_is_one_statement(store: PostgresStore) -> None:
    """R1: all parts of a batch together: every combination numbers its parameters in the right order."""
    runs, ends, parent = await a.started(store, a.row(), a.row(), a.row())
    posted = await store.post(a.message(ends.id, key="k"))
    assert posted is not None
    batch = a.batch(
        starts=[a.start(a.row("exec-child"), source=runs.id), a.start(a.waiting("exec-new", workflow="flow:x"))],
        appends=[
            a.append(runs, owner=None, status="waiting", current_step="ship", error="late"),
            a.append(ends, owner=None, status="completed", completed_at_us=7, consumed=[posted.id]),
        ],
        messages=[a.message(parent.id, source=ends.id), a.message("exec-gone"), a.message(runs.id)],
        blobs=[("b", b"2"), ("a", b"1"), ("b", b"2")],
    )
    assert await store.commit(batch) == Committed()
    assert [len(await a.versions(store, each)) for each in (runs.id, ends.id, "exec-child", "exec-new")] == [2, 2, 1, 1]
    assert [await store.read_blob(digest) for digest in ("a", "b")] == [b"1", b"2"]
    assert await store.inbox_of(ends.id) == []
    assert [item.execution_id for item in await store.inbox(a.OWNER)] == [parent.id]
    claimed = await store.claim(a.OTHER, workflows=[a.WORKFLOW, "flow:x"], limit=9)
    assert {row.id for row in claimed} == {runs.id, "exec-new"}  # the message of the same batch woke the first
    assert (await a.the_row(store, ends.id)).completed_at_us == 7


# -- broken off ---------------------------------------------------------------------------------------------------


async def _blocked_commit(store: PostgresStore, session: Any, batch: Batch) -> tuple[asyncio.Task[Committed], Any, int]:
    """Return a commit that waits for a lock of `session`, that one's transaction, and the committing server process."""
    hold = session.transaction()
    await hold.start()
    await session.fetch(LOCK, batch.appends[0].row.id)
    commit = asyncio.create_task(store.commit(batch))
    (pid,) = await blocked(session)
    return commit, hold, pid


@pytest.mark.parametrize("in_pieces", [False, True], ids=["one statement", "in pieces"])
async def test_a_connection_killed_amid_a_commit(store: PostgresStore, session: Any, in_pieces: bool) -> None:
    """R4: in doubt where the commit was under way, refused where it was not yet asked for; then the store goes on."""
    (before,) = await a.started(store, a.row())
    batch = a.batch(appends=[a.append(before)], statements=[(before.id, "SELECT 1", ())] if in_pieces else [])
    commit, hold, pid = await _blocked_commit(store, session, batch)
    await session.execute("SELECT pg_terminate_backend($1)", pid)
    with pytest.raises(Exception, match="cannot reach" if in_pieces else "may or may not be there") as caught:
        await commit
    assert isinstance(caught.value, CommitInDoubt) != in_pieces
    await hold.rollback()
    assert not await store.has_batch(batch.id)
    assert await store.commit(batch) == Committed()
    assert await store.has_batch(batch.id)
    assert await a.versions(store, before.id) == [1, 2]


async def test_a_commit_whose_answer_is_lost_is_known(store: PostgresStore, session: Any) -> None:
    """R4: the connection breaks when the server has committed: in doubt, and `has_batch` tells that it is there."""
    (before,) = await a.started(store, a.row())
    batch = a.batch(appends=[a.append(before)])
    commit, hold, _ = await _blocked_commit(store, session, batch)
    store._writer._connection._transport.pause_reading()  # the answer comes, and is never read
    await hold.rollback()

    async def written() -> bool:
        return await a.versions(store, before.id) == [1, 2]

    await until(written)
    store._writer._connection.terminate()
    with pytest.raises(CommitInDoubt):
        await commit
    assert await store.has_batch(batch.id)
    assert (await store.commit(batch)).fenced == {before.id}  # sent again by mistake, it does no harm


async def test_a_cancelled_caller_does_not_break_a_commit_off(store: PostgresStore, session: Any) -> None:
    """R12: the commit goes on to its end, its connection is not leaked, and closing waits for it."""
    (before,) = await a.started(store, a.row())
    commit, hold, _ = await _blocked_commit(store, session, a.batch(appends=[a.append(before)]))
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit
    closing = asyncio.create_task(store.close())
    await hold.rollback()
    await closing
    assert await session.fetchval("SELECT last_version FROM executions WHERE id = $1", before.id) == 2
