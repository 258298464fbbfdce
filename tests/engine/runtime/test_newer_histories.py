"""A node of this release takes over what a node of a newer release began."""

from __future__ import annotations

import msgspec

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.testing.crashes import leave_behind, outcome_of, run_once
from tests.engine.runtime.simulated import after_crash, commands_of
from tests.flows import graphs


async def _engine() -> Engine:
    store = open_store("memory://")
    await store.open()
    return Engine(store, make_codec())


async def _ended(engine: Engine) -> None:
    await engine.stop_node(1.0)
    await engine.store.close()


async def test_a_history_of_a_newer_release_is_recovered_and_replayed() -> None:
    """F2, E13: with unknown fields in every event, the code asks for the same, and goes on from each; they stay stored."""
    install()
    engine = await _engine()
    whole = await run_once(engine, graphs.failing_branch, [{}], None)
    await _ended(engine)
    newer = [
        ev.RecordedEvent(
            e.version, e.type, msgspec.json.encode(msgspec.json.decode(e.data) | {"of_the_future": 1}), e.at_us
        )
        for e in whole.history
    ]
    for version in range(1, len(newer)):
        asked = after_crash(graphs.failing_branch, newer, version, execution_id="exec-under-test")
        known = [data for recorded in newer[:version] for data in commands_of([recorded])]
        assert asked == known + commands_of(whole.history[version:]), f"after event {version}"
        engine = await _engine()
        await engine.register(graphs.failing_branch)
        await leave_behind(engine, graphs.failing_branch, newer[:version])
        await engine.start_node()
        again = await outcome_of(engine, "exec-under-test")
        await _ended(engine)
        assert (again.final_type, again.content) == (whole.final_type, whole.content)
        assert [recorded.data for recorded in again.history[:version]] == [
            recorded.data for recorded in newer[:version]
        ]
