"""Reading: histories, lists and filters, code versions, deletions; and payloads that are hard to keep."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from cerebelum.engine.domain.errors import ForbiddenTransition
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.ports.store import Append, CodeVersion, Committed, ExecutionFilter, LogLine, Store
from cerebelum.engine.testing import store_samples as a

PAYLOADS = {
    "nul": rb'{"result":"a\u0000b"}',
    "surrogate": rb'{"result":"\ud800 and \udfff"}',
    "huge number": b'{"result":1e100000}',
    "spaces and order": b'{ "b" : 1,\n"a":\t[ ] }',
    "unicode": '{"result":"ü € 😀 \u2028 \x7f"}'.encode(),
    "backslashes": rb'{"result":"\\u0000 \" \\"}',
    "2 MiB": b'{"result":"' + b"x" * (2 << 20) + b'"}',
}


def _code(digest: str, workflow: str = "flow:order", **fields: object) -> CodeVersion:
    return CodeVersion(workflow=workflow, version=0, digest=digest, module="flow", entrypoint="order", **fields)  # type: ignore[arg-type]


class DataContract:
    """F7, F9, F13, G3 to G6, G11, N1 to N3, R9."""

    async def test_a_range_of_a_history_is_inclusive(self, store: Store) -> None:
        """F7: of 10 events, 3 to 5 gives three; a limit cuts; an unknown execution has none."""
        (before,) = await a.started(store, a.row(last_version=10))
        assert await a.versions(store, before.id) == list(range(1, 11))
        middle = await store.read_history(before.id, after_version=2, to_version=5)
        assert [recorded.version for recorded in middle] == [3, 4, 5]
        assert [recorded.version for recorded in await store.read_history(before.id, limit=2)] == [1, 2]
        assert await store.read_history(before.id, after_version=10) == []
        assert await store.read_history("exec-unknown") == []

    async def test_many_histories_come_in_one_answer(self, store: Store) -> None:
        """F7: each id with its events in order."""
        rows = await a.started(store, *(a.row(last_version=count) for count in (1, 3, 2)))
        histories = await store.read_histories([before.id for before in rows])
        assert [[recorded.version for recorded in histories[before.id]] for before in rows] == [[1], [1, 2, 3], [1, 2]]
        assert histories[rows[1].id] == await store.read_history(rows[1].id)
        assert not (await store.read_histories(["exec-unknown"])).get("exec-unknown")

    async def test_recovery_reads_from_the_checkpoint_on(self, store: Store) -> None:
        """E18: the first event, and those from the newest checkpoint on; all of what has none."""
        plain, long = await a.started(store, a.row(last_version=3), a.row(last_version=2))
        change = a.append(long, count=4, checkpoint=5)
        assert await store.commit(a.batch(appends=[change])) == Committed()
        histories = await store.read_histories([plain.id, long.id], for_recovery=True)
        assert [event.version for event in histories[plain.id]] == [1, 2, 3]
        assert [event.version for event in histories[long.id]] == [1, 5, 6]
        assert (await a.the_row(store, long.id)).checkpoint == 5
        assert [event.version for event in (await store.read_histories([long.id]))[long.id]] == [1, 2, 3, 4, 5, 6]

    async def test_the_last_event_is_the_newest(self, store: Store) -> None:
        """F7: the event with the highest version; None for an unknown execution."""
        (before,) = await a.started(store, a.row(last_version=3))
        assert await store.last_event(before.id) == a.event(3)
        assert await store.last_event("exec-unknown") is None

    @pytest.mark.parametrize("data", PAYLOADS.values(), ids=PAYLOADS.keys())
    async def test_payloads_come_back_as_they_were_written(self, store: Store, data: bytes) -> None:
        """R9: an event's bytes are never parsed, changed or cut."""
        (before,) = await a.started(store, a.row())
        change = replace(a.append(before), events=[a.event(2, data=data)])
        await store.commit(a.batch(appends=[change]))
        assert (await store.read_history(before.id))[1].data == data
        assert (await store.read_histories([before.id]))[before.id][1].data == data
        last = await store.last_event(before.id)
        assert last is not None
        assert last.data == data
        posted = await store.post(a.message(before.id, payload=data))
        assert posted is not None
        assert [item.payload for item in await store.inbox_of(before.id)] == [data]

    async def test_an_unknown_type_of_event_is_kept(self, store: Store) -> None:
        """F2: a store does not judge: what a newer release wrote is read back as it is."""
        (before,) = await a.started(store, a.row())
        newer = RecordedEvent(2, "made_by_a_newer_release", b'{"x":1}', a.AT_US)
        await store.commit(a.batch(appends=[replace(a.append(before), events=[newer])]))
        assert await store.last_event(before.id) == newer

    async def test_what_waits_for_people_is_listed(self, store: Store) -> None:
        """F19, C18: requests without an answer, of open executions that say so in their row, oldest first."""
        asking: dict[str, Any] = {"current_step": "input review", "status": "waiting"}
        before = await a.started(store, *(a.row(**asking) for _ in range(2)), a.row(last_version=1))
        asked = [
            (1, "input_requested", b'{"number":1,"name":"review","form":{"type":"single_choice"},"prompt":"?"}'),
            (1, "input_requested", b'{"number":2,"name":"other","due_us":9}'),
            (1, "input_received", b'{"number":1,"answer":1}'),
            (0, "input_requested", b'{"number":1,"name":"review"}'),
        ]
        for place, kind, data in asked:
            (row,) = [await a.the_row(store, before[place].id)]
            change = a.append(row, **asking)
            await store.commit(a.batch(appends=[replace(change, events=[a.event(row.last_version + 1, kind, data)])]))
        found = await store.pending_inputs()
        assert [(one.execution_id, one.number, one.name, one.due_us) for one in found] == [
            (before[0].id, 1, "review", None),
            (before[1].id, 2, "other", 9),
        ]
        assert {one.workflow for one in found} == {a.WORKFLOW}
        ended = await a.the_row(store, before[0].id)
        await store.commit(a.batch(appends=[a.append(ended, status="completed", owner=None, current_step=None)]))
        assert [one.execution_id for one in await store.pending_inputs()] == [before[1].id]

    async def test_an_unknown_execution_has_no_row(self, store: Store) -> None:
        """N1: None, not an error: the caller knows what to say."""
        assert await store.get_execution("exec-unknown") is None

    async def test_filters_hold_together(self, store: Store) -> None:
        """N2, N3: workflow, status, step, queue, parent and the beginning of the id, alone and together."""
        rows = await a.started(
            store,
            a.row("order-1", current_step="charge", queue="fast"),
            a.row("order-2", current_step="charge", parent="exec-p", code="0123456789abcdef"),
            a.row("order%3", workflow="flow:other", status="waiting", current_step="ship"),
            a.row("ORDER-4", status="failed", owner=None),
        )

        async def found(**conditions: object) -> list[int]:
            listed = await store.list_executions(ExecutionFilter(**conditions))  # type: ignore[arg-type]
            return sorted(rows.index(each) for each in listed)

        assert await found() == [0, 1, 2, 3]
        assert await found(workflow=a.WORKFLOW) == [0, 1, 3]
        assert await found(statuses=["failed", "waiting"]) == [2, 3]
        assert await found(current_step="charge") == [0, 1]
        assert await found(queue="fast") == [0]
        assert await found(code="0123456789abcdef") == [1]
        assert await found(parent="exec-p") == [1]
        assert await found(id_prefix="order-") == [0, 1]
        assert await found(id_prefix="order%") == [2]
        assert await found(current_step="charge", parent="exec-p", workflow=a.WORKFLOW, statuses=["running"]) == [1]
        assert await found(current_step="charge", workflow="flow:other") == []

    async def test_a_time_range_includes_its_bounds(self, store: Store) -> None:
        """N3: started at the first or the last microsecond counts, one beside it does not."""
        rows = await a.started(
            store, *(a.row(started_at_us=at_us) for at_us in (100, 101, 200, 201)), a.row(started_at_us=None)
        )
        query = ExecutionFilter(started_from_us=101, started_to_us=200)
        assert {each.id for each in await store.list_executions(query)} == {rows[1].id, rows[2].id}

    async def test_lists_are_paged_by_key_newest_first(self, store: Store) -> None:
        """N2: pages follow each other without a gap or a repeat, also where rows were inserted at the same instant."""
        rows = await a.started(store, *(a.row(inserted_at_us=a.AT_US + number // 3) for number in range(10)))
        expected = [each.id for each in sorted(rows, key=lambda each: (each.inserted_at_us, each.id), reverse=True)]
        seen: list[str] = []
        before = None
        while page := await store.list_executions(ExecutionFilter(limit=4, before=before)):
            assert len(page) <= 4
            seen += [each.id for each in page]
            before = (page[-1].inserted_at_us, page[-1].id)
        assert seen == expected

    async def test_executions_are_counted_by_status(self, store: Store) -> None:
        """N8: one number for each status."""
        await a.started(store, a.row(), a.row(), a.waiting(), a.row(status="failed", owner=None))
        counts = await store.count_executions()
        assert {status: count for status, count in counts.items() if count} == {"running": 2, "waiting": 1, "failed": 1}

    async def test_what_a_node_holds_is_listed_and_counted(self, store: Store) -> None:
        """N8: by owner and queue; what nobody holds is nobody's."""
        mine, theirs = a.row(queue="gpu"), a.row(owner=a.OTHER)
        await a.started(store, a.row(), mine, theirs, a.waiting())
        assert await store.count_owned() == {a.OWNER: {mine.queue: 1, a.row().queue: 1}, a.OTHER: {theirs.queue: 1}}
        found = await store.list_executions(ExecutionFilter(owner=a.OTHER))
        assert [each.id for each in found] == [theirs.id]

    async def test_code_versions_count_up(self, store: Store) -> None:
        """G3, G4, G5: 1 at first, the same row for the same source, 2 for changed source; the old row stays."""
        first = await store.register(_code("aaa", source=b'{"flow.py":"x = 1"}', graph=b'{"nodes":[]}'))
        assert (first.version, first.source, first.graph) == (1, b'{"flow.py":"x = 1"}', b'{"nodes":[]}')
        assert first.inserted_at_us > 0
        assert await store.register(_code("aaa")) == first
        second = await store.register(_code("bbb"))
        assert (second.version, second.source, second.graph) == (2, None, None)
        assert await store.get_code("flow:order", version=1) == first

    async def test_going_back_to_earlier_source_works(self, store: Store) -> None:
        """G6: A, B, then A again makes A the newest under a new number; two workflows may have equal source."""
        versions = [(await store.register(_code(digest))).version for digest in ("aaa", "bbb", "aaa")]
        assert versions == [1, 2, 3]
        assert (await store.register(_code("aaa", workflow="flow:twin"))).version == 1
        newest = await store.get_code("flow:order", digest="aaa")
        assert newest is not None
        assert newest.version == 3

    async def test_code_is_found_by_version_digest_or_as_the_newest(self, store: Store) -> None:
        """G11: the newest without a condition; None for what is not there; lists hold the newest of each workflow."""
        await store.register(_code("aaa"))
        second = await store.register(_code("bbb"))
        other = await store.register(_code("ccc", workflow="flow:also"))
        assert await store.get_code("flow:order") == second
        assert await store.get_code("flow:order", version=3) is None
        assert await store.get_code("flow:order", digest="ccc") is None
        assert await store.get_code("flow:order", digest="") is None
        assert await store.get_code("flow:none") is None
        assert await store.list_workflows() == [other, second]

    async def test_code_is_found_by_the_digest_that_executions_carry(self, store: Store) -> None:
        """G1, G7: by its first 16 digits as by the whole; stored is the whole, and one digit less is not enough."""
        whole = "0123456789abcdef" * 4
        stored = await store.register(_code(whole))
        assert (stored.digest, stored.short_digest) == (whole, whole[:16])
        assert await store.get_code("flow:order", digest=stored.short_digest) == stored
        assert await store.get_code("flow:order", digest=whole) == stored
        assert await store.get_code("flow:order", digest=whole[:15]) is None

    async def test_concurrent_registrations_make_one_version(self, store: Store, second_store: Store) -> None:
        """G4: many nodes that start at once with the same source end up with one row."""
        results = await asyncio.gather(*((store, second_store)[n % 2].register(_code("aaa")) for n in range(10)))
        assert {code.version for code in results} == {1}

    async def test_a_row_can_be_rebuilt(self, store: Store) -> None:
        """F9: a blanked row is replaced by the one projected from its history; its epoch never falls."""
        ended, other, owned = await a.started(
            store, a.waiting(status="completed", wake_at_us=None, epoch=4), a.waiting(), a.row()
        )
        await store.rebuild(replace(ended, status="pending", error="blank", started_at_us=None))
        assert (await a.the_row(store, ended.id)).error == "blank"
        await store.rebuild(replace(ended, epoch=0))
        assert await a.the_row(store, ended.id) == ended
        await store.rebuild(replace(other, current_step="charge"))
        assert (await a.the_row(store, other.id)).current_step == "charge"
        with pytest.raises(ForbiddenTransition):
            await store.rebuild(owned)

    async def test_deleting_an_execution_removes_all_of_it(self, store: Store) -> None:
        """F13: its events, logs and messages vanish, others stay; one that is open is refused."""
        before, other = await a.started(store, a.row(last_version=3), a.row())
        with pytest.raises(ForbiddenTransition, match="running"):
            await store.delete_execution(before.id)
        line = LogLine(execution_id=before.id, number=1, step="s", attempt=1, level="info", at_us=1, message="m")
        await store.post(a.message(before.id))
        ends = a.append(before, status="completed", owner=None)
        await store.commit(a.batch(appends=[ends], logs=[line, replace(line, execution_id=other.id)]))
        await store.delete_execution(before.id)
        assert await store.get_execution(before.id) is None
        assert await store.read_history(before.id) == []
        assert await store.read_logs(before.id) == []
        assert await store.inbox_of(before.id) == []
        assert await a.versions(store, other.id) == [1]
        assert len(await store.read_logs(other.id)) == 1
        (again,) = await a.started(store, a.row(before.id))
        assert await a.versions(store, again.id) == [1]

    async def test_log_ids_ascend_from_commit_to_commit(self, store: Store) -> None:
        """M7: a reader that goes on after the last id it saw reads every line once."""
        (before,) = await a.started(store, a.row())
        line = LogLine(execution_id=before.id, number=1, step="s", attempt=1, level="info", at_us=1, message="m")
        for _ in range(3):
            await store.commit(a.batch(logs=[line] * 4))
        ids = [id_ for id_, _ in await store.read_logs(before.id)]
        assert len(ids) == 12
        assert ids == sorted(set(ids))

    async def test_a_workflow_with_executions_cannot_be_deleted(self, store: Store) -> None:
        """F13: refused while there is one; afterwards its versions are gone."""
        await store.register(_code("aaa", workflow=a.WORKFLOW))
        (before,) = await a.started(store, a.waiting(status="failed", wake_at_us=None))
        with pytest.raises(ForbiddenTransition):
            await store.delete_workflow(a.WORKFLOW)
        await store.delete_execution(before.id)
        await store.delete_workflow(a.WORKFLOW)
        assert await store.get_code(a.WORKFLOW) is None
        assert await store.list_workflows() == []

    async def test_readers_see_a_prefix_while_a_writer_appends(self, store: Store, second_store: Store) -> None:
        """I2, I3: every read of a growing history is 1 to n without a gap, and n never falls."""
        (before,) = await a.started(store, a.row())
        lengths: list[int] = []
        written = asyncio.Event()

        async def write() -> None:
            current = before
            for _ in range(30):
                change: Append = a.append(current, count=2)
                await store.commit(a.batch(appends=[change]))
                current = change.row
            written.set()

        async def read() -> None:
            while not written.is_set():
                versions = await a.versions(second_store, before.id)
                assert versions == list(range(1, len(versions) + 1))
                lengths.append(len(versions))

        await asyncio.gather(write(), read())
        assert lengths == sorted(lengths)
        assert await a.versions(second_store, before.id) == list(range(1, 62))
