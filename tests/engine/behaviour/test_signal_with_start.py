"""`signal_with_start`: whoever comes first starts the execution, and no signal is lost on the way."""

from __future__ import annotations

import asyncio

import pytest

from cerebelum.engine.application.client import Client
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ForbiddenTransition
from cerebelum.engine.domain.errors_payload import ArgumentError
from cerebelum.engine.ports.store import Message
from tests.engine.world import PATIENCE_S, World
from tests.flows import listening


async def test_it_starts_what_is_not_there(world: World) -> None:
    """C9: the signal lies in the inbox when the execution begins."""
    start = world.client.signal_with_start
    handle = await start(listening.greets, "hello", id="greeting-1", signal="name", payload="Ada")
    assert (handle.id, handle.existed) == ("greeting-1", False)
    assert await handle.result(PATIENCE_S) == "hello Ada"


async def test_it_signals_what_is_open(world: World) -> None:
    """C9: the arguments of the start are not used then; the same key is delivered once."""
    start = world.client.signal_with_start
    first = await start(listening.in_order, 3, id="items-1", signal="item", payload=1, key="one")
    for payload, key in ((1, "one"), (2, "two"), (2, "two"), (3, "")):
        again = await start(listening.in_order, 99, id="items-1", signal="item", payload=payload, key=key)
        assert again.existed
    assert await first.result(PATIENCE_S) == [1, 2, 3]


async def test_what_has_ended_is_not_started_again(world: World) -> None:
    """H3, H11: refused, naming the status."""
    start = world.client.signal_with_start
    await (await start(listening.greets, "hello", id="greeting-2", signal="name", payload="Ada")).result(PATIENCE_S)
    with pytest.raises(ForbiddenTransition, match="completed"):
        await start(listening.greets, "hello", id="greeting-2", signal="name", payload="Bob")


async def test_input_that_does_not_fit_starts_nothing(world: World) -> None:
    """A22: the refusal comes before anything is stored."""
    with pytest.raises(ArgumentError):
        await world.client.signal_with_start(listening.greets, id="greeting-3", signal="name")
    assert await world.store.get_execution("greeting-3") is None


async def test_many_at_once_start_one_and_lose_none(world: World) -> None:
    """C9: twenty callers in two processes: one execution, which gets each signal once."""
    other = Client(Engine(world.store, world.codec), node=False)
    callers = [world.client if number % 2 else other for number in range(20)]
    handles = await asyncio.gather(
        *(
            caller.signal_with_start(listening.in_order, 20, id="items-2", signal="item", payload=number)
            for number, caller in enumerate(callers)
        )
    )
    assert sum(not handle.existed for handle in handles) == 1
    assert sorted(await handles[1].result(PATIENCE_S)) == list(range(20))


async def test_signals_of_one_sender_come_in_order(world: World) -> None:
    """I11: beside another sender's, and over a crash, each sender's are taken in the order it sent them."""
    handle = await world.client.start(listening.in_order, 40)
    elsewhere = Client(Engine(world.store, world.codec), node=False).handle(handle.id)

    async def send(by: int, numbers: range) -> None:
        for number in numbers:
            await (handle if by else elsewhere).signal("item", [by, number])

    await asyncio.gather(send(0, range(10)), send(1, range(10)))
    handle = await world.crash_and_come_back(handle, listening.in_order)
    await asyncio.gather(send(0, range(10, 20)), send(1, range(10, 20)))
    taken = await handle.result(PATIENCE_S)
    for by in (0, 1):
        assert [number for sender, number in taken if sender == by] == list(range(20))
    assert len(await world.events(handle, ev.SignalReceived)) == 40


async def test_a_signal_does_not_overtake_one_that_came_while_it_was_taken_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I11: the first is stored after its inbox was read for that, the second once it is in memory: they come in order."""
    handle = await world.client.start(listening.in_order, 2)
    await world.until_status(handle, "waiting")
    await world.crash()
    store, read, go_on, may_read = world.store, asyncio.Event(), asyncio.Event(), asyncio.Event()
    inbox = store.inbox

    async def held(owner: str, *, after_id: int = 0) -> list[Message]:
        row = await store.get_execution(handle.id)
        if row is None or row.owner != owner:
            return await inbox(owner, after_id=after_id)
        if read.is_set():  # after it was taken up
            await may_read.wait()
            return await inbox(owner, after_id=after_id)
        found = await inbox(owner, after_id=after_id)
        read.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(store, "inbox", held)
    handle = (await world.come_back(listening.in_order)).handle(handle.id)
    await world.engine.start_node()
    async with asyncio.timeout(PATIENCE_S):
        await read.wait()
        await handle.signal("item", 1)
        go_on.set()
        while handle.id not in world.node.resident:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
    await handle.signal("item", 2)
    may_read.set()
    assert await handle.result(PATIENCE_S) == [1, 2]
