"""Flows: every kind of block, and the founding documents' examples, on each store."""

from __future__ import annotations

from typing import Any

import pytest

from cerebelum import ExecutionFailed
from cerebelum.engine.domain import events as ev
from tests.engine.world import World
from tests.flows import founding, graphs
from tests.flows.ledger import effects, gate


async def _places(world: World, handle: Any) -> list[str]:
    return [event.place for event in await world.events(handle, ev.StepScheduled)]


@pytest.mark.parametrize(
    "flow,input_,output",
    [
        (graphs.steps, {}, 1),
        (graphs.chosen, {"kind": "a"}, {"kind": "a", "n": 1}),
        (graphs.chosen, {"kind": "unknown"}, {"kind": "unknown"}),
        (graphs.switched, {"kind": "billing"}, 1),
        (graphs.switched, {"kind": "technical"}, 2),
        (graphs.at_once, {}, 4),
        (graphs.each, {"items": []}, []),
        (graphs.each, {"items": [1, 2, 3]}, [2, 4, 6]),
        (graphs.each_at_once, {"items": [1, 2, 3]}, [2, 4, 6]),
        (graphs.with_child, {}, [10, 1]),
        (graphs.edges, {}, 4),
        (graphs.merged, {}, {"n": 10}),
        (graphs.Pauses, {}, {"slept": True, "spread": True, "left": 1, "right": 1}),
    ],
)
async def test_each_block_gives_what_it_should(world: World, flow: Any, input_: Any, output: Any) -> None:
    """A33, A34, A37, A39, A40, A41, B12: blocks run what they hold, fall through where nothing fits, and join."""
    assert await world.run(flow, input_) == output


async def test_each_pass_is_a_record_of_its_own(world: World) -> None:
    """A35, A36: a loop of three passes shows its step three times, with the indexes 0, 1, 2."""
    handle = await world.client.start(graphs.looped, {})
    await handle.result(20)
    assert await _places(world, handle) == ["again[0]/one", "again[1]/one", "again[2]/one"]
    assert await world.run(graphs.looped, {"n": 3}) == {"n": 3}


async def test_a_crash_in_a_pass_resumes_in_that_pass(world: World) -> None:
    """A36: a crash in the second pass goes on in the second pass, and the first is not run again."""
    handle = await world.client.start(graphs.held, {})
    await world.at_gate(handle)
    handle = await world.crash_and_come_back(handle, graphs.held)
    gate(handle.id).set()
    await handle.result(20)
    assert [place for place in await _places(world, handle) if "one" in place] == ["again[0]/one", "again[1]/one"]
    assert effects[handle.id].count("one") == 2


async def test_a_loop_that_never_ends_is_stopped(world: World) -> None:
    """A17: max_iterations=5 fails the sixth pass with an error that carries the iteration."""
    for flow in (graphs.endless, graphs.Rounds):
        handle = await world.client.start(flow, {})
        with pytest.raises(ExecutionFailed, match=r"max_iterations=5 .*iteration 5"):
            await handle.result(20)


async def test_siblings_of_a_failed_branch_are_recorded_and_undone(world: World) -> None:
    """A38: one branch fails for good; the other's outcome is recorded, and it is compensated."""
    handle = await world.client.start(graphs.failing_branch, {})
    with pytest.raises(ExecutionFailed, match="broken"):
        await handle.result(20)
    assert effects[handle.id] == ["one", "undo 1"]
    assert await _places(world, handle) == ["both/0/one", "both/1/fail", "both/0/one/undo_one"]


async def test_what_branches_contradict_is_reported(world: World) -> None:
    """B12: two branches that put different values under one key fail the join, which names the key."""
    handle = await world.client.start(graphs.conflicting, {})
    with pytest.raises(ExecutionFailed, match="side"):
        await handle.result(20)


async def test_a_value_that_is_no_outcome_fails_the_execution(world: World) -> None:
    """A4: a function that returns 42 fails with that very text."""
    handle = await world.client.start(graphs.Wrong, {})
    with pytest.raises(ExecutionFailed, match="Invalid function return value: 42"):
        await handle.result(20)


