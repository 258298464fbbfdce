"""Updates: checked before anything is recorded, carried out once, answered to whoever asked."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from cerebelum import UpdateFailed, UpdateRefused
from cerebelum.engine.application.client import Client
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ExecutionNotFound, ForbiddenTransition, WaitTimedOut
from cerebelum.engine.testing.crashes import crash_everywhere
from cerebelum.engine.testing.invariants import check_store
from tests.engine.world import PATIENCE_S, World
from tests.flows import ledger, listening
from tests.flows.listening import Limit

WAIT_S = PATIENCE_S


async def test_an_update_is_carried_out_and_answered(world: World) -> None:
    """C6: the handler runs steps, changes the workflow's state, and its result is the answer."""
    handle = await world.client.start(listening.account, 10)
    assert await handle.update("set_limit", Limit(20, "rise"), timeout_s=WAIT_S) == 10
    assert await handle.update("set_limit", new={"amount": 30}, timeout_s=WAIT_S) == 20
    assert await handle.update("close", timeout_s=WAIT_S) == "closed"
    assert await handle.result(PATIENCE_S) == ["20 rise", "30"]
    assert ledger.effects[handle.id] == ["20 rise", "30"]
    assert len(await world.events(handle, ev.UpdateCompleted)) == 3


async def test_what_the_validator_refuses_is_not_recorded(world: World) -> None:
    """C13: the caller gets the validator's words, and the history does not grow by an event."""
    handle = await world.client.start(listening.account, 10)
    await handle.update("set_limit", Limit(20), timeout_s=WAIT_S)
    before = await handle.history()
    with pytest.raises(UpdateRefused, match="15 is not above 20") as refused:
        await handle.update("set_limit", Limit(15), timeout_s=WAIT_S)
    assert (refused.value.update, refused.value.reason) == ("set_limit", "15 is not above 20")
    assert await handle.history() == before
    assert await world.store.inbox_of(handle.id) == []


@pytest.mark.parametrize("arguments", [("much",), (), (Limit(1), 2), ({"amount": "many"},)])
async def test_arguments_that_do_not_fit_are_refused(world: World, arguments: tuple[Any, ...]) -> None:
    """C13: the handler's own annotations are checked before anything is recorded."""
    handle = await world.client.start(listening.account, 10)
    with pytest.raises(UpdateRefused):
        await handle.update("set_limit", *arguments, timeout_s=WAIT_S)
    assert await world.events(handle, ev.UpdateAccepted) == []


@pytest.mark.parametrize(
    "how, message", [("raise", "KeyError"), ("error", "not today"), ("unencodable", "PayloadNotEncodable")]
)
async def test_a_handler_that_fails_fails_the_update_only(world: World, how: str, message: str) -> None:
    """C10: the caller is told, and the workflow goes on."""
    handle = await world.client.start(listening.account, 10)
    with pytest.raises(UpdateFailed, match=message):
        await handle.update("fail", how, timeout_s=WAIT_S)
    await handle.update("close", timeout_s=WAIT_S)
    assert await handle.result(PATIENCE_S) == []


async def test_a_key_is_carried_out_once_and_gives_the_same_outcome(world: World) -> None:
    """C9, I11: repeated before, during and after, accepted or refused, by whoever."""
    handle = await world.client.start(listening.account, 10)
    update = handle.update
    both = await asyncio.gather(*(update("set_limit", Limit(20), key="a", timeout_s=WAIT_S) for _ in range(2)))
    assert both == [10, 10]
    assert await update("set_limit", Limit(20), key="a", timeout_s=WAIT_S) == 10
    for _ in range(2):
        with pytest.raises(UpdateRefused, match="5 is not above 20"):
            await update("set_limit", Limit(5), key="b", timeout_s=WAIT_S)
    await update("close", key="c", timeout_s=WAIT_S)
    assert await handle.result(PATIENCE_S) == ["20"]
    assert await update("close", key="c", timeout_s=WAIT_S) == "closed"  # the history still knows
    assert len(await world.events(handle, ev.UpdateAccepted)) == 2


async def test_another_process_learns_the_outcome(world: World) -> None:
    """C8: accepted and refused, through the store alone."""
    handle = await world.client.start(listening.account, 10)
    elsewhere = Client(Engine(world.store, world.codec), node=False).handle(handle.id)
    assert await elsewhere.update("set_limit", Limit(20), timeout_s=WAIT_S) == 10
    with pytest.raises(UpdateRefused, match="2 is not above 20"):
        await elsewhere.update("set_limit", Limit(2), timeout_s=WAIT_S)
    await elsewhere.update("close", timeout_s=WAIT_S)
    assert await handle.result(PATIENCE_S) == ["20"]


async def test_an_early_update_waits_for_its_handler(world: World) -> None:
    """C9: sent while an earlier step runs, it is taken when the code declares it."""
    handle = await world.client.start(listening.declares_late)
    await world.at_gate(handle)
    early = asyncio.ensure_future(handle.update("tell", "hello", timeout_s=WAIT_S))
    async with asyncio.timeout(PATIENCE_S):
        while not await world.store.inbox_of(handle.id):  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0.005)
    ledger.gate(handle.id).set()
    assert await early == 1
    assert await handle.result(PATIENCE_S) == "hello"


