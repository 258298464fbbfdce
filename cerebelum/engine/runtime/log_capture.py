"""Whatever a running step logs or prints reaches its `StepLog`, without a call by the author.

Rules:
- A step is known by the context variable `capture`, set by `bind`: asyncio tasks inherit it; threads have it when they are started
  through `contextvars.copy_context().run`. Where it is unset, logging and printing are as if this module were not there.
- Records are taken in `Logger.callHandlers`, after the logger's own filters, which may redact. Levels are lifted for
  capture only: handlers still get no record that their logger's level keeps back. Disabled loggers stay silent.
- While handlers run, capture is off, else a handler that writes to stderr would be captured a second time.
- Workflow code is not a step: see `workflow_output`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Token
from typing import Any

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.runtime.log_metadata import level_name, message_of, metadata_of
from cerebelum.engine.runtime.output_streams import unwrap_streams, wrap_streams
from cerebelum.engine.runtime.step_log import StepLog, capture
from cerebelum.engine.runtime.workflow_output import is_silent, take_line

__all__ = ["StepLog", "bind", "capture", "install", "installed", "uninstall"]

_Method = Callable[..., Any]


class _Installation:
    """What was replaced, and by how many engines of this process it is wanted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted = 0
        self.replaced: dict[str, tuple[_Method, _Method]] = {}  # name of the Logger method -> original, ours


_installation = _Installation()


def install() -> None:
    """Begin to capture. Counted: each call needs its `uninstall`."""
    with _installation.lock:
        _installation.wanted += 1
        if _installation.wanted > 1:
            return
        enabled, handle = logging.Logger.isEnabledFor, logging.Logger.callHandlers
        _installation.replaced = {
            "isEnabledFor": (enabled, _capturing_is_enabled_for(enabled)),
            "callHandlers": (handle, _capturing_call_handlers(handle, enabled)),
        }
        for name, (_, ours) in _installation.replaced.items():
            setattr(logging.Logger, name, ours)
        wrap_streams()


def uninstall() -> None:
    """Undo one `install`; the last one puts everything back. What others replaced since then is left to them."""
    with _installation.lock:
        if _installation.wanted == 0:
            return
        _installation.wanted -= 1
        if _installation.wanted:
            return
        for name, (original, ours) in _installation.replaced.items():
            if getattr(logging.Logger, name) is ours:
                setattr(logging.Logger, name, original)
        unwrap_streams()


def bind(log: StepLog) -> Token[StepLog | None]:
    """Capture into `log` in the current context; return the token for `capture.reset`.

    Unlike a bare `capture.set`, it follows a stdout or stderr that was replaced since `install`.
    """
    if _installation.wanted:
        wrap_streams()
    return capture.set(log)


@contextmanager
def installed() -> Iterator[None]:
    """Capture within the block."""
    install()
    try:
        yield
    finally:
        uninstall()


def _capturing_is_enabled_for(original: _Method) -> _Method:
    def isEnabledFor(self: logging.Logger, level: int) -> Any:  # noqa: N802 - the name of logging
        activation = slot.activation
        if activation is not None:
            # The same answer live and in a replay: code may branch on it. `callHandlers` keeps the replay silent.
            return bool(original(self, level)) or (hasattr(activation, "log_line") and not self.disabled)
        log = capture.get()
        if log is None or log.closed:
            return original(self, level)
        return not self.disabled

    return isEnabledFor


def _capturing_call_handlers(original: _Method, enabled: _Method) -> _Method:
    def callHandlers(self: logging.Logger, record: logging.LogRecord) -> Any:  # noqa: N802 - the name of logging
        activation = slot.activation
        if activation is not None:
            return _of_workflow(activation, self, record)
        log = capture.get()
        if log is None or log.closed:
            return original(self, record)
        log.line(level_name(record.levelno), message_of(record), metadata_of(record))
        if not enabled(self, record.levelno):
            return None
        token = capture.set(None)
        try:
            return original(self, record)
        finally:
            capture.reset(token)

    def _of_workflow(activation: Any, logger: logging.Logger, record: logging.LogRecord) -> Any:
        if is_silent(activation):
            return None
        take_line(activation, level_name(record.levelno), message_of(record))
        if not enabled(logger, record.levelno):
            return None
        # Handlers are no workflow code: they may tell the time, and what they print is not taken again.
        slot.activation = None
        try:
            return original(logger, record)
        finally:
            slot.activation = activation

    return callHandlers
