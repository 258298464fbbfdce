"""Names the line that blocks a node's loop, and interrupts workflow code that runs on without an await.

Rules:
- Beginning and ending an activation writes an attribute; the looking is done by a thread that wakes a few times
  within the threshold, so blocking is noticed up to a quarter of it late.
- An interrupt is an exception that the interpreter raises in the watched thread at its next call or loop turn. It is
  armed under the lock and only for the activation that was looked at; whoever ends an activation disarms it under the
  same lock before anything else runs. So it surfaces from the activation or from its end, never later.
- Code that waits in C (a lock, a system call) is interrupted only when that returns; it is reported all the same.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.runtime.interception import real
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.source_line import SourceLine, user_line

_log = OwnLog("cerebelum.watchdog")
_Result = TypeVar("_Result")
_Activation = tuple[str, bool]  # (execution id, may be interrupted again); told apart by identity

_DEBUGGERS = ("bdb", "pdb", "_pydevd_bundle", "pydevd", "debugpy")
_raise_in = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)


@dataclass(frozen=True, slots=True)
class BlockedReport:
    """Something has held the loop's thread for `blocked_s` seconds, and stands on `line` now."""

    execution_id: str | None  # None: no activation does, but a step or other code of the loop
    blocked_s: float
    line: SourceLine

    def __str__(self) -> str:
        who = "code on the event loop" if self.execution_id is None else f"execution {self.execution_id}"
        return f"{self.line} ({who}, for {self.blocked_s:.1f} s)"


@dataclass(slots=True)
class _Watch:
    """What the watchdog's thread knows of the activation it saw last."""

    active: _Activation | None = None
    since_s: float = 0.0
    run_s: float = 0.0  # as `since_s`, without the time in which this process itself was stopped
    reported: bool = False
    next_interrupt_s: float = 0.0


