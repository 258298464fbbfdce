"""Lets a function of the workflow look at its state and do nothing else: queries, validators, conditions.

Inside, the slot holds a `Look` in place of the run: it knows the time and the execution, and refuses the rest. There is
no running event loop either, so no task can be made.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, cast

from cerebelum.engine.authoring.activation import Activation, slot
from cerebelum.engine.domain.errors_messages import QueryMayNotAct

if TYPE_CHECKING:
    from cerebelum.engine.authoring.info import Info
    from cerebelum.engine.authoring.plain import PlainCode
    from cerebelum.engine.runtime.asking import Asking

_CALLS = {
    "call_step": "a step", "start_child": "a workflow", "wait_for_signal": "wait_for_signal", "rng": "random",
    "sleep_until_us": "sleep_until", "compensation": "a compensation", "next_number": "saga",
}  # fmt: skip


class _NoWaiting:
    """Stands where plain `def` code stands: there a step or a wait is asked for by the call itself."""

    def __init__(self, what: str) -> None:
        self._what = what

    def wait(self, awaitable: Any) -> NoReturn:
        awaitable.close()
        raise QueryMayNotAct(self._what, f"{getattr(awaitable, '__name__', 'something')}, which waits")


class Look:
    """An activation that answers what only reads, and refuses what would be recorded."""

    def __init__(self, run: Asking, what: str) -> None:
        self._run, self._what = run, what

    @property
    def execution_id(self) -> str:
        return self._run.execution_id

    def now_us(self) -> int:
        return self._run.now_us()

    def info(self) -> Info:
        return self._run.info()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise QueryMayNotAct(self._what, _CALLS.get(name, name))


def look(run: Asking, what: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what `function` of the workflow's code gives on its present state.

    Args:
        what: who looks, for the error: "query 'status'".

    Raises:
        QueryMayNotAct: it asked for something that would be recorded, or woke a task of the workflow.
    """
    outer, outer_plain, outer_loop = slot.activation, slot.plain, asyncio._get_running_loop()
    ready_before = run.loop.ready_count
    slot.activation, slot.plain = cast("Activation", Look(run, what)), cast("PlainCode", _NoWaiting(what))
    asyncio._set_running_loop(None)
    try:
        result = contextvars.Context().run(function, *args, **kwargs)
    finally:
        # The slot first: an interrupt may surface in the call below, and must not leave us inside an activation.
        slot.activation, slot.plain = outer, outer_plain
        asyncio._set_running_loop(outer_loop)
        woken = run.loop.ready_count - ready_before
    if woken:
        run.loop.forget_newest(woken)
        raise QueryMayNotAct(what, "something that wakes a task of the workflow")
    if asyncio.iscoroutine(result):
        result.close()
        raise QueryMayNotAct(what, "an async function")
    return result