async def test_waits_in_blocks_take_signals(world: World) -> None:
    """A41: a wait inside a branch inside a loop resumes at its place after a crash."""
    handle = await world.client.start(graphs.nested_wait, {})
    await world.until_status(handle, "waiting")
    handle = await world.crash_and_come_back(handle, graphs.nested_wait)
    await handle.signal("go", 1)
    assert (await handle.result(20))["n"] == 2
    handle = await world.client.start(graphs.waits, {})
    await handle.signal("go", {"x": 1})
    assert await handle.result(20) == {"x": 1}


@pytest.mark.parametrize(
    "total,place",
    [(5_000, "check_amount/medium_value/charge_with_verification"), (10, "check_amount/low_value/charge_standard")],
)
async def test_the_order_workflow(world: World, total: int, place: str) -> None:
    """A28, A30, A33: OrderWorkflow runs its steps in order, and of the decision the matching branch alone."""
    handle = await world.client.start(founding.order_workflow, {"order_id": "123", "total": total})
    await handle.result(20)
    assert await _places(world, handle) == ["validate_order", "check_amount", place, "ship"]
    assert founding.order_workflow.max_retries == 3
    assert founding.order_workflow.timeout_us == 7_200_000_000


async def test_the_order_workflow_waits_for_its_review(world: World) -> None:
    """A33, A41: an order of 20,000 is reviewed, and the wait inside the branch takes the signal."""
    handle = await world.client.start(founding.order_workflow, {"order_id": "123", "total": 20_000})
    await handle.signal("approved", True)
    assert await handle.result(20) == {"order": "123", "charge": None}
    assert effects[handle.id] == ["review", "ship"]


async def test_process_order_takes_every_edge_that_matches(world: World) -> None:
    """A1, A2, A8, A10, A11: both matching edges run from the same state, and where they meet the node runs once."""
    handle = await world.client.start(founding.ProcessOrder, {"order_id": "123", "total": 20})
    output = await handle.result(20)
    assert output["seen"] == ["start", "validate", "reserve", "charge", "confirm"]
    history = [(type(event).__name__, getattr(event, "place", "")) for event in
               [*(recorded.event() for recorded in await handle.history())]]  # fmt: skip
    scheduled = [index for index, (_, place) in enumerate(history) if place in ("reserve", "charge")]
    assert scheduled[1] == scheduled[0] + 1  # both began before either ended
    assert (await handle.describe()).row.workflow == "tests.flows.founding.ProcessOrder"
    assert (await world.run(founding.ProcessOrder, {"total": 5}))["seen"] == ["start", "validate", "reserve", "confirm"]
    assert (await world.run(founding.ProcessOrder, {"total": 0}))["refused"] is True


async def test_book_travel_is_undone(world: World) -> None:
    """A43, B8: error("declined") counts as a failure; the bookings are undone, reading state() and their results."""
    assert await world.run(founding.book_travel, {}) == "paid"
    handle = await world.client.start(founding.book_travel, {"declined": True})
    with pytest.raises(ExecutionFailed, match="declined"):
        await handle.result(20)
    assert sorted(effects[handle.id][:2]) == ["book F1", "book H1"]
    assert sorted(effects[handle.id][2:]) == ["cancel F1", "cancel H1"]
    assert len(await world.events(handle, ev.StepFailedEvent)) == 2


async def test_an_api_that_fails_twice_takes_three_passes(world: World) -> None:
    """A35: the predicate reads ctx.success and ctx.current_retry before every pass."""
    handle = await world.client.start(founding.retrying, {})
    assert (await handle.result(20))["current_retry"] == 3
    assert await _places(world, handle) == [f"retry[{index}]/call_api" for index in range(3)]


async def test_a_flow_that_naps_is_woken_with_data(world: World) -> None:
    """C19: resume ends the delay of a flow at once; its next step reads the data beside the context, after a crash too."""
    handle = await world.client.start(graphs.naps, {})
    await world.until_status(handle, "waiting")
    await world.crash()
    await handle.resume({"coupon": 7})
    handle = (await world.come_back(graphs.naps)).handle(handle.id)
    assert await handle.result(20) == [1, {"coupon": 7}]
