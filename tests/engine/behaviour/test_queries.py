"""Starting with options, and finding executions again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cerebelum.engine.application import query
from cerebelum.engine.application.client import Handle
from cerebelum.engine.domain.errors import (
    AmbiguousId,
    ExecutionExists,
    ExecutionNotFound,
    InvalidExecutionId,
    UnknownWorkflow,
)
from cerebelum.engine.domain.errors_payload import PayloadNotEncodable
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger, lifecycle, steps


async def test_a_start_keeps_its_options(world: World) -> None:
    """N6, H5: id, queue, priority and time stand on the row."""
    at = datetime.now(UTC) + timedelta(hours=1)
    handle = await world.client.start(lifecycle.quick, "x", id="order-1042", queue="slow", priority=7, scheduled_at=at)
    row = (await handle.describe()).row
    assert (row.id, row.workflow, row.queue, row.priority) == ("order-1042", "quick", "slow", 7)
    assert row.scheduled_at_us == int(at.timestamp() * 1_000_000)
    assert bytes((await handle.describe()).state.input) == b'{"text":"x"}'


async def test_a_start_with_a_known_id_returns_the_execution_there_is(world: World) -> None:
    """H13: one execution, one run, the same result; or an error where that is asked for."""
    first = await world.client.start(lifecycle.quick, "first", id="order-1")
    again = await world.client.start(lifecycle.quick, "second", id="order-1")
    assert (first.existed, again.existed) == (False, True)
    assert await again.result(PATIENCE_S) == await first.result(PATIENCE_S) == "first"
    assert len(await world.client.list()) == 1
    with pytest.raises(ExecutionExists, match="order-1"):
        await world.client.start(lifecycle.quick, id="order-1", if_exists="fail")


async def test_of_many_starts_with_one_id_one_wins(world: World) -> None:
    """H13: also when they come at once."""
    handles = await asyncio.gather(*(world.client.start(lifecycle.quick, str(n), id="order-2") for n in range(8)))
    assert sorted(handle.existed for handle in handles) == [False] + [True] * 7
    assert len({await handle.result(PATIENCE_S) for handle in handles}) == 1


async def test_a_start_may_replace_what_is_there(world: World) -> None:
    """H13: the open execution is cancelled and removed, and a new one runs."""
    await world.until_status(await world.client.start(lifecycle.long_wait, id="order-3"), "waiting")
    handle = await world.client.start(lifecycle.quick, "new", id="order-3", if_exists="replace")
    assert await handle.result(PATIENCE_S) == "new"
    assert [row.workflow for row in await world.client.list()] == ["quick"]


async def test_a_workflow_can_be_started_by_its_name(world: World) -> None:
    """A29, H7: once it was registered; an unknown name is an error that lists the known ones, and stores nothing."""
    await world.client.register(lifecycle.quick)
    handle: Handle[str] = await world.client.start("quick", text="by name")
    assert await handle.result(PATIENCE_S) == "by name"
    with pytest.raises(UnknownWorkflow, match="quick"):
        await world.client.start("quack")
    assert len(await world.client.list()) == 1


async def test_input_that_cannot_be_stored_is_refused_at_the_start(world: World) -> None:
    """H7, R10: the caller is told, and nothing is stored."""
    with pytest.raises(PayloadNotEncodable, match="text"):
        await world.client.start(lifecycle.quick, object())
    with pytest.raises(InvalidExecutionId):
        await world.client.start(lifecycle.quick, id="not an id")
    with pytest.raises(TypeError, match=r"unexpected|argument"):
        await world.client.start(lifecycle.quick, nonsense=1)
    assert await world.client.list() == []


async def test_many_executions_start_in_few_commits(world: World) -> None:
    """N6: a thousand starts share commits, and each ends with its own result."""
    await world.engine.start_node()
    before = world.node.journal.commit_count
    handles = await world.client.start_many(lifecycle.quick, [(str(n),) for n in range(1_000)])
    assert world.node.journal.commit_count - before < 100
    assert [await handle.result(PATIENCE_S) for handle in handles] == [str(n) for n in range(1_000)]


async def test_listing_filters_and_limits(world: World) -> None:
    """N2: by workflow and status, newest first, no more than asked for."""
    waiting = await world.client.start_many(lifecycle.long_wait, [()] * 6)
    done = await world.client.start(lifecycle.quick)
    await done.result(PATIENCE_S)
    for handle in waiting:
        await world.until_status(handle, "waiting")
    assert {row.id for row in await world.client.list(statuses=("waiting",))} == {handle.id for handle in waiting}
    assert len(await world.client.list(workflow="long_wait", limit=4)) == 4
    assert [row.id for row in await world.client.list(limit=1)] == [done.id]
    assert await world.client.list(workflow="quick", statuses=("failed",)) == []


async def test_all_conditions_hold_together(world: World) -> None:
    """N3: workflow, current step, status and time; both bounds are included."""
    handle = await world.client.start(lifecycle.three_steps)
    other = await world.client.start(lifecycle.three_steps)
    for each in (handle, other):
        await world.at_gate(each, "one")
    ledger.gate(handle.id, "one").set()
    row = (await world.until(handle, lambda view: view.row.current_step == "two")).row
    started = row.started_at_us
    assert started is not None
    asked = {"workflow": "three_steps", "current_step": "two", "statuses": ("running",)}
    for first, last, found in (
        (started, started, 1),
        (started + 1, None, 0),
        (None, started - 1, 0),
        (started - 1, started + 1, 1),
    ):
        rows = await world.client.list(**asked, started_from_us=first, started_to_us=last)
        assert len(rows) == found, (first, last)


async def test_an_id_may_be_given_in_part(world: World) -> None:
    """N1: a unique prefix, or the newest, or the newest that failed; a prefix of several is refused."""
    for name in ("order-10", "order-11", "invoice-7"):
        await (await world.client.start(lifecycle.quick, id=name)).result(PATIENCE_S)
    bad = await world.client.start(steps.raises_itself, id="bad-1")
    await world.until_status(bad, "failed")
    await (await world.client.start(lifecycle.quick, id="last-1")).result(PATIENCE_S)
    engine = world.engine
    assert await query.resolve_id(engine, "inv") == "invoice-7"
    assert await query.resolve_id(engine, "@last") == "last-1"
    assert await query.resolve_id(engine, "@last-failed") == "bad-1"
    with pytest.raises(AmbiguousId, match="order-1"):
        await query.resolve_id(engine, "order-1")
    with pytest.raises(ExecutionNotFound, match="order-10 "):
        await query.resolve_id(engine, "order-10x")
