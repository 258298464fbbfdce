"""`context()`, `put_context()` and their kin: the state of the flow that the running code belongs to.

In a step they work on the attempt's own view: what an attempt wrote is kept if it completes, and is gone if it fails.
In decisions, predicates and compensations, which are workflow code, they work on that of the branch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from cerebelum.engine.authoring.activation import current
from cerebelum.engine.authoring.info import info, running_step
from cerebelum.engine.domain.context import MISSING, Context
from cerebelum.engine.domain.errors_runtime import NotInStep

# The context of the flow's branch that the running workflow code belongs to; the interpreter of flows sets it.
flow_context: ContextVar[Context | None] = ContextVar("cerebelum_flow_context", default=None)


def _bound(call: str) -> Context:
    bound = running_step.get()
    if bound is not None:
        found = bound.context
        if found is None:
            raise NotInStep(f"{call}: step {bound.info().step!r} is not part of a Flow, so it has no context")
        return found
    found = flow_context.get() if current() is not None else None
    if found is None:
        raise NotInStep(f"{call} has a meaning inside a running step of a Flow only")
    return found


def context() -> Context:
    """Return the flow's context, read with `context()["order"]` or `context().order`.

    Raises:
        NotInStep: outside a step, or in one that is not part of a Flow. So do all functions of this module.
    """
    return _bound("context()")


def state() -> Context:
    """Return the same as `context()`, for parallel branches and compensations, which rather read than write."""
    return _bound("state()")


def get_context(key: str, default: Any = MISSING) -> Any:
    """Return the value of `key`, or `default` where one is given.

    Raises:
        ContextKeyMissing: no such key, and no default.
    """
    bound = _bound("get_context(…)")
    return bound[key] if default is MISSING else bound.get(key, default)


def put_context(key: str | Mapping[str, Any], value: Any = MISSING) -> None:
    """Write `value` under `key`; or, of one mapping, every pair.

    Raises:
        PayloadNotEncodable: JSON cannot hold the value exactly.
    """
    _bound("put_context(…)").put(key, value)


def update_context(key: str, fn: Callable[[Any], Any], default: Any = MISSING) -> Any:
    """Replace the value by `fn(current)` and return it; of a missing key, `current` is `default`.

    Branches that run at once should not: `increment_context` and `append_context` are merged, this is not.

    Raises:
        ContextKeyMissing: no such key, and no default.
    """
    return _bound("update_context(…)").update(key, fn, default)


def merge_context(values: Mapping[str, Any]) -> None:
    """Write every pair of `values`; other keys stay."""
    _bound("merge_context(…)").merge(values)


def delete_context(key: str) -> None:
    """Remove `key`, if it is there."""
    _bound("delete_context(…)").delete(key)


def has_context(key: str) -> bool:
    """Return whether the context has `key`."""
    return _bound("has_context(…)").has(key)


def init_accumulator(key: str, initial: Any) -> None:
    """Write `initial` under `key` unless the key exists: what was gathered so far stays."""
    _bound("init_accumulator(…)").init_accumulator(key, initial)


def append_context(key: str, value: Any) -> None:
    """Add `value` to the list under `key`, a missing one begins empty. Appends of parallel branches are all kept.

    Raises:
        ContextValueRefused: the key holds something else than a list.
    """
    _bound("append_context(…)").append(key, value)


def increment_context(key: str, n: float = 1) -> None:
    """Add `n` to the number under `key`, a missing one begins at 0. Increments of parallel branches are all kept.

    Raises:
        ContextValueRefused: `n`, or what the key holds, is no number.
    """
    _bound("increment_context(…)").increment(key, n)


def input() -> Any:  # noqa: A001 - the founding documents' name
    """Return what the execution was started with, unchanged for its whole life; in flows and in workflows.

    Raises:
        NotInStep: called from neither a step nor a workflow.
    """
    bound = running_step.get()
    found = bound.context if bound is not None else flow_context.get() if current() is not None else None
    return info().input if found is None else found.input
