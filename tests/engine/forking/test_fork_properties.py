"""Any history, forked at any event: it replays, goes on as the original would, and the original stays as it is."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, core, given, settings
from hypothesis import strategies as st
from msgspec import structs

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.forking import ForkRequest, prepare_fork, write_fork
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.forking import copied, facts_of, open_children
from cerebelum.engine.domain.projection import ExecutionState, projected_row, reconstruct
from cerebelum.engine.ports.store import Batch, ExecutionFilter, Start
from cerebelum.engine.runtime.interception import install
from tests.engine.runtime.simulated import Simulation, after_crash, commands_of
from tests.engine.runtime.test_random_programs import _messages as messages
from tests.engine.runtime.test_random_programs import _programs as programs
from tests.engine.world import PATIENCE_S, World
from tests.flows import forked, ledger
from tests.flows.random_programs import child_of_program, program

CASES = int(os.environ.get("CEREBELUM_CASES", "100"))
_often = settings(
    max_examples=CASES, deadline=None, derandomize=core.global_force_seed is None, database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)  # fmt: skip
LATER_US = 3_600_000_000


@_often
@given(programs, messages, st.sampled_from([0, 3]), st.data())
def test_a_fork_at_any_event_asks_for_what_the_original_asked(
    code: list[Any], told: list[tuple[int, ev.Event]], batch_ms: int, data: st.DataObject
) -> None:
    """E13, E15: rebuilt from the copy and told what the original was told, it asks for the same, but for ids of children;
    a fork of the fork does, too.
    """
    install()
    live = Simulation(program, {"code": code}, messages=told, batch_ms=batch_ms)
    asked = _without_ids(commands_of(live.history))
    version = data.draw(st.integers(1, len(live.history) - 1))
    again = data.draw(st.integers(1, len(live.history) - 1))
    first = _forked("exec-1", live.history[:version], "a-fork")
    assert (
        _without_ids(after_crash(program, [*first, *live.history[version:]], version, execution_id="a-fork")) == asked
    )
    if again <= version:
        second = _forked("a-fork", first[:again], "its-fork")
        went = after_crash(program, [*second, *live.history[again:]], again, execution_id="its-fork")
        assert _without_ids(went) == asked
    assert _state(reconstruct("exec-1", live.history[:version])) == _state(reconstruct("exec-1", first))


def _forked(origin: str, prefix: list[ev.RecordedEvent], new_id: str) -> list[ev.RecordedEvent]:
    children = [child.number for child in open_children(origin, prefix)]
    facts = facts_of(origin, prefix, now_us=prefix[-1].at_us + LATER_US, anew=children)
    return copied(prefix, new_id, origin, facts, {})


def _without_ids(commands: list[bytes]) -> list[dict[str, Any]]:
    """Return the commands without ids of executions, which errors name, too."""
    texts = [re.sub("exec-1|a-fork|its-fork", "ID", command.decode()) for command in commands]
    found = [msgspec.json.decode(text, type=dict[str, Any]) for text in texts]
    return [{key: value for key, value in one.items() if key != "execution_id"} for one in found]


def _state(state: ExecutionState) -> str:
    """Return what a history says, without its origin, and without when that which is open is due."""
    for wait in state.open.values():
        wait.due_us = None
    same = structs.replace(state, execution_id="", forked_from=None, forked_at=0, fork=None)
    return msgspec.json.encode(same).decode()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_fork_leaves_the_original_byte_for_byte(kind: str) -> None:
    """E15, I3: on a store, at events drawn at random: the row and the history are what they were, and the fork replays."""

    @settings(_often, max_examples=max(1, CASES // 5))
    @given(programs, messages, st.data())
    def check(code: list[Any], told: list[tuple[int, ev.Event]], data: st.DataObject) -> None:
        live = Simulation(program, {"code": code}, messages=told)
        version = data.draw(st.integers(1, len(live.history) - 1))
        asyncio.run(_fork_in_store(kind, live.history, version))

    install()
    check()


async def _fork_in_store(kind: str, history: list[ev.RecordedEvent], version: int) -> None:
    with TemporaryDirectory() as folder:
        store = open_store("memory://" if kind == "memory" else f"sqlite:///{Path(folder) / 'one.db'}")
        await store.open()
        try:
            engine = Engine(store, make_codec())
            await engine.register(program)
            await engine.register(child_of_program)
            row = projected_row(ExecutionRow(id="exec-1", workflow="program"), reconstruct("exec-1", history))
            await store.commit(Batch(id="one", starts=[Start(row=row, events=history)]))
            before = await store.get_execution("exec-1"), await store.read_history("exec-1")
            prepared = await prepare_fork(engine, "exec-1", ForkRequest(at=version, definition=program))
            assert [each.id for each in await store.list_executions(ExecutionFilter())] == ["exec-1"]
            await write_fork(engine, prepared)
            assert (await store.get_execution("exec-1"), await store.read_history("exec-1")) == before
            written = await store.read_history(prepared.execution_id)
            found = await store.get_execution(prepared.execution_id)
            assert found is not None
            assert found.last_version == len(written)
            assert projected_row(found, reconstruct(found.id, written)).status == found.status
            assert commands_of(written) or not commands_of(history[:version])
            if version > 1:  # a fork of the fork, at its end
                await prepare_fork(engine, prepared.execution_id, ForkRequest(at=version - 1, definition=program))
        finally:
            await store.close()


@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
async def test_a_crash_leaves_a_whole_fork_or_none(url: str, written: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """E15, F6: the fork, its events and the children that begin anew are one commit; there is nothing between."""
    world = await World.open(url)
    original = await world.client.start(forked.parent)
    await world.until(original, lambda view: any(wait.kind == "child" for wait in view.state.open.values()))
    child_id = (await world.events(original, ev.ChildStarted))[0].execution_id
    await world.at_gate(world.client.handle(child_id), "child")
    started = next(event.version for event in await original.history() if event.type == "child_started")
    prepared = await prepare_fork(world.engine, original.id, ForkRequest(at=started, id="forked"))
    await world.crash()
    ledger.effects[child_id].clear()
    commit = world.store.commit

    async def dies(batch: Batch) -> Any:
        if written:
            await commit(batch)
        raise ConnectionResetError

    monkeypatch.setattr(world.store, "commit", dies)
    with pytest.raises(ConnectionResetError):
        await write_fork(world.engine, prepared)
    monkeypatch.undo()
    ids = {row.id for row in await world.store.list_executions(ExecutionFilter())}
    own = prepared.children[0].row.id
    assert ids == {original.id, child_id} | ({"forked", own} if written else set())
    client = await world.come_back(forked.parent, forked.child)
    for each in (child_id, own):
        ledger.gate(each, "child").set()
    await world.engine.start_node()
    assert await client.handle(original.id).result(PATIENCE_S) == [f"{child_id} 1"]
    if written:
        assert await client.handle("forked").result(PATIENCE_S) == [f"{own} 1"]
    await world.close()
