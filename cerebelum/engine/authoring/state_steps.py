"""Functions of workflows of edges: they take the state and say how it goes on.

As a step such a function's result is an object with one of: `ok` (the new state), `sleep_us` or `parallel` beside the
`state` to go on with. `error` and everything else that is no outcome fail the step.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from cerebelum.engine.authoring.outcome import Error, Ok, Sleep, Together
from cerebelum.engine.domain.errors_flow import BranchConflict, InvalidReturn

_SHOWN_CHARS = 100


def with_outcome(function: Callable[..., Any], name_of: Callable[[Callable[..., Any]], str]) -> Callable[..., Any]:
    """Return `function` as a step of a workflow of edges.

    Args:
        name_of: gives the name under which a function of the same workflow is found again.
    """
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def outcome_of(state: Any) -> Any:
            return _recorded(await function(state), state, name_of)

    else:

        @functools.wraps(function)
        def outcome_of(state: Any) -> Any:
            return _recorded(function(state), state, name_of)

    # the state is whatever JSON holds, and what is recorded is an outcome: the function's own annotations do not apply
    del outcome_of.__wrapped__
    outcome_of.__annotations__ = {}
    return outcome_of


def _recorded(outcome: Any, state: Any, name_of: Callable[[Callable[..., Any]], str]) -> Any:
    if isinstance(outcome, Error):
        return outcome
    if isinstance(outcome, Ok):
        return {"ok": outcome.value}
    if isinstance(outcome, Sleep):
        return {"sleep_us": outcome.duration_us, "state": outcome.state}
    if isinstance(outcome, Together):
        names = [name_of(function) for function in outcome.functions]
        return {"parallel": names, "state": outcome.state if outcome.has_state else state}
    raise InvalidReturn(repr(outcome)[:_SHOWN_CHARS])


def merged_states(base: Any, states: list[Any]) -> Any:
    """Return what several functions made of `base`, brought together.

    Objects are merged key by key, and a list to which each only added gets all that was added, in order.

    Raises:
        BranchConflict: two of them changed the same in different ways.
    """
    merged, *rest = states or [base]
    for state in rest:
        merged = _merged(base, merged, state, "")
    return merged


def _merged(base: Any, first: Any, second: Any, key: str) -> Any:
    if second in (base, first):
        return first
    if first == base:
        return second
    if isinstance(first, list) and isinstance(second, list) and isinstance(base, list):
        count = len(base)
        if first[:count] == base == second[:count]:
            return [*first, *second[count:]]
    if isinstance(first, Mapping) and isinstance(second, Mapping) and isinstance(base, Mapping):
        gone = object()
        found: dict[str, Any] = {}
        for name in {**first, **second}:
            path = f"{key}.{name}" if key else str(name)
            value = _merged(base.get(name, gone), first.get(name, gone), second.get(name, gone), path)
            if value is not gone:
                found[name] = value
        return found
    raise BranchConflict(key, repr(first)[:_SHOWN_CHARS], repr(second)[:_SHOWN_CHARS])
