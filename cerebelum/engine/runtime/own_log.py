"""The engine's own log. Where the application has configured structlog, it goes there; else plain lines to stderr.

Never to stdout, which is data, and never tracebacks with locals, which would print secrets.
"""

from __future__ import annotations

import sys
from typing import Any

import structlog

_WARNING = 30
_PLAIN = (
    structlog.processors.add_log_level,
    structlog.processors.format_exc_info,
    structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
)


class OwnLog:
    """A named log; asks at each call how structlog is configured, so that nothing global is set here."""

    def __init__(self, name: str) -> None:
        self._name = name

    def info(self, event: str, **facts: object) -> None:
        self._logger().info(event, **facts)

    def warning(self, event: str, **facts: object) -> None:
        self._logger().warning(event, **facts)

    def error(self, event: str, **facts: object) -> None:
        self._logger().error(event, **facts)

    def exception(self, event: str, **facts: object) -> None:
        self._logger().exception(event, **facts)

    def _logger(self) -> Any:
        if structlog.is_configured():
            return structlog.get_logger(self._name)
        wrapper = structlog.make_filtering_bound_logger(_WARNING)
        return structlog.wrap_logger(structlog.PrintLogger(sys.stderr), processors=_PLAIN, wrapper_class=wrapper)
