"""Export and import: what comes out of a store arrives in another byte for byte, replays there, and never runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application import control, query
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.exporting import export
from cerebelum.engine.application.replay import check_execution
from cerebelum.engine.application.result import result
from cerebelum.engine.domain.copies import is_copy
from cerebelum.engine.domain.errors import ForbiddenTransition
from cerebelum.engine.domain.errors_bundle import CopyNeverEnds, ImportConflict, RedactionRefused
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.projection import projected_row, reconstruct
from cerebelum.engine.ports.store import Batch, NodeRow, Start
from cerebelum.engine.runtime.interception import install
from tests.engine.application.exports import CARD, bundle_of, ended, new_engine, take_in, waiting
from tests.engine.runtime.simulated import Simulation
from tests.engine.runtime.test_random_programs import _messages, _programs
from tests.engine.world import World
from tests.flows import exported
from tests.flows.random_programs import program

ID = "exec-1"  # as simulated: random numbers are made of it


@pytest.fixture
async def world(url: str) -> AsyncIterator[World]:
    """An engine on an empty store, of each kind."""
    world = await World.open(url)
    yield world
    await world.close()


@pytest.fixture
async def elsewhere(new_url: Callable[[], str]) -> AsyncIterator[Engine]:
    """An engine on another store of the same kind."""
    store = open_store(new_url())
    await store.open()
    engine = Engine(store, make_codec())
    yield engine
    await engine.stop_node(1.0)
    await store.close()


# -- arriving -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("flow, args", [(exported.shop, (CARD,)), (exported.declined, ("9",)), (exported.large, ())])
async def test_an_ended_execution_arrives_as_it_was(
    world: World, elsewhere: Engine, flow: Any, args: tuple[Any, ...]
) -> None:
    """E13, E15: events byte for byte, blobs and log lines; it replays on the code it brought, to the same end."""
    execution_id = await ended(world, flow, *args)
    await world.engine.stop_node(5.0)
    done = await take_in(elsewhere, await bundle_of(world.engine, execution_id))
    assert done.execution_id == execution_id
    assert await elsewhere.store.read_history(execution_id) == await world.store.read_history(execution_id)
    assert await query.history(elsewhere, execution_id) == await query.history(world.engine, execution_id)
    logs = [line async for line in query.read_logs(elsewhere, execution_id)]
    assert logs == [line async for line in query.read_logs(world.engine, execution_id)]
    before, after = await world.store.get_execution(execution_id), await elsewhere.store.get_execution(execution_id)
    assert before is not None
    assert after is not None
    assert (after.status, after.error, after.completed_at_us) == (before.status, before.error, before.completed_at_us)
    report = await check_execution(elsewhere, execution_id)
    assert (report.outcome, report.code_origin) == ("same", "stored")


async def test_a_copy_of_an_open_execution_is_left_alone_by_nodes(world: World, elsewhere: Engine) -> None:
    """D2: neither claims, takeovers, messages nor a rebuilt row make a node run it; it can be deleted."""
    execution_id = await waiting(world)
    await take_in(elsewhere, await bundle_of(world.engine, execution_id))
    store = elsewhere.store
    row = await store.get_execution(execution_id)
    assert row is not None
    assert is_copy(row)
    assert (row.ended, row.wake_at_us, row.owner) == (True, None, None)
    await store.join(NodeRow(nonce="n", name="n", host="", pid=1, lease_until_us=0, started_at_us=0))
    for _ in range(2):
        assert await store.claim("n", workflows=["asks"], limit=10) == []
        assert await store.claim_one("n", execution_id) is None
        assert await store.next_wake_us(workflows=["asks"]) is None
        for act in (control.cancel, control.pause, control.resume):
            with pytest.raises(ForbiddenTransition):
                await act(elsewhere, execution_id)
        with pytest.raises(ForbiddenTransition):
            await control.signal(elsewhere, execution_id, "approve", 1)
        await store.release_dead()
        assert (await query.rebuild_projection(elsewhere, execution_id)).ended  # and once more, with the new row
        found = await store.get_execution(execution_id)
        assert found is not None
        assert is_copy(found)
    with pytest.raises(CopyNeverEnds):
        await result(elsewhere, execution_id)
    assert [event async for event in query.follow(elsewhere, execution_id)] == await store.read_history(execution_id)
    await store.delete_execution(execution_id)
    assert await store.get_execution(execution_id) is None


async def test_a_node_that_knows_the_workflow_does_not_run_a_copy(world: World, elsewhere: Engine) -> None:
    """D2: a real node beside it runs what is its own, and leaves the copy as it is."""
    execution_id = await waiting(world)
    await take_in(elsewhere, await bundle_of(world.engine, execution_id))
    before = await elsewhere.store.read_history(execution_id)
    there = World(elsewhere.store)
    await there.client.register(exported.asks)
    try:
        assert await there.run(exported.shop, CARD)  # the node works
        assert execution_id not in there.node.resident
    finally:
        await there.engine.stop_node(1.0)
    assert await elsewhere.store.read_history(execution_id) == before


async def test_children_come_along_and_another_id_still_replays(world: World, elsewhere: Engine) -> None:
    """E13: a parent and its child, the parent under another id: ids of children and random numbers are the original's."""
    handle = await world.client.start(exported.family)
    view = await world.until(handle, lambda view: any(wait.kind == "child" for wait in view.state.open.values()))
    (child,) = [row.id for row in await world.client.list() if row.id != handle.id]
    await world.until_status(world.client.handle(child), "waiting")
    assert view.row.status
    data = await bundle_of(world.engine, handle.id, with_children=True)
    done = await take_in(elsewhere, data, as_id="mine")
    assert (done.execution_id, done.others) == ("mine", (child,))
    copy = await elsewhere.store.get_execution(child)
    assert copy is not None
    assert copy.parent == "mine"
    assert (await check_execution(elsewhere, "mine")).outcome == "open"
    again = await bundle_of(elsewhere, "mine")  # exported once more, it still knows who it was
    await elsewhere.store.delete_execution("mine")
    await take_in(elsewhere, again)
    assert (await check_execution(elsewhere, "mine")).outcome == "open"


