"""Random programs over the asyncio primitives: live, after a crash anywhere, and in replay, they do the same.

`CEREBELUM_CASES=20000 pytest --hypothesis-seed=random …` is the campaign; without a seed the cases are always the same.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from hypothesis import HealthCheck, core, given, note, settings
from hypothesis import strategies as st
from msgspec import Raw

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.testing.crashes import outcome_of, resume_from, run_once
from cerebelum.engine.testing.invariants import check_store
from tests.engine.runtime.simulated import Simulation, after_crash, commands_of
from tests.flows.random_programs import OPERATIONS, child_of_program, program

CASES = int(os.environ.get("CEREBELUM_CASES", "500"))
ENGINE_CASES = max(1, CASES // 20)
_seedless = core.global_force_seed is None
_often = settings(
    max_examples=CASES, deadline=None, derandomize=_seedless, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)  # fmt: skip

_ms = st.sampled_from([1, 2, 3, 5, 8, 13, 40])
_slot = st.integers(0, 1)
_label = st.integers(0, 9)


def _op(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    assert name in OPERATIONS, name
    return st.tuples(st.just(name), *arguments).map(list)


_leaf = st.one_of(
    _op("step", _label, _ms, st.sampled_from([0, 0, 0, 1, 2, 3])),
    _op("step", _label, _ms, st.just(0)),
    _op("sleep", st.integers(0, 9)),
    _op("look"),
    _op("child", _label),
    _op("signal", st.sampled_from("ab"), _ms),
    _op("cancel", _slot),
    _op("join", _slot),
    _op("set", _slot),
    _op("clear", _slot),
    _op("put", _slot, _label),
    _op("notify"),
)
_rarely = st.one_of(  # what may wait for ever, and so end the program as deadlocked
    _op("await_event", _slot),
    _op("get", _slot),
    _op("await_condition"),
    _op("fail", _label),
)
_limited = _op("timeout", _ms, _rarely.map(lambda op: [op]))


def _guarded(op: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Any]]:
    return _op("guard", op.map(lambda each: [each]))


def _nested(op: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Any]]:
    body = st.lists(op | _guarded(op) | _limited, min_size=1, max_size=4)
    bodies = st.lists(body, min_size=2, max_size=4)
    until = st.sampled_from([asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION, asyncio.ALL_COMPLETED])
    return st.one_of(
        _op("gather", bodies, st.booleans()),
        _op("wait", bodies, until, st.none() | _ms, st.booleans()),
        _op("as_completed", bodies),
        _op("group", bodies),
        _op("barrier", bodies),
        _op("spawn", _slot, body),
        _op("timeout", _ms, body),
        _op("wait_for", _ms, body),
        _op("shield", _ms, body),
        _op("lock", _slot, body),
        _op("semaphore", _slot, body),
        _op("guard", body),
        _op("finally", body, body),
        _op("saga", _label, body),
    )


_ops = st.recursive(_leaf, _nested, max_leaves=30)
_busy = _nested(_ops)
_programs = st.lists(_guarded(_busy) | _guarded(_busy) | _busy | _rarely, min_size=1, max_size=6)
_signals = st.tuples(st.integers(0, 60), st.sampled_from("ab").map(lambda name: ev.SignalReceived(name=name)))
_messages = st.lists(
    st.one_of(
        _signals,
        _signals,
        st.tuples(st.integers(0, 60), st.just(ev.CancelRequested(reason="enough"))),
        st.tuples(st.integers(0, 60), st.just(ev.ExecutionResumed(wakes=True, data=Raw(b"1")))),
    ),
    max_size=3,
)


@_often
@given(_programs, _messages, st.sampled_from([0, 0, 3]))
def test_a_random_program_does_the_same_live_after_crashes_and_in_replay(
    code: list[Any], messages: list[tuple[int, ev.Event]], batch_ms: int
) -> None:
    """E13, W9: rebuilt from every prefix of its history, the code asks for the same, to the byte, and ends the same."""
    install()
    live = Simulation(program, {"code": code}, messages=messages, batch_ms=batch_ms)
    note("\n".join(f"{e.version:3} {e.at_us} {e.data.decode()}" for e in live.history))
    asked = commands_of(live.history)
    assert live.history[-1].type in ev.FINAL_TYPES
    for version in range(1, len(live.history) + 1):
        assert after_crash(program, live.history, version) == asked, f"crash after event {version}"


@settings(_often, max_examples=ENGINE_CASES)
@given(_programs, st.integers(0, 10_000))
def test_a_random_program_goes_on_in_an_engine_after_a_crash(code: list[Any], crash_at: int) -> None:
    """E13, E16: on a store, with real steps and timers: the past stays, it comes to an end, and replay finds the same."""
    asyncio.run(_crash_once(code, crash_at))


async def _crash_once(code: list[Any], crash_at: int) -> None:
    engine = await _engine()
    try:
        whole = await run_once(engine, program, (code,), None)
        await _all_ended(engine)
        violations = await check_store(engine.store, engine.codec, _WORKFLOWS)
    finally:
        await _close(engine)
    assert not violations
    version = crash_at % len(whole.history) + 1
    engine = await _engine()
    try:
        again = await resume_from(engine, program, whole, version, others=[child_of_program])
        await _all_ended(engine)
        violations = await check_store(engine.store, engine.codec, _WORKFLOWS)
    finally:
        await _close(engine)
    assert not violations, f"crash after event {version}"
    assert again.history[:version] == whole.history[:version], "the past changed"


async def _all_ended(engine: Engine) -> None:
    """Children that nobody waits for any more are told to end, and do so after their parent."""
    for row in await engine.store.list_executions(ExecutionFilter(limit=1_000)):
        await outcome_of(engine, row.id)


_WORKFLOWS: dict[str, Any] = {"program": program, "child_of_program": child_of_program}


async def _engine() -> Engine:
    store = open_store("memory://")
    await store.open()
    return Engine(store, make_codec())


async def _close(engine: Engine) -> None:
    await engine.stop_node(1.0)
    await engine.store.close()
