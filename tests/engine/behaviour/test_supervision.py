"""Components that fail are restarted alone; one that keeps failing stops the node loudly. And several engines at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cerebelum.connect import connect, connect_blocking
from cerebelum.engine.runtime.supervisor import ComponentFailed, Supervisor
from tests.engine.world import PATIENCE_S, World
from tests.flows import lifecycle, steps, waiting

COMPONENTS = (
    "journal", "timers", "step pulse", "dispatcher", "takeover", "store watch", "results", "sweep",
)  # fmt: skip


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0.005)


async def test_a_component_that_fails_is_restarted_alone() -> None:
    """V9, E19: the others keep running and keep their state."""
    supervisor = Supervisor(first_backoff_s=0.001)
    runs = {"good": 0, "bad": 0}

    async def good() -> None:
        runs["good"] += 1
        await asyncio.Event().wait()

    async def bad() -> None:
        runs["bad"] += 1
        if runs["bad"] < 3:
            raise RuntimeError("fell over")
        await asyncio.Event().wait()

    supervisor.add("good", good)
    supervisor.add("bad", bad)
    await until(lambda: runs["bad"] == 3)
    assert runs["good"] == 1
    assert supervisor.restarts == {"bad": 2}
    assert supervisor.components == ("good", "bad")
    await supervisor.stop()


async def test_components_stop_in_reverse_order() -> None:
    """V9: the newest first."""
    supervisor, stopped = Supervisor(), []

    def component(name: str) -> Callable[[], Any]:
        async def run() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                stopped.append(name)

        return run

    for name in ("first", "second", "third"):
        supervisor.add(name, component(name))
    await asyncio.sleep(0)
    await supervisor.stop()
    assert stopped == ["third", "second", "first"]


async def test_a_component_that_keeps_failing_ends_it_with_a_message() -> None:
    """V9: after so many restarts; the message names the component and its error."""
    supervisor = Supervisor(most_restarts=2, first_backoff_s=0.001)

    async def bad() -> None:
        raise RuntimeError("no use")

    supervisor.add("timers", bad)
    with pytest.raises(ComponentFailed, match="timers keeps failing: RuntimeError: no use"):
        await asyncio.wait_for(asyncio.shield(supervisor.failed), PATIENCE_S)
    assert supervisor.restarts == {"timers": 3}
    await supervisor.stop()


@pytest.mark.parametrize("component", COMPONENTS)
async def test_a_node_outlives_the_failure_of_any_component(world: World, component: str) -> None:
    """V9, E19: it is restarted alone, and executions that wait, sleep or start afterwards all end."""
    waiter = await world.client.start(lifecycle.long_wait)
    sleeper = await world.client.start(waiting.naps, 0.2)
    for handle in (waiter, sleeper):
        await world.until_status(handle, "waiting")
    await world.node.journal.drained()  # it stands idle: an error of the store is another matter
    supervisor = world.node.supervisor
    assert component in supervisor.components
    _break(supervisor, component)
    await until(lambda: supervisor.restarts.get(component) == 1)
    await waiter.signal("go", "on")
    assert await waiter.result(PATIENCE_S) == "on"
    assert await sleeper.result(PATIENCE_S) == ["before", "after"]
    assert await world.run(steps.in_order, []) == ["a", "b", "c"]
    assert set(supervisor.restarts) == {component}


def _break(supervisor: Supervisor, component: str) -> None:
    """Throw an error into the component where it waits now."""
    task = supervisor._tasks[component]
    waits_for = task._fut_waiter  # type: ignore[attr-defined]
    if isinstance(waits_for, asyncio.Task):
        waits_for.get_loop().call_soon(_fail_innermost, waits_for)
    else:
        waits_for.set_exception(RuntimeError("thrown in by the test"))


def _fail_innermost(task: asyncio.Task[Any]) -> None:
    inner = task._fut_waiter  # type: ignore[attr-defined]
    if isinstance(inner, asyncio.Task):
        _fail_innermost(inner)
    elif inner is not None and not inner.done():
        inner.set_exception(RuntimeError("thrown in by the test"))


async def test_a_node_does_in_order_what_a_run_needs(world: World) -> None:
    """V11: stored and acknowledged first, then run by the node, its events written, the row last."""
    seen: list[str] = []
    world.engine._node_options["on_event"] = lambda _, event: seen.append(event.type)
    handle = await world.client.start(steps.in_order, [])
    assert await handle.result(PATIENCE_S) == ["a", "b", "c"]
    assert seen == [event.type for event in await handle.history()]
    assert (await handle.describe()).row.status == "completed"


async def test_two_engines_live_in_one_process(new_url: Callable[[], str]) -> None:
    """V3: each on a store of its own, neither sees the other's executions."""
    async with connect(new_url()) as one, connect(new_url()) as two:
        first, second = (
            await one.start(lifecycle.quick, "one", id="same"),
            await two.start(lifecycle.quick, "two", id="same"),
        )
        assert (await first.result(PATIENCE_S), await second.result(PATIENCE_S)) == ("one", "two")
        assert len(await one.list()) == len(await two.list()) == 1


async def test_two_engines_share_a_store(world: World) -> None:
    """G7, V11: one starts, the other may run it; the result is seen by both."""
    other = World(world.store)
    await other.client.register(lifecycle.quick, lifecycle.long_wait)
    handle = await world.client.start(lifecycle.long_wait)
    await world.until_status(handle, "waiting")
    await other.client.handle(handle.id).signal("go", "from the other")
    assert await other.client.handle(handle.id).result(PATIENCE_S) == "from the other"
    await other.engine.stop_node(1.0)


def test_the_client_has_a_blocking_twin(url: str) -> None:
    """V3: for scripts without asyncio; the same calls, each waits."""
    with connect_blocking(url) as client:
        handle = client.start(steps.in_order, [])
        assert handle.result(PATIENCE_S) == ["a", "b", "c"]
        waiter = client.start(lifecycle.long_wait, id="waiter")
        waiter.signal("go", "on")
        assert client.handle("waiter").result(PATIENCE_S) == "on"
        assert [row.status for row in client.list()] == ["completed", "completed"]