class Watchdog:
    """Watches one thread: that which calls `start`.

    Args:
        threshold_s: activations and stretches of the loop longer than this are reported, once each.
        on_blocked: called on the watchdog's thread; what it raises is logged.
        limit_s: activations longer than this are interrupted with `ActivationBlocked`; None: never.
    """

    def __init__(
        self, threshold_s: float, on_blocked: Callable[[BlockedReport], None], *, limit_s: float | None = None
    ) -> None:
        self._threshold_s, self._limit_s, self._on_blocked = threshold_s, limit_s, on_blocked
        self._poll_s = min(threshold_s, limit_s or threshold_s) / 4
        self._active: _Activation | None = None
        self._armed: tuple[_Activation, type[ActivationBlocked]] | None = None
        self._lock = threading.Lock()
        self._watch = _Watch()
        self._thread_id = 0
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_answered, self._loop_reported, self._loop_asked_s = True, False, 0.0

    # -- on the watched thread ------------------------------------------------------------------------------------
    def start(self) -> None:
        """Watch this thread, and its event loop if one is running."""
        self._thread_id = threading.get_ident()
        self._loop = asyncio._get_running_loop()  # the public one raises outside a loop
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="cerebelum watchdog", daemon=True)
        self._thread.start()

    def run(self, execution_id: str, activate: Callable[..., _Result], *args: Any) -> _Result:
        """Return `activate(*args)`, an activation.

        Raises:
            ActivationBlocked: it ran for longer than the limit; also where its code swallowed the interrupt.
        """
        # No call stands between these lines where an interrupt could surface before the `finally` begins.
        active = self._active = (execution_id, True)
        try:
            return activate(*args)
        finally:
            self._active = None
            if self._armed is not None:
                self._disarm(active)

    def enter(self, execution_id: str) -> None:
        """Begin an activation that `leave` ends. Prefer `run`: here, code that swallows its interrupt gets no second."""
        self._active = (execution_id, False)

    def leave(self) -> None:
        """End the activation; call it in a `finally`.

        Raises:
            ActivationBlocked: as `run` does.
        """
        active, self._active = self._active, None
        if self._armed is not None:
            self._disarm(active)

    def beat(self) -> None:
        """Tell that the loop runs; the watchdog has the loop call it."""
        self._loop_answered = True

    def _disarm(self, active: _Activation | None) -> None:
        with self._lock:
            armed, self._armed = self._armed, None
            _absorb_interrupt(self._thread_id)
        # An interrupt that surfaced right here left its mark: it belongs to an activation that ended before.
        if armed is None or armed[0] is not active:
            return
        if not isinstance(sys.exc_info()[1], armed[1]):  # swallowed, or never delivered
            raise armed[1]

    # -- on any thread --------------------------------------------------------------------------------------------
    def stop(self) -> None:
        """Watch no more; returns when the thread has ended. A watchdog may be started again."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def blocked_s(self) -> float:
        """Return for how many seconds the loop has not answered; 0.0 while it does."""
        return 0.0 if self._loop_answered else max(0.0, real.monotonic() - self._loop_asked_s)

    # -- on the watchdog's own thread -----------------------------------------------------------------------------
    def _run(self) -> None:
        last_s = real.monotonic()
        while not self._stopping.wait(self._poll_s):
            now_s = real.monotonic()
            self._look_at_activation(now_s, min(now_s - last_s, 2 * self._poll_s))
            self._look_at_loop(now_s)
            last_s = now_s

    def _look_at_activation(self, now_s: float, step_s: float) -> None:
        active, watch = self._active, self._watch
        if active is not watch.active:
            self._watch = _Watch(active, now_s, next_interrupt_s=self._limit_s or 0.0)
            return
        if active is None:
            return
        watch.run_s += step_s
        if now_s - watch.since_s >= self._threshold_s and not watch.reported:
            watch.reported = True
            self._report(active[0], now_s - watch.since_s)
        if self._limit_s is not None and watch.run_s >= watch.next_interrupt_s:
            watch.next_interrupt_s = watch.run_s + self._limit_s if active[1] else float("inf")
            self._interrupt(active, now_s - watch.since_s)

    def _look_at_loop(self, now_s: float) -> None:
        loop = self._loop
        if loop is None:
            return
        if self._loop_answered:
            self._loop_answered, self._loop_reported, self._loop_asked_s = False, False, now_s
            try:
                loop.call_soon_threadsafe(self.beat)
            except RuntimeError:  # the loop was closed
                self._loop, self._loop_answered = None, True
        elif self._active is not None:
            self._loop_reported = self._loop_reported or self._watch.reported
        elif now_s - self._loop_asked_s >= self._threshold_s and not self._loop_reported:
            self._loop_reported = True
            self._report(None, now_s - self._loop_asked_s)

    def _report(self, execution_id: str | None, blocked_s: float) -> None:
        report = BlockedReport(execution_id, blocked_s, user_line(self._frame()))
        try:
            self._on_blocked(report)
        except Exception:
            _log.exception("the report of a blocked loop failed", where=str(report))

    def _interrupt(self, active: _Activation, blocked_s: float) -> None:
        frame = self._frame()
        if frame is None or _is_debugged(frame):
            return
        error = _interruption(active[0], str(user_line(frame)), blocked_s)
        del frame  # keeps the locals of the watched code alive
        with self._lock:
            self._armed = (active, error)
            if self._active is active:
                _raise_in(self._thread_id, error)
            else:  # it has ended meanwhile
                self._armed = None

    def _frame(self) -> FrameType | None:
        return sys._current_frames().get(self._thread_id)  # documented; there is no other way


class _Absorbed(BaseException):
    """Takes the place of an interrupt that is no longer wanted."""


def _absorb_interrupt(thread_id: int) -> None:
    """Take back the interrupt of this thread that may be under way.

    Setting none in its place would do by the documentation, but CPython 3.11 then believes for ever that one is
    pending: it looks for it at each call, and hangs at the first call that a debugger or coverage traces
    (https://github.com/python/cpython/blob/v3.11.7/Python/pystate.c, PyThreadState_SetAsyncExc). So another takes its
    place, and is caught.
    """
    try:
        if _raise_in(thread_id, _Absorbed):
            for _ in range(1_000_000):  # it surfaces at the first turn
                pass
    except _Absorbed:
        pass


def _interruption(execution_id: str, line: str, after_s: float) -> type[ActivationBlocked]:
    """Return a class, since the interpreter makes the exception itself, without arguments."""

    class Interruption(ActivationBlocked):
        def __init__(self) -> None:
            super().__init__(execution_id, line=line, after_s=after_s)

    Interruption.__name__, Interruption.__qualname__ = ActivationBlocked.__name__, ActivationBlocked.__qualname__
    Interruption.__module__ = ActivationBlocked.__module__
    return Interruption


def _is_debugged(frame: FrameType) -> bool:
    walker: FrameType | None = frame
    while walker is not None:
        if str(walker.f_globals.get("__name__", "")).split(".", 1)[0] in _DEBUGGERS:
            return True
        walker = walker.f_back
    return False
