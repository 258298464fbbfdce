"""The inbox: order, keys, waking, and taking messages out."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest

from cerebelum.engine.domain.errors import ExecutionNotFound, ForbiddenTransition
from cerebelum.engine.ports.store import Committed, Store
from cerebelum.engine.testing import store_samples as a


class InboxContract:
    """I11 and H11: each accepted message once, in order; none left lying."""

    async def test_messages_come_in_order_with_ids(self, store: Store) -> None:
        """I11: what was posted is read in order of arrival, with an ascending id and the store's time."""
        (before,) = await a.started(store, a.row())
        posted = [await store.post(a.message(before.id, name=f"m{number}", sender="api")) for number in range(3)]
        read = await store.inbox_of(before.id)
        assert read == posted
        assert [item.name for item in read] == ["m0", "m1", "m2"]
        assert [item.id for item in read] == sorted({item.id for item in read})
        assert all(item.at_us > 0 and item.key and item.payload == b'{"by":"card"}' for item in read)

    async def test_an_owner_reads_the_messages_of_what_it_holds(self, store: Store) -> None:
        """I11: those of other owners' executions are left out, and so are ids up to `after_id`."""
        mine, also_mine, other = await a.started(store, a.row(), a.row(), a.row(owner=a.OTHER))
        first, _, third = [await store.post(a.message(each.id)) for each in (mine, other, also_mine)]
        assert first is not None
        assert await store.inbox(a.OWNER) == [first, third]
        assert await store.inbox(a.OWNER, after_id=first.id) == [third]

    async def test_a_key_is_accepted_once(self, store: Store, second_store: Store) -> None:
        """I11: of 10 concurrent posts with one key over two connections one is accepted; another execution's is its own."""
        before, other = await a.started(store, a.row(), a.row())
        results = await asyncio.gather(
            *((store, second_store)[number % 2].post(a.message(before.id, key="k")) for number in range(10))
        )
        assert sum(result is not None for result in results) == 1
        assert await store.post(a.message(other.id, key="k")) is not None

    async def test_a_key_stays_known_after_its_message_was_consumed(self, store: Store) -> None:
        """I11: a sender that repeats itself late is still recognised, as long as the execution lives."""
        (before,) = await a.started(store, a.row())
        posted = await store.post(a.message(before.id, key="k"))
        assert posted is not None
        await store.commit(a.batch(appends=[a.append(before, consumed=[posted.id])]))
        assert await store.inbox_of(before.id) == []
        assert await store.post(a.message(before.id, key="k")) is None
        assert await store.inbox(a.OWNER) == []

    async def test_messages_without_a_key_are_all_accepted(self, store: Store) -> None:
        """I11: two signals with equal content are two signals, before and after one was consumed."""
        (before,) = await a.started(store, a.row())
        first = await store.post(a.message(before.id))
        assert first is not None
        assert await store.post(a.message(before.id)) is not None
        await store.commit(a.batch(appends=[a.append(before, consumed=[first.id])]))
        assert await store.post(a.message(before.id)) is not None
        assert len(await store.inbox_of(before.id)) == 2

    async def test_an_ended_execution_takes_no_message(self, store: Store) -> None:
        """H3, H11: posting to it is refused, naming its status; an unknown execution is not found."""
        (before,) = await a.started(store, a.row())
        await store.commit(a.batch(appends=[a.append(before, status="completed", owner=None)]))
        with pytest.raises(ForbiddenTransition, match="completed"):
            await store.post(a.message(before.id))
        with pytest.raises(ExecutionNotFound, match="exec-unknown"):
            await store.post(a.message("exec-unknown"))

    @pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
    async def test_the_end_takes_every_message(self, store: Store, status: str) -> None:
        """I12: read, unread, with and without a key, and sent by the same batch: none outlives its execution."""
        before, other = await a.started(store, a.row(), a.row())
        read = await store.post(a.message(before.id, key="read"))
        for key in ("", "unread"):
            await store.post(a.message(before.id, key=key))
        await store.post(a.message(other.id, key="unread"))
        assert read is not None
        change = a.append(before, status=status, owner=None, consumed=[read.id])
        await store.commit(a.batch(appends=[change], messages=[a.message(before.id)]))
        assert await store.inbox_of(before.id) == []
        assert [item.key for item in await store.inbox_of(other.id)] == ["unread"]

    async def test_an_end_by_someone_else_takes_every_message(self, store: Store) -> None:
        """I12: a row that is rebuilt as ended, because its history says so, keeps no message either."""
        (before,) = await a.started(store, a.waiting())
        await store.post(a.message(before.id))
        await store.rebuild(a.append(before, count=0, status="failed", wake_at_us=None).row)
        assert await store.inbox_of(before.id) == []

    async def test_a_message_meets_the_end(self, store: Store, second_store: Store) -> None:
        """I12, H11: posts and batches of another connection while executions end: accepted or refused, none is left."""
        rows = await a.started(store, *(a.row() for _ in range(20)))

        async def post(execution_id: str) -> None:
            with contextlib.suppress(ForbiddenTransition):
                await second_store.post(a.message(execution_id))

        ends = [store.commit(a.batch(appends=[a.append(row, status="completed", owner=None)])) for row in rows]
        sent = [second_store.commit(a.batch(messages=[a.message(row.id)])) for row in rows]
        posts = [post(row.id) for row in rows]
        await asyncio.gather(*itertools.chain.from_iterable(zip(posts, ends, sent, strict=True)))
        assert [await store.inbox_of(row.id) for row in rows] == [[]] * 20

    async def test_messages_in_a_batch_to_those_who_cannot_read_are_dropped(self, store: Store) -> None:
        """F4: a child's end to a parent that has ended, or is gone, does not stop the commit."""
        before, ended = await a.started(store, a.row(), a.waiting(status="failed", wake_at_us=None))
        sent = [
            a.message(ended.id),
            a.message("exec-unknown"),
            a.message(before.id, key="k"),
            a.message(before.id, key="k"),
        ]
        assert await store.commit(a.batch(messages=sent)) == Committed()
        assert await store.inbox_of(ended.id) == []
        assert len(await store.inbox_of(before.id)) == 1

    @pytest.mark.parametrize("in_a_batch", [False, True], ids=["post", "batch"])
    async def test_a_message_makes_a_waiting_execution_due(self, store: Store, in_a_batch: bool) -> None:
        """C3: whoever waits without a time to wake, or for a later one, is woken by a message."""
        later = await store.now_us() + a.HOUR_US
        rows = await a.started(store, a.waiting(wake_at_us=None), a.waiting(wake_at_us=later))
        for before in rows:
            if in_a_batch:
                await store.commit(a.batch(messages=[a.message(before.id)]))
            else:
                await store.post(a.message(before.id))
        claimed = await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=10)
        assert {each.id for each in claimed} == {before.id for before in rows}
        assert len(await store.inbox(a.OTHER)) == 2

    async def test_release_with_a_message_in_the_inbox_is_due_at_once(self, store: Store) -> None:
        """I11: a message that came while the owner was about to let go is not left lying."""
        later = await store.now_us() + a.HOUR_US
        before, other = await a.started(store, a.row(), a.row())
        await store.post(a.message(before.id))
        released = [a.append(each, owner=None, status="waiting", wake_at_us=later) for each in (before, other)]
        await store.commit(a.batch(appends=released))
        claimed = await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=10)
        assert [each.id for each in claimed] == [before.id]

    async def test_release_that_consumes_the_last_message_waits(self, store: Store) -> None:
        """I11: a message taken out by the same append does not wake, and neither does one with a key."""
        later = await store.now_us() + a.HOUR_US
        (before,) = await a.started(store, a.row())
        posted = [await store.post(a.message(before.id, key=key)) for key in ("", "k")]
        consumed = [item.id for item in posted if item is not None]
        change = a.append(before, owner=None, status="waiting", wake_at_us=later, consumed=consumed)
        await store.commit(a.batch(appends=[change]))
        assert await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=10) == []
        assert (await a.the_row(store, before.id)).wake_at_us == later

    async def test_a_fenced_append_consumes_nothing(self, store: Store) -> None:
        """I11: the message that a zombie wanted to record stays for the new owner."""
        (before,) = await a.started(store, a.row())
        posted = await store.post(a.message(before.id))
        assert posted is not None
        assert await store.claim_one(a.OTHER, before.id) is not None
        committed = await store.commit(a.batch(appends=[a.append(before, consumed=[posted.id])]))
        assert committed.fenced == {before.id}
        assert await store.inbox(a.OTHER) == [posted]

    async def test_a_reply_is_read_by_its_key(self, store: Store, second_store: Store) -> None:
        """C13: what the consumer of a message answers is there for its sender, over any connection, until the end."""
        before, other = await a.started(store, a.row(), a.row())
        posted = [await store.post(a.message(before.id, key=key)) for key in ("asked", "plain")]
        await store.post(a.message(other.id, key="asked"))
        assert await second_store.read_reply(before.id, "asked") is None
        ids, reply = [item.id for item in posted if item is not None], '"no: \\u0000 ü"'.encode()
        change = a.append(before, consumed=ids, replies=[(ids[0], reply)])
        await store.commit(a.batch(appends=[change]))
        assert await second_store.read_reply(before.id, "asked") == reply
        for execution_id, key in (
            (before.id, "plain"),
            (before.id, "unknown"),
            (other.id, "asked"),
            ("exec-no", "asked"),
        ):
            assert await store.read_reply(execution_id, key) is None
        assert await store.post(a.message(before.id, key="asked")) is None
        assert await store.inbox_of(before.id) == []
        await store.commit(a.batch(appends=[a.append(change.row, status="completed", owner=None)]))
        assert await store.read_reply(before.id, "asked") is None

    async def test_a_fenced_append_replies_nothing(self, store: Store) -> None:
        """R1: a zombie's answer does not reach the sender."""
        (before,) = await a.started(store, a.row())
        posted = await store.post(a.message(before.id, key="k"))
        assert posted is not None
        assert await store.claim_one(a.OTHER, before.id) is not None
        change = a.append(before, consumed=[posted.id], replies=[(posted.id, b'"no"')])
        assert (await store.commit(a.batch(appends=[change]))).fenced == {before.id}
        assert await store.read_reply(before.id, "k") is None

    async def test_a_start_brings_its_message(self, store: Store, second_store: Store) -> None:
        """C9: of 10 commits over two connections one starts the execution, and only that one's message is in its inbox."""
        new = [a.start(a.row("exec-same", owner=None, wake_at_us=1)) for _ in range(10)]
        batches = [
            a.batch(starts=[start], messages=[a.message("exec-same", name=f"m{number}", source="exec-same")])
            for number, start in enumerate(new)
        ]
        done = await asyncio.gather(
            *((store, second_store)[number % 2].commit(each) for number, each in enumerate(batches))
        )
        (first,) = [number for number, committed in enumerate(done) if not committed.existing]
        assert [item.name for item in await store.inbox_of("exec-same")] == [f"m{first}"]
        claimed = await store.claim(a.OWNER, workflows=[a.WORKFLOW], limit=10)
        assert [row.id for row in claimed] == ["exec-same"]

    async def test_another_connection_is_told_of_a_write(self, store: Store, second_store: Store) -> None:
        """R8: `watch` yields after another connection has written; the test waits for the hint, not for a time."""
        (before,) = await a.started(store, a.row())
        hints = aiter(second_store.watch())
        heard = asyncio.ensure_future(anext(hints))
        while not heard.done():  # a hint may be lost before the watch has begun, so it is given again
            await store.post(a.message(before.id))
            await asyncio.wait([heard], timeout=0.2)
        assert await heard == "changed"
        await hints.aclose()  # type: ignore[attr-defined]
