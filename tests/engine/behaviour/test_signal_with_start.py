"""`signal_with_start`: whoever comes first starts the execution, and no signal is lost on the way."""

from __future__ import annotations

import asyncio

import pytest

from cerebelum.engine.application.client import Client
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import ForbiddenTransition
from cerebelum.engine.domain.errors_payload import ArgumentError
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
