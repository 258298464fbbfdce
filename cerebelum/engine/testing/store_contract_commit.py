"""Commits: fencing, all or nothing, races, batches."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from cerebelum.engine.ports.store import Committed, LogLine, Store
from cerebelum.engine.testing import store_samples as a


class CommitContract:
    """R1 to R5, F4 to F6."""

    async def test_a_start_and_its_appends_can_be_read_back(self, store: Store) -> None:
        """F4: what `commit` acknowledged is there, byte for byte."""
        (before,) = await a.started(store, a.row(queue="fast", priority=3, parent="exec-parent", current_step="charge"))
        assert await a.the_row(store, before.id) == before
        change = a.append(before, count=2, current_step="ship", error="Slow: once")
        assert await store.commit(a.batch(appends=[change])) == Committed()
        assert await a.the_row(store, before.id) == change.row
        assert (await store.read_history(before.id))[1:] == list(change.events)

    @pytest.mark.parametrize(
        "after",
        [
            {"owner": None, "status": "waiting", "wake_at_us": 4_000_000_000_000_000, "current_step": "sleep"},
            {"owner": None, "status": "completed", "wake_at_us": None, "completed_at_us": a.AT_US},
        ],
        ids=["asleep", "ended"],
    )
    async def test_a_start_may_hold_what_its_code_did_at_once(self, store: Store, after: dict[str, Any]) -> None:
        """F5, C3: written once, with several events: an execution that sleeps or has ended, claimed by nobody too soon."""
        new = a.row(last_version=3, **after)
        assert await store.commit(a.batch(starts=[a.start(new)])) == Committed()
        assert await a.the_row(store, new.id) == new
        assert await a.versions(store, new.id) == [1, 2, 3]
        assert await store.claim(a.OTHER, workflows=[new.workflow], limit=10) == []

    async def test_versions_stay_contiguous_over_many_commits(self, store: Store) -> None:
        """F5: batches of 3 and 2 events after the first give versions 1 to 6, without a gap."""
        (before,) = await a.started(store, a.row())
        first = a.append(before, count=3)
        await store.commit(a.batch(appends=[first]))
        await store.commit(a.batch(appends=[a.append(first.row, count=2)]))
        assert await a.versions(store, before.id) == [1, 2, 3, 4, 5, 6]

    @pytest.mark.parametrize(
        "wrong",
        [{"owner": a.OTHER}, {"epoch": 2}, {"epoch": 0}, {"expected_version": 0}, {"expected_version": 2}],
        ids=["owner", "epoch ahead", "epoch behind", "version behind", "version ahead"],
    )
    async def test_a_fenced_append_writes_nothing(self, store: Store, wrong: dict[str, Any]) -> None:
        """F6, R1, R3: a wrong owner, epoch or version alone is enough to be left out."""
        (before,) = await a.started(store, a.row())
        change = replace(a.append(before), **wrong)
        events = [a.event(change.expected_version + 1)]
        change = replace(
            change, events=events, row=replace(change.row, status="failed", last_version=events[-1].version)
        )
        assert await store.commit(a.batch(appends=[change])) == Committed(fenced=frozenset({before.id}))
        assert await a.versions(store, before.id) == [1]
        assert await a.the_row(store, before.id) == before

    async def test_an_append_to_an_unknown_execution_is_fenced(self, store: Store) -> None:
        """R1: a row that is not there, because it was deleted, cannot move."""
        change = a.append(a.row("exec-unknown"))
        assert (await store.commit(a.batch(appends=[change]))).fenced == {"exec-unknown"}
        assert await store.read_history("exec-unknown") == []

    async def test_the_neighbours_of_a_fenced_append_go_through(self, store: Store) -> None:
        """R1: one execution that moved on does not fail the others of the batch."""
        rows = await a.started(store, *(a.row() for _ in range(5)))
        changes = [a.append(before) for before in rows]
        changes[2] = replace(changes[2], epoch=9)
        committed = await store.commit(a.batch(appends=changes, starts=[a.start(a.row("exec-new"))]))
        assert committed == Committed(fenced=frozenset({rows[2].id}))
        assert [len(await a.versions(store, before.id)) for before in rows] == [2, 2, 1, 2, 2]
        assert await a.versions(store, "exec-new") == [1]

    async def test_what_hangs_on_a_fenced_append_is_left_out_with_it(self, store: Store) -> None:
        """R1: a zombie neither starts its children nor tells its parent that it has ended."""
        zombie, parent = await a.started(store, a.row(), a.row())
        committed = await store.commit(
            a.batch(
                appends=[replace(a.append(zombie), epoch=7)],
                starts=[a.start(a.row("exec-child"), source=zombie.id)],
                messages=[a.message(parent.id, source=zombie.id)],
            )
        )
        assert zombie.id in committed.fenced
        assert "exec-child" in committed.existing | committed.fenced
        assert await store.get_execution("exec-child") is None
        assert await store.inbox_of(parent.id) == []

    async def test_what_hangs_on_an_append_that_passes_goes_through(self, store: Store) -> None:
        """R1: children and messages of an append that passes are written with it."""
        source, parent = await a.started(store, a.row(), a.row())
        committed = await store.commit(
            a.batch(
                appends=[a.append(source)],
                starts=[a.start(a.row("exec-child"), source=source.id)],
                messages=[a.message(parent.id, source=source.id)],
            )
        )
        assert committed == Committed()
        assert await a.versions(store, "exec-child") == [1]
        assert [item.name for item in await store.inbox_of(parent.id)] == ["paid"]

    async def test_a_start_whose_id_is_taken_changes_nothing(self, store: Store) -> None:
        """H13: the second start of an id is reported as existing; the first one's row and history stay."""
        (before,) = await a.started(store, a.row())
        again = a.start(replace(before, workflow="flow:other", last_version=2))
        committed = await store.commit(a.batch(starts=[again, a.start(a.row("exec-new"))]))
        assert committed == Committed(existing=frozenset({before.id}))
        assert await a.the_row(store, before.id) == before
        assert await a.versions(store, before.id) == [1]
        assert await a.versions(store, "exec-new") == [1]

    async def test_many_executions_fit_into_one_commit(self, store: Store) -> None:
        """R1: a batch of 700 starts, then of 700 appends with some fenced, is decided one by one."""
        rows = await a.started(store, *(a.row() for _ in range(700)))
        changes = [a.append(before, count=2) for before in rows]
        stale = {before.id for before in rows[::7]}
        changes = [replace(change, owner=a.OTHER) if change.row.id in stale else change for change in changes]
        assert await store.commit(a.batch(appends=changes)) == Committed(fenced=frozenset(stale))
        histories = await store.read_histories([before.id for before in rows])
        assert {id_: len(events) for id_, events in histories.items()} == {
            before.id: 1 if before.id in stale else 3 for before in rows
        }

    async def test_of_two_connections_that_append_one_wins(self, store: Store, second_store: Store) -> None:
        """F6, R1: of 20 concurrent appends at one version over two connections exactly one is written."""
        (before,) = await a.started(store, a.row())
        batches = [a.batch(appends=[a.append(before)]) for _ in range(20)]
        results = await asyncio.gather(
            *((store, second_store)[number % 2].commit(each) for number, each in enumerate(batches))
        )
        assert sum(not committed.fenced for committed in results) == 1
        assert await a.versions(second_store, before.id) == [1, 2]

    async def test_of_two_connections_that_start_an_id_one_wins(self, store: Store, second_store: Store) -> None:
        """H13: of 20 concurrent starts of one id over two connections exactly one is written, the others say so."""
        new = a.row()
        results = await asyncio.gather(
            *((store, second_store)[number % 2].commit(a.batch(starts=[a.start(new)])) for number in range(20))
        )
        assert sum(not committed.existing for committed in results) == 1
        assert await a.versions(store, new.id) == [1]

    async def test_batches_of_two_connections_do_not_block_each_other_for_ever(
        self, store: Store, second_store: Store
    ) -> None:
        """R1: batches over the same executions in opposite order end, each execution moved by exactly one of them."""
        rows = await a.started(store, *(a.row() for _ in range(20)))
        forward, backward = ([a.append(before) for before in some] for some in (rows, rows[::-1]))
        first, second = await asyncio.gather(
            store.commit(a.batch(appends=forward)), second_store.commit(a.batch(appends=backward))
        )
        assert first.fenced ^ second.fenced == {before.id for before in rows}
        assert all([await a.versions(store, before.id) == [1, 2] for before in rows])

    async def test_a_zombie_is_fenced_after_the_takeover(self, store: Store, second_store: Store) -> None:
        """I5, R3: once another node has claimed it, the old owner's append is left out, the new owner's written."""
        (before,) = await a.started(store, a.row())
        taken = await second_store.claim_one(a.OTHER, before.id)
        assert taken is not None
        assert (await store.commit(a.batch(appends=[a.append(before)]))).fenced == {before.id}
        assert await second_store.commit(a.batch(appends=[a.append(taken)])) == Committed()
        assert await a.versions(store, before.id) == [1, 2]

    async def test_a_commit_in_doubt_can_be_looked_up(self, store: Store, second_store: Store) -> None:
        """R4: a committed batch is known by its id, another is not; also when a second node commits meanwhile."""
        (before,) = await a.started(store, a.row())
        mine = a.batch(appends=[a.append(before)])
        assert not await store.has_batch(mine.id)
        await store.commit(mine)
        await second_store.commit(a.batch(starts=[a.start(a.row())]))
        assert await store.has_batch(mine.id)
        assert not await store.has_batch(a.batch().id)

    async def test_every_append_ends_the_count_of_claims(self, store: Store) -> None:
        """R10: `claims` counts claims without progress; an append is progress."""
        (before,) = await a.started(store, a.row())
        await store.claim_one(a.OWNER, before.id)
        claimed = await store.claim_one(a.OWNER, before.id)
        assert claimed is not None
        assert claimed.claims == 2
        await store.commit(a.batch(appends=[a.append(claimed)]))
        assert (await a.the_row(store, before.id)).claims == 0

    async def test_nothing_wakes_what_has_ended(self, store: Store) -> None:
        """I12: an ended execution has no time to wake, whatever its row says."""
        (before,) = await a.started(store, a.row())
        await store.commit(a.batch(appends=[a.append(before, status="completed", owner=None, wake_at_us=1)]))
        assert (await a.the_row(store, before.id)).wake_at_us is None
        assert await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=10) == []

    async def test_blobs_are_kept_by_digest(self, store: Store) -> None:
        """R9: a content is stored once; the same digest again changes nothing."""
        content = bytes(range(256)) * 4
        await store.commit(a.batch(blobs=[("d1", content), ("d2", b"")]))
        await store.commit(a.batch(blobs=[("d1", b"other"), ("d3", b"x")]))
        assert [await store.read_blob(digest) for digest in ("d1", "d2", "d3", "d4")] == [content, b"", b"x", None]

    async def test_log_lines_come_back_in_order(self, store: Store) -> None:
        """F18: lines are read in order of writing, page by page, and belong to one execution."""
        (before, other) = await a.started(store, a.row(), a.row())
        lines = [
            LogLine(
                execution_id=before.id, number=1, step="charge", attempt=2, level="info", at_us=a.AT_US, message=text,
                metadata=b'{"n":1}',
            )
            for text in ("one", "two", "drei \u00fc \U0001f600")
        ]  # fmt: skip
        await store.commit(a.batch(logs=[*lines, replace(lines[0], execution_id=other.id)]))
        read = await store.read_logs(before.id)
        assert [line for _, line in read] == lines
        assert [line for _, line in await store.read_logs(before.id, after_id=read[0][0], limit=1)] == lines[1:2]

    async def test_what_a_step_prints_cannot_stop_a_commit(self, store: Store) -> None:
        """R9: NUL and lone surrogates in a log line or an error summary do not keep events from being written."""
        (before,) = await a.started(store, a.row())
        line = LogLine(
            execution_id=before.id, number=1, step="s", attempt=1, level="stdout", at_us=1, message="a\0b\ud800c"
        )
        change = a.append(before, error="Bad: \0 \ud800")
        assert await store.commit(a.batch(appends=[change], logs=[line])) == Committed()
        ((_, read),) = await store.read_logs(before.id)
        assert (read.message[0], read.message[-1]) == ("a", "c")
        assert await a.versions(store, before.id) == [1, 2]
