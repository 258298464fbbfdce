"""Signals: never lost, taken once, matched, and waited for no longer than the timeout."""

from __future__ import annotations

import pytest

from cerebelum import ExecutionFailed
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ExecutionNotFound, ForbiddenTransition
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger, waiting


async def test_a_wait_returns_the_payload_of_the_signal(world: World) -> None:
    """C6: the execution waits, from anywhere a signal comes, and the wait returns what it carries."""
    handle = await world.client.start(waiting.waits_for_payment, 123)
    view = await world.until_status(handle, "waiting")
    assert view.row.current_step == "signal payment"
    await handle.signal("payment", {"order_id": 123, "paid": True})
    assert await handle.result(PATIENCE_S) == {"order_id": 123, "paid": True}


async def test_a_signal_that_does_not_match_is_left_aside(world: World) -> None:
    """C7: the wait goes on until one comes that fits; only that one is consumed."""
    handle = await world.client.start(waiting.waits_for_payment, 123)
    await world.until_status(handle, "waiting")
    await handle.signal("payment", {"order_id": 999})
    await world.until(handle, lambda view: bool(view.state.signals))
    assert (await world.until_status(handle, "waiting")).state.open
    await handle.signal("payment", {"order_id": 123})
    assert await handle.result(PATIENCE_S) == {"order_id": 123}
    received = [e.version for e in await handle.history() if e.type == "signal_received"]
    assert [done.signal for done in await world.events(handle, ev.WaitCompleted)] == received[1:]


async def test_a_signal_from_a_client_without_a_node_arrives(world: World) -> None:
    """C8: any process that reaches the store can send."""
    handle = await world.client.start(waiting.waits_for_payment, 1)
    await world.until_status(handle, "waiting")
    await world.crash()
    assert await handle.signal("payment", {"order_id": 1})
    handle = (await world.come_back(waiting.waits_for_payment)).handle(handle.id)
    assert await handle.result(PATIENCE_S) == {"order_id": 1}


async def test_a_signal_to_an_unknown_execution_is_an_error(world: World) -> None:
    """C8: nothing is stored for an id that nobody has."""
    with pytest.raises(ExecutionNotFound, match="exec-nowhere"):
        await world.client.handle("exec-nowhere").signal("go")


async def test_a_signal_to_an_ended_execution_is_refused(world: World) -> None:
    """C8, H3: nobody will ever read it, so the sender is told."""
    handle = await world.client.start(waiting.naps, 0.0)
    await handle.result(PATIENCE_S)
    with pytest.raises(ForbiddenTransition, match="completed"):
        await handle.signal("go")


async def test_a_signal_that_comes_before_the_wait_is_kept(world: World) -> None:
    """C9: sent while an earlier step runs, it is there when the code begins to wait."""
    handle = await world.client.start(waiting.works_then_waits)
    await world.at_gate(handle)
    await handle.signal("go", "early")
    await world.until(handle, lambda view: bool(view.state.signals))
    ledger.gate(handle.id).set()
    assert await handle.result(PATIENCE_S) == "early"


async def test_signals_are_taken_once_and_in_order(world: World) -> None:
    """C9, I11: each accepted signal is taken by one wait, the oldest first; a key that is repeated counts once."""
    handle = await world.client.start(waiting.waits_twice)
    assert await handle.signal("go", 1, key="one")
    await handle.signal("go", "again", key="one")
    await handle.signal("go", 2, key="two")
    assert await handle.result(PATIENCE_S) == [1, 2]


async def test_a_wait_survives_a_crash_and_repeats_nothing(world: World) -> None:
    """C4, C5: work before the wait is done once, and the signal reaches the process that took over."""
    handle = await world.client.start(waiting.works_waits_works)
    await world.until_status(handle, "waiting")
    handle = await world.crash_and_come_back(handle, waiting.works_waits_works)
    await handle.signal("go", "on")
    assert await handle.result(PATIENCE_S) == ["before", "on", "after"]
    assert ledger.effects[handle.id] == ["before", "after"]


async def test_a_timeout_can_be_caught(world: World) -> None:
    """C10: the wait ends with an outcome that the code can handle."""
    assert await world.run(waiting.waits_and_catches, 0.05) == "never after 0.05 s"


async def test_a_timeout_that_nobody_catches_fails_the_execution(world: World) -> None:
    """C10: the error names the signal."""
    with pytest.raises(ExecutionFailed, match="'never'") as failed:
        await world.run(waiting.waits_in_vain, 0.05)
    assert failed.value.error_type == "SignalTimedOut"


async def test_a_wait_times_out_at_its_original_time_after_a_crash(world: World) -> None:
    """C4, C10: the timeout is durable too."""
    handle = await world.client.start(waiting.waits_in_vain, 0.3)
    await world.until_status(handle, "waiting")
    (wait,) = await world.events(handle, ev.WaitStarted)
    handle = await world.crash_and_come_back(handle, waiting.waits_in_vain)
    with pytest.raises(ExecutionFailed):
        await handle.result(PATIENCE_S)
    assert await world.events(handle, ev.WaitStarted) == [wait]
    (late,) = [recorded for recorded in await handle.history() if recorded.type == "wait_timed_out"]
    assert wait.due_us is not None
    assert late.at_us >= wait.due_us
