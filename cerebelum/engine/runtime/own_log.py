"""The engine's own log. Where the application has configured structlog, it goes there; else plain lines to stderr.

Never to stdout, which is data, and never tracebacks with locals, which would print secrets. structlog brings rich, a tenth
of what a command imports: it is imported for the first line, and most commands end without one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

_WARNING = 30


class _SetUp:
    at_first_line: Callable[[], None] | None = None


def set_up_at_first_line(set_up: Callable[[], None] | None) -> None:
    """Have structlog configured by this call when the first line comes, unless the application has done so by then."""
    _SetUp.at_first_line = set_up


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
        import structlog

        if not structlog.is_configured() and _SetUp.at_first_line is not None:
            _SetUp.at_first_line()
        if structlog.is_configured():
            return structlog.get_logger(self._name)
        plain = (
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
        )
        wrapper = structlog.make_filtering_bound_logger(_WARNING)
        return structlog.wrap_logger(structlog.PrintLogger(sys.stderr), processors=plain, wrapper_class=wrapper)
