"""Asks objects for their `repr` and waits for it no longer than a limit: a replay must not stand still for one.

Rules:
- Only a `__repr__` written in Python outside the standard library is waited for: it runs on a thread of its own.
- One that takes too long is interrupted, and its class is not asked again; others get half the time from then on, so that
  a frame full of such values is still made within the limit of an activation. Code that waits in C is left behind: its
  thread is a daemon, and the next value gets a new one.
"""

from __future__ import annotations

import ctypes
import queue
import sys
import threading
from types import FunctionType
from typing import Any
from weakref import WeakSet

from cerebelum.engine.runtime.rendering import own_reprs

_LIMIT_S = 0.5
_LEAST_S = 0.01
_Answer = tuple[str | None, BaseException | None]
_raise_in = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)


class ReprTookTooLong(BaseException):
    """A `__repr__` did not return within its limit. No Exception: code that catches all must not swallow it."""


class LimitedReprs:
    """Gives `repr`s for one reader: `with reprs: render(…)`. Not to be nested."""

    def __init__(self, limit_s: float = _LIMIT_S) -> None:
        self._limit_s = limit_s
        self._slow: WeakSet[type] = WeakSet()
        self._worker: _Worker | None = None

    def __call__(self, value: Any) -> str:
        """Return `repr(value)`.

        Raises:
            ReprTookTooLong: this one, or one of its class before, did.
            BaseException: whatever the `__repr__` raises.
        """
        kind = type(value)
        if _is_trusted(kind):
            return repr(value)
        if kind in self._slow:
            raise ReprTookTooLong
        if self._worker is None:
            self._worker = _Worker()
        try:
            return self._worker.ask(value, self._limit_s)
        except ReprTookTooLong:
            self._slow.add(kind)
            self._worker = None
            self._limit_s = max(self._limit_s / 2, _LEAST_S)
            raise

    def __enter__(self) -> None:
        """Have `render` ask objects through this one, on this thread, until the end of the block."""
        own_reprs.call = self

    def __exit__(self, *_: object) -> None:
        own_reprs.call = repr

    def close(self) -> None:
        """End the thread. Idempotent."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None


class _Worker:
    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="cerebelum repr", daemon=True)
        self._thread.start()

    def ask(self, value: Any, limit_s: float) -> str:
        self._asked.put((value,))
        try:
            text, error = self._answers.get(timeout=limit_s)
        except queue.Empty:
            self._asked.put(None)
            _raise_in(self._thread.ident or 0, ReprTookTooLong)
            raise ReprTookTooLong from None
        if error is not None:
            raise error
        return text or ""

    def end(self) -> None:
        self._asked.put(None)

    def _run(self) -> None:
        try:
            while (asked := self._asked.get()) is not None:
                self._answers.put(_answer(asked[0]))
                del asked
        except ReprTookTooLong:
            pass


def _answer(value: Any) -> _Answer:
    try:
        return repr(value), None
    except ReprTookTooLong:
        raise
    except BaseException as error:
        return None, error


def _is_trusted(kind: type) -> bool:
    method = kind.__repr__
    if type(method) is not FunctionType:
        return True
    return method.__module__.partition(".")[0] in sys.stdlib_module_names