async def test_a_workflow_that_returns_waits_for_its_handlers(world: World) -> None:
    """C6: an update that was accepted is carried out, also when the workflow's own code is done."""
    handle = await world.client.start(listening.ends_first)
    held = asyncio.ensure_future(handle.update("hold", timeout_s=WAIT_S))
    await world.at_gate(handle)
    await handle.signal("go")
    await world.until(handle, lambda view: not any(wait.kind == "signal" for wait in view.state.open.values()))
    ledger.gate(handle.id).set()
    assert await held == "held"
    assert await handle.result(PATIENCE_S) == "done"


async def test_an_update_that_nobody_takes_is_refused_at_the_end(world: World) -> None:
    """H11: a caller does not wait for an execution that is over."""
    handle = await world.client.start(listening.never_declares)
    waiting = asyncio.ensure_future(handle.update("tell", timeout_s=WAIT_S))
    await world.until_status(handle, "waiting")
    await handle.signal("go")
    with pytest.raises((UpdateRefused, ForbiddenTransition), match="completed"):
        await waiting


async def test_an_ended_or_unknown_execution_takes_no_update(world: World) -> None:
    """H3, H11: refused with the status named; an unknown id is not found."""
    handle = await world.client.start(listening.account, 1)
    await handle.update("close", timeout_s=WAIT_S)
    await handle.result(PATIENCE_S)
    with pytest.raises(ForbiddenTransition, match="Cannot update execution in completed state"):
        await handle.update("close")
    with pytest.raises(ExecutionNotFound):
        await world.client.handle("exec-nowhere").update("close")


async def test_a_paused_execution_considers_it_when_it_goes_on(world: World) -> None:
    """H4: nothing happens while it is paused, and nothing is lost."""
    handle = await world.client.start(listening.account, 10)
    await handle.pause()
    await world.until_status(handle, "paused")
    with pytest.raises(WaitTimedOut):
        await handle.update("set_limit", Limit(20), key="k", timeout_s=0.05)
    assert await world.events(handle, ev.UpdateAccepted) == []
    await handle.resume()
    assert await handle.update("set_limit", Limit(20), key="k", timeout_s=WAIT_S) == 10


async def test_an_update_survives_a_crash(world: World) -> None:
    """C4: sent while no process runs it, it reaches the one that takes over; state that updates made is made again."""
    handle = await world.client.start(listening.account, 10)
    await handle.update("set_limit", Limit(20), timeout_s=WAIT_S)
    await world.crash()
    sent = asyncio.ensure_future(handle.update("set_limit", Limit(30), timeout_s=WAIT_S))
    handle = (await world.come_back(listening.account)).handle(handle.id)
    assert await sent == 20
    assert await handle.query("state") == {"limit": 30, "closed": False}
    await handle.update("close", timeout_s=WAIT_S)
    assert await handle.result(PATIENCE_S) == ["20", "30"]


async def test_who_waits_for_an_update_rests_until_it_comes(world: World) -> None:
    """C3, C20, I12: it is shown as waiting, leaves memory, and an update wakes it."""
    handle = await world.client.start(listening.account, 10)
    view = await world.until_status(handle, "waiting")
    assert view.row.current_step == "wait_until"
    async with asyncio.timeout(PATIENCE_S):
        while handle.id in world.node.resident:
            world.move_clock_on(10_000_000)
            await asyncio.sleep(0.05)
    row = (await handle.describe()).row
    assert (row.status, row.owner, row.wake_at_us) == ("waiting", None, None)
    workflows = {"account": listening.account}
    assert await check_store(world.store, world.codec, workflows, must_have_ended=False) == []
    assert await handle.query("state") == {"limit": 10, "closed": False}
    assert await handle.update("close", timeout_s=WAIT_S) == "closed"


async def test_a_plain_workflow_takes_updates(world: World) -> None:
    """C6: in the plain form the handler calls its step without `await`."""
    handle = await world.client.start(listening.plain_account, 1)
    assert await handle.query("limit") == 1
    assert await handle.update("set_limit", 7, timeout_s=WAIT_S) == 7
    assert await handle.result(PATIENCE_S) == 7


async def test_an_unfinished_update_is_carried_out_by_the_next_run(world: World) -> None:
    """E12: a workflow that is retried after a failure finds what it had accepted."""
    listening.RUNS.clear()
    handle = await world.client.start(listening.tries_again)
    told = asyncio.ensure_future(handle.update("tell", "it", timeout_s=WAIT_S))
    await world.until(handle, lambda view: any(wait.name == "never" for wait in view.state.open.values()))
    await handle.signal("go", handle.id)
    await world.until(handle, lambda view: view.state.run == 2)
    await handle.signal("go", handle.id)
    assert await told == "told it"
    assert await handle.result(PATIENCE_S) == "it"


async def test_updates_survive_a_crash_after_every_event(make_engine: Any) -> None:
    """C4, I8: from each prefix of the history the same outcome, and no accepted update is lost."""

    async def drive(client: Client, execution_id: str) -> None:
        handle = client.handle(execution_id)
        await handle.update("set_limit", Limit(20), timeout_s=WAIT_S)
        await handle.update("set_limit", dataclasses.replace(Limit(30), reason="again"), timeout_s=WAIT_S)
        await handle.update("close", timeout_s=WAIT_S)

    whole = await crash_everywhere(make_engine, listening.account, [10], drive=drive)
    assert whole.content == b'["20","30 again"]'