async def test_an_import_never_replaces_anything(world: World) -> None:
    """E3: a taken id is refused, with the command that takes another; the newest version of the code stays the newest."""
    execution_id = await waiting(world)
    data = await bundle_of(world.engine, execution_id)
    before = await world.store.read_history(execution_id)
    with pytest.raises(ImportConflict, match="--as") as refused:
        await take_in(world.engine, data)
    assert refused.value.exit_code == 5
    assert await world.store.read_history(execution_id) == before
    newest = await world.store.get_code("asks")
    assert newest is not None
    await take_in(world.engine, data, as_id="a-copy")
    after = await world.store.get_code("asks")
    assert after is not None
    assert after.digest == newest.digest


# -- any history --------------------------------------------------------------------------------------------------
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(_programs, _messages, st.integers(0, 10_000))
def test_any_history_and_any_prefix_of_it_arrive_byte_for_byte(code: list[Any], messages: Any, cut: int) -> None:
    """E13, E17: random programs, stopped anywhere: export, import: the same events, the same state, the same replay."""
    install()
    history = Simulation(program, {"code": code}, messages=messages, batch_ms=0).history
    asyncio.run(_arrives(history[: cut % len(history) + 1]))


async def _arrives(history: list[RecordedEvent]) -> None:
    here, there = await new_engine(), await new_engine()
    state = reconstruct(ID, history)
    row = projected_row(ExecutionRow(id=ID, workflow=state.workflow), state)
    await here.store.commit(Batch(id="1", starts=[Start(row=row, events=history)]))
    done = await take_in(there, await bundle_of(here, ID))
    assert done.events == len(history)
    assert await there.store.read_history(ID) == list(history)
    assert reconstruct(ID, await query.history(there, ID)) == state
    for engine in (here, there):
        assert (await check_execution(engine, ID, definition=program)).fits
    await here.store.close()
    await there.store.close()


