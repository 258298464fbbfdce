"""The use cases: one function each, which is given the engine and holds no state."""

from __future__ import annotations

import inspect

import pytest

from cerebelum.engine.application import control, query, replay, result, start
from cerebelum.engine.application.engine import Engine

USE_CASES = [
    start.start, start.start_many, control.signal, control.cancel, control.pause, control.resume, query.get_execution,
    query.list_executions, query.history, query.resolve_id, query.rebuild_projection, replay.replay_execution,
    result.result, result.final_event,
]  # fmt: skip


@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.__name__)
def test_a_use_case_is_given_the_engine_and_fails_at_once_without_it(use_case: object) -> None:
    """V3, V6: register, execute, replay, get the status, pause: each takes its dependencies as its first argument."""
    assert callable(use_case)
    assert next(iter(inspect.signature(use_case).parameters)) == "engine"
    with pytest.raises(TypeError, match="engine"):
        use_case()


def test_registering_is_a_use_case_of_the_engine() -> None:
    """V6: RegisterWorkflow."""
    assert inspect.iscoroutinefunction(Engine.register)
