"""The process's own log: short plain lines on stderr. Never tracebacks with locals: they would print secrets."""

from __future__ import annotations

import logging
import sys
from typing import Any

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.own_log import set_up_at_first_line
from cerebelum_cli.streams import err

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


def configure(level: str | None = None) -> None:
    """Set up structlog: lines from `level` on; by default what the setting `log_level` says."""
    import structlog

    from cerebelum_cli.settings import settled

    least = _LEVELS.get(level or settled().settings.log_level, logging.WARNING)
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.format_exc_info, _line],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_StderrLogger,
        cache_logger_on_first_use=False,
    )


def configure_when_needed() -> None:
    """As `configure`, but only once there is a line, or user code that was loaded logs with structlog too.

    What user code has configured stays.
    """
    set_up_at_first_line(configure)
    if "structlog" not in sys.modules:
        return
    import structlog

    if not structlog.is_configured():
        configure()


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