# -- taking out ---------------------------------------------------------------------------------------------------
async def test_what_is_taken_out_is_nowhere_in_the_bundle(world: World, elsewhere: Engine) -> None:
    """The card's number goes from input, arguments, results, texts and log lines; the rest stays, and it replays."""
    execution_id = await ended(world, exported.shop, CARD)
    await world.engine.stop_node(5.0)
    made = await export(world.engine, execution_id, redact=["card.number"], rules=["secrets"])
    data = b"".join([line async for line in made.lines()])
    assert b"4111111111111111" not in data
    assert b"tok-29f3a77" not in data
    assert b"Ada" in data
    assert made.head.replay == "they replay as before"
    done = await take_in(elsewhere, data)
    assert done.head.redacted == ("card.number", "rule secrets")
    (line,) = [line async for line in query.read_logs(elsewhere, execution_id)]
    assert line.message == "paying 7 with [redacted]"
    assert (await check_execution(elsewhere, execution_id)).fits


async def test_an_error_keeps_no_redacted_value(world: World) -> None:
    """What was taken out of the input is taken out of the error's text and traceback as well."""
    execution_id = await ended(world, exported.declined, CARD["number"])
    data = await bundle_of(world.engine, execution_id, redact=["input.number"])
    histories = b"\n".join(line for line in data.splitlines() if b'"part":"code"' not in line)
    assert b"4111111111111111" not in histories
    assert b"declined: [redacted]" in histories


async def test_a_replay_that_redaction_breaks_is_told(world: World) -> None:
    """Code that goes by what was taken out does not go the recorded way, and the exporter says so."""
    execution_id = await ended(world, exported.picky, "gold")
    made = await export(world.engine, execution_id, redact=["plan"])
    assert "does not replay: it diverges at event 2" in made.head.replay


async def test_a_path_that_fits_nothing_is_refused(world: World) -> None:
    """Nobody is to believe that something was taken out where nothing was."""
    execution_id = await ended(world, exported.shop, CARD)
    with pytest.raises(RedactionRefused, match=r"nothing is at 'card\.cvv'"):
        await export(world.engine, execution_id, redact=["card.cvv"])
    for path in ("", "a..b", "*", "a b"):
        with pytest.raises(RedactionRefused, match="is no path"):
            await export(world.engine, execution_id, redact=[path])
    with pytest.raises(RedactionRefused, match="no rule 'names'"):
        await export(world.engine, execution_id, rules=["names"])


class Reversed:
    """A cipher that everybody can break."""

    name = "reversed"

    def encode(self, data: bytes) -> bytes:
        return data[::-1]

    def decode(self, data: bytes) -> bytes:
        return data[::-1]


async def test_sealed_payloads_stay_sealed() -> None:
    """Without the key nothing is opened, and the bundle says how many it could not look into; with it they are."""
    codec = make_codec((Reversed(),))
    world = await World.open("memory://", codec=codec)
    try:
        execution_id = await ended(world, exported.shop, CARD)
        plain = await bundle_of(world.engine, execution_id, rules=["logs"])
        assert b"4111111111111111" not in plain
        blind = await export(Engine(world.store, make_codec()), execution_id, rules=["secrets", "emails"])
        assert blind.head.sealed >= 3
        made = await export(world.engine, execution_id, redact=["card.number"], rules=["logs"])
        assert made.head.sealed == 0
        assert made.head.replay == "they replay as before"
        started = made.members[0].stored[0].data
        assert b'"$enc":["reversed"]' in started
        opened = codec.unseal(json.dumps(json.loads(started)["input"]).encode(), what="input")
        assert json.loads(opened)["card"]["number"] == "[redacted]"
    finally:
        await world.close()
