"""Workflow time in the `time` module. Every clock of it reads the same instant, that of the event being applied.

Local time is UTC in workflows: the zone of the process would be another on the next node.
"""

from __future__ import annotations

import time
from asyncio.base_events import BaseEventLoop
from calendar import timegm
from collections.abc import Callable
from typing import Any

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.runtime.interception import real
from cerebelum.engine.runtime.interception.replacement import Replacements

clock = Replacements(__name__, "clock")

_IN_SECONDS = ("time", "monotonic", "perf_counter", "process_time", "thread_time")


def _seconds(original: Callable[[], float]) -> Callable[..., float]:
    def reading(_: Replacements) -> float:
        activation = slot.activation
        return original() if activation is None else activation.now_us() / 1_000_000

    return reading


def _nanoseconds(original: Callable[[], int]) -> Callable[..., int]:
    def reading(_: Replacements) -> int:
        activation = slot.activation
        return original() if activation is None else activation.now_us() * 1000

    return reading


def _of_any_clock(original: Callable[[int], Any], reading: Callable[[int], Any]) -> Callable[..., Any]:
    def clock_reading(_: Replacements, clock_id: int, /) -> Any:
        activation = slot.activation
        return original(clock_id) if activation is None else reading(activation.now_us())

    return clock_reading


for _name in _IN_SECONDS:
    if hasattr(time, _name):  # thread_time is missing on some systems
        clock.add(time, _name, _seconds(getattr(time, _name)))
        clock.add(time, f"{_name}_ns", _nanoseconds(getattr(time, f"{_name}_ns")))
if hasattr(time, "clock_gettime"):  # Unix only
    clock.add(time, "clock_gettime", _of_any_clock(time.clock_gettime, lambda now_us: now_us / 1_000_000))
    clock.add(time, "clock_gettime_ns", _of_any_clock(time.clock_gettime_ns, lambda now_us: now_us * 1000))


@clock.replaces(time, "localtime")
def _localtime(_: Replacements, seconds: float | None = None, /) -> time.struct_time:
    if slot.activation is None:
        return real.localtime(seconds)
    return real.gmtime(_now_or_none() if seconds is None else seconds)


@clock.replaces(time, "gmtime")
def _gmtime(_: Replacements, seconds: float | None = None, /) -> time.struct_time:
    return real.gmtime(_now_or_none() if seconds is None else seconds)


@clock.replaces(time, "ctime")
def _ctime(_: Replacements, seconds: float | None = None, /) -> str:
    return real.ctime(seconds) if slot.activation is None else real.asctime(_localtime(_, seconds))


@clock.replaces(time, "mktime")
def _mktime(_: Replacements, moment: Any, /) -> float:
    return real.mktime(moment) if slot.activation is None else float(timegm(moment))


@clock.replaces(time, "asctime")
def _asctime(_: Replacements, *moment: Any) -> str:
    return real.asctime(*moment) if moment or slot.activation is None else real.asctime(_localtime(_))


@clock.replaces(time, "strftime")
def _strftime(_: Replacements, *arguments: Any) -> str:  # (format, moment=now)
    if len(arguments) != 1 or slot.activation is None:
        return real.strftime(*arguments)
    return real.strftime(arguments[0], _localtime(_))


def _now_or_none() -> float | None:
    activation = slot.activation
    return None if activation is None else activation.now_us() / 1_000_000


def apply() -> None:
    """Put workflow time in place; the loops of asyncio, which are no workflow code, keep real time."""
    clock.apply()
    # An engine that arms a timer of the node's loop in the midst of an activation means real seconds.
    BaseEventLoop.time = _loop_time  # type: ignore[assignment]


def _loop_time(_: BaseEventLoop) -> float:
    return real.monotonic()
