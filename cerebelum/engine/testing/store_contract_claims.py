"""Claims, takeovers, nodes and their leases."""

from __future__ import annotations

import asyncio

from cerebelum.engine.ports.store import Committed, Store
from cerebelum.engine.testing import store_samples as a


class ClaimContract:
    """R3, R6, I4, I5, I12."""

    async def test_a_claim_takes_what_is_due_and_only_that(self, store: Store) -> None:
        """H12: due is unowned, open, of a known workflow, with a time to wake that has passed."""
        later = await store.now_us() + a.HOUR_US
        due, *_ = await a.started(
            store,
            a.waiting(),
            a.waiting(wake_at_us=later),
            a.waiting(wake_at_us=None),
            a.waiting(workflow="flow:other"),
            a.waiting(status="completed"),
            a.row(wake_at_us=1),
        )
        (claimed,) = await store.claim(a.OTHER, workflows=[a.WORKFLOW, "flow:none"], limit=10)
        assert (claimed.id, claimed.owner, claimed.epoch, claimed.claims) == (due.id, a.OTHER, due.epoch + 1, 1)
        assert await a.the_row(store, due.id) == claimed
        assert await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=10) == []
        assert await store.claim(a.OTHER, workflows=[], limit=10) == []

    async def test_claims_come_by_priority_then_age(self, store: Store) -> None:
        """O: the highest priority first, over all workflows; within one, the one that waits longest; up to the limit."""
        rows = [
            a.waiting(f"exec-{name}", priority=priority, wake_at_us=wake_at_us, workflow=workflow)
            for name, priority, wake_at_us, workflow in (
                ("c", 0, 10, "flow:x"),
                ("b", 5, 30, "flow:x"),
                ("d", 0, 20, "flow:y"),
                ("a", 5, 20, "flow:y"),
                ("e", -1, 1, "flow:x"),
            )
        ]
        for each in rows:
            each.inserted_at_us = each.wake_at_us or 0
        await a.started(store, *rows)
        first = await store.claim(a.OTHER, workflows=["flow:x", "flow:y"], limit=3)
        rest = await store.claim(a.OTHER, workflows=["flow:x", "flow:y"], limit=3)
        assert [[each.id[-1] for each in some] for some in (first, rest)] == [["a", "b", "c"], ["d", "e"]]

    async def test_no_execution_is_claimed_twice(self, store: Store, second_store: Store) -> None:
        """I5: of 100 due executions and 10 claims of 20 over two connections, each goes to exactly one."""
        rows = await a.started(store, *(a.waiting() for _ in range(100)))
        results = await asyncio.gather(
            *(
                (store, second_store)[number % 2].claim(f"nonce-{number}", workflows=[a.WORKFLOW], limit=20)
                for number in range(10)
            )
        )
        claimed = [each.id for some in results for each in some]
        assert len(claimed) == len(set(claimed)) <= len(rows)
        left = await store.claim("nonce-last", workflows=[a.WORKFLOW], limit=100)
        assert sorted([*claimed, *(each.id for each in left)]) == sorted(each.id for each in rows)

    async def test_claim_one_respects_a_live_lease(self, store: Store) -> None:
        """R6: another node's execution cannot be taken while its lease lives; one's own can, with a new epoch."""
        await store.join(a.node(a.OWNER))
        (before,) = await a.started(store, a.row())
        assert await store.claim_one(a.OTHER, before.id) is None
        again = await store.claim_one(a.OWNER, before.id)
        assert again is not None
        assert (again.epoch, again.claims) == (before.epoch + 1, 1)
        await store.leave(a.OWNER)
        taken = await store.claim_one(a.OTHER, before.id)
        assert taken is not None
        assert (taken.owner, taken.epoch) == (a.OTHER, before.epoch + 2)

    async def test_claim_one_takes_what_is_not_due(self, store: Store) -> None:
        """H6: an execution that waits can be taken at any time; one that has ended or is unknown cannot."""
        waits, ended = await a.started(store, a.waiting(wake_at_us=None), a.waiting(status="failed", wake_at_us=None))
        taken = await store.claim_one(a.OWNER, waits.id)
        assert taken is not None
        assert taken.owner == a.OWNER
        assert await store.claim_one(a.OWNER, ended.id) is None
        assert await store.claim_one(a.OWNER, "exec-unknown") is None

    async def test_of_two_claims_of_one_only_one_wins(self, store: Store, second_store: Store) -> None:
        """I5: two live nodes that claim the same execution at once do not both get it."""
        await store.join(a.node(a.OWNER))
        await store.join(a.node(a.OTHER))
        (before,) = await a.started(store, a.waiting())
        results = await asyncio.gather(
            *(
                (store, second_store)[number % 2].claim_one((a.OWNER, a.OTHER)[number % 2], before.id)
                for number in range(10)
            )
        )
        owners = {claimed.owner for claimed in results if claimed is not None}
        assert len(owners) == 1
        epochs = [claimed.epoch for claimed in results if claimed is not None]
        assert len(epochs) == len(set(epochs))  # I4: each claim mints its own

    async def test_the_next_wake_up_is_known(self, store: Store) -> None:
        """C3: the earliest time to wake among the unowned, open executions of the given workflows."""
        await a.started(
            store,
            a.waiting(wake_at_us=500, priority=1),
            a.waiting(wake_at_us=300),
            a.waiting(wake_at_us=100, workflow="flow:other"),
            a.row(wake_at_us=50),
            a.waiting(wake_at_us=10, status="cancelled"),
        )
        assert await store.next_wake_us(workflows=[a.WORKFLOW]) == 300
        assert await store.next_wake_us(workflows=[a.WORKFLOW, "flow:other"]) == 100
        assert await store.next_wake_us(workflows=["flow:none"]) is None

    async def test_a_node_joins_renews_and_leaves(self, store: Store) -> None:
        """R6: its lease lasts `lease_ttl_us` by the store's clock, from joining and from each renewal, until it leaves."""
        await store.join(a.node(a.OWNER, workflows=("flow:x", "flow:y")))
        (joined,) = await store.nodes()
        assert (joined.nonce, joined.name, joined.pid, tuple(joined.workflows)) == (
            a.OWNER, "host:1", 1, ("flow:x", "flow:y"),
        )  # fmt: skip
        before_us = await store.now_us()
        until_us = await asyncio.to_thread(store.renew_lease, a.OWNER)
        assert until_us is not None
        assert until_us >= before_us + store.lease_ttl_us
        (renewed,) = await store.nodes()
        assert renewed.lease_until_us == until_us >= joined.lease_until_us
        await store.leave(a.OWNER)
        assert await asyncio.to_thread(store.renew_lease, a.OWNER) is None
        assert await store.nodes() == []

    async def test_a_node_announces_what_it_has_learnt(self, store: Store) -> None:
        """V13, R6: its workflows change and its lease does not; one that was declared dead does not come back by it."""
        await store.join(a.node(a.OWNER, workflows=("flow:x",)))
        (joined,) = await store.nodes()
        await store.announce(a.OWNER, ["flow:x", "flow:new"])
        (known,) = await store.nodes()
        assert (tuple(known.workflows), known.lease_until_us) == (("flow:x", "flow:new"), joined.lease_until_us)
        await store.leave(a.OWNER)
        await store.announce(a.OWNER, ["flow:x"])
        assert await store.nodes() == []

    async def test_a_node_that_leaves_hands_its_executions_back(self, store: Store) -> None:
        """N7: they become due at once for others; those of other nodes stay where they are."""
        await store.join(a.node(a.OWNER))
        mine, _ = await a.started(store, a.row(), a.row(owner=a.OTHER))
        await store.leave(a.OWNER)
        claimed = await store.claim("nonce-c", workflows=[a.WORKFLOW], limit=10)
        assert [each.id for each in claimed] == [mine.id]

    async def test_executions_of_a_dead_node_are_released(self, store: Store, second_store: Store) -> None:
        """I13: a node that is named dead loses its executions and its row; live nodes keep theirs."""
        await store.join(a.node(a.OWNER))
        await store.join(a.node(a.OTHER))
        rows = await a.started(store, a.row(), a.row(), a.row(owner=a.OTHER), a.row(status="completed"))
        assert await second_store.release_dead() == 0
        assert await second_store.release_dead(dead=[a.OWNER]) == 2
        assert [each.nonce for each in await store.nodes()] == [a.OTHER]
        assert (await a.the_row(store, rows[2].id)).owner == a.OTHER
        assert await asyncio.to_thread(store.renew_lease, a.OWNER) is None
        assert (await store.commit(a.batch(appends=[a.append(rows[0])]))).fenced == {rows[0].id}
        claimed = await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=10)
        assert {each.id for each in claimed} == {rows[0].id, rows[1].id}

    async def test_a_lease_that_ran_out_counts_as_dead(self, store: Store) -> None:
        """R6: only the store's own clock decides; a lease of no length has run out when it begins."""
        store.lease_ttl_us = 0
        await store.join(a.node(a.OWNER))
        (before,) = await a.started(store, a.row())
        assert await store.release_dead() == 1
        assert await store.nodes() == []
        released = await a.the_row(store, before.id)
        assert released.owner is None
        assert released.wake_at_us is not None
        assert released.epoch == before.epoch  # I4: the next claim raises it

    async def test_an_execution_that_is_handed_back_can_be_claimed_again(self, store: Store) -> None:
        """C3: an append with owner None sets it free; the next claim goes on with a higher epoch."""
        (before,) = await a.started(store, a.row())
        change = a.append(before, owner=None, status="waiting", wake_at_us=1)
        assert await store.commit(a.batch(appends=[change])) == Committed()
        (claimed,) = await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=1)
        assert (claimed.id, claimed.epoch, claimed.last_version) == (before.id, 2, 2)
