"""The process's own log: short plain lines on stderr. Never tracebacks with locals: they would print secrets."""

from __future__ import annotations

import logging
import os
from typing import Any

import structlog

from cerebelum.engine.domain.terminal_text import visible
from cerebelum_cli.streams import err

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


def configure(level: str | None = None) -> None:
    """Set up structlog: lines from `level` on, default CEREBELUM_LOG_LEVEL, else warning."""
    name = (level or os.environ.get("CEREBELUM_LOG_LEVEL") or "warning").lower()
    least = _LEVELS.get(name, logging.WARNING)
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.format_exc_info, _line],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_StderrLogger,
        cache_logger_on_first_use=False,
    )


class _StderrLogger:
    """Writes to whatever stderr is when the line comes: a live view may stand in front of it."""

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, message: str) -> None:
        """Write one line."""
        err(message)

    debug = info = warning = error = critical = exception = msg


def _line(_: Any, __: str, entry: Any) -> str:
    from cerebelum.engine.runtime.masking import mask_text

    level, event, trace = entry.pop("level", "info"), entry.pop("event", ""), entry.pop("exception", "")
    facts = " ".join(f"{name}={value}" for name, value in entry.items())
    line = visible(mask_text(f"{level}: {event} {facts}".rstrip()), keep_newlines=False)
    return f"{line}\n{visible(mask_text(trace))}" if trace else line
