"""Throws suspended code away: its cleanup runs to its end, and whatever it asks for is refused.

Code may catch whatever ends it and go on. It is given up then, suspended as it is, and never freed: the interpreter's
collector would have it go on once more, outside the workflow.

Innermost first, each coroutine by itself: closing the outer one would leave an inner one that awaits something in its
cleanup to the interpreter, which finishes it later, outside the workflow, where calling a step runs it.
"""

from __future__ import annotations

import contextlib
import ctypes
import warnings
from asyncio import CancelledError, Future, Task
from collections.abc import Mapping
from types import CoroutineType, GeneratorType
from typing import Any, TypeGuard

from cerebelum.engine.runtime.asking import Discarded
from cerebelum.engine.runtime.await_chain import await_chain
from cerebelum.engine.runtime.own_log import OwnLog

_ROUNDS = 100  # tasks that the cleanup of tasks started, and so on
_CLOSINGS = 1_000  # of one task: cleanups that await something, one after the other
_log = OwnLog("cerebelum.discarding")


def throw_away(tasks: Mapping[int, Task[Any]]) -> None:
    """Close the code of all tasks, those included that cleanup starts. Call it inside the discarded run's activation."""
    if not tasks:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # coroutines made in a finally block and never awaited
            _close_all(tasks)
    finally:  # the watchdog may have ended it
        for task in tasks.values():
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # we mean to
            if _is_open(coroutine := task.get_coro()):
                _keep_for_ever(coroutine)


def _close_all(tasks: Mapping[int, Task[Any]]) -> None:
    closed: set[int] = set()
    for _ in range(_ROUNDS):
        left = [task for number, task in tasks.items() if number not in closed]
        if not left:
            return
        closed.update(tasks)
        for task in left:
            if not task.done():
                _close(task.get_coro())


def _keep_for_ever(coroutine: object) -> None:
    """Leak it: a reference that nobody holds, since the end of the process frees what modules hold."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))
    code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None)
    where = f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(coroutine)
    _log.error("code that catches everything cannot be thrown away: it stays in memory", function=where)


def untie(tasks: Mapping[int, Task[Any]]) -> None:
    """Part closed tasks from what they waited for: each refers to the other, and only the collector would free them."""
    for task in tasks.values():
        awaited = task._fut_waiter  # type: ignore[attr-defined]
        for future in (task, awaited, *getattr(awaited, "_children", ())):
            if future is not None:
                _drop_callbacks(future)


def _drop_callbacks(future: Future[Any]) -> None:
    for callback, _ in future._callbacks or ():
        future.remove_done_callback(callback)


def _close(outermost: Any) -> None:
    for _ in range(_CLOSINGS):
        # Async generators have no `close`; the loop's hook sees to it that they are dropped as they are.
        innermost = next((each for each in reversed([*await_chain(outermost)]) if _is_open(each)), None)
        if innermost is None:
            return
        with contextlib.suppress(Discarded, Exception, CancelledError):  # code thrown away has nobody to tell
            innermost.close()


def _is_open(suspended: object) -> TypeGuard[CoroutineType[Any, Any, Any] | GeneratorType[Any, Any, Any]]:
    if isinstance(suspended, CoroutineType):
        return suspended.cr_frame is not None
    return isinstance(suspended, GeneratorType) and suspended.gi_frame is not None
