"""Puts every replacement in place, once per process, and proves that each of them answers from the activation."""

from __future__ import annotations

import os
import platform
import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from cerebelum.engine.authoring.activation import Activation, slot
from cerebelum.engine.domain.errors_determinism import InterceptionUnavailable
from cerebelum.engine.runtime.interception import chance, clock, concurrency, dates, forbidden

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROBE_US = 86_400_000_000 + 123_456  # long gone: no real clock reads it
_PROBE_SEED = 1

_lock = threading.Lock()
_installed = False


class _Probe:
    """As much of an activation as the replacements ask for."""

    execution_id = "self-check"

    def __init__(self) -> None:
        self.rng = random.Random(_PROBE_SEED)  # a workflow's randomness is repeatable on purpose

    def now_us(self) -> int:
        return _PROBE_US


def install() -> None:
    """Let workflow code read its execution's time and randomness. Calling it again costs nothing.

    Raises:
        InterceptionUnavailable: this interpreter does not allow it, or another library has undone it.
    """
    global _installed  # noqa: PLW0603  # the interpreter is patched once per process, whoever asks
    with _lock:
        if _installed:
            return
        for part in (clock, dates, chance, concurrency, forbidden):
            try:
                part.apply()
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise InterceptionUnavailable(_interpreter(), (str(error),)) from error
        self_check()
        _installed = True


def self_check() -> None:
    """Read every clock and generator as a workflow would, and compare.

    Raises:
        InterceptionUnavailable: some of them answered with the real thing; all of them are named.
    """
    before = slot.activation
    escaped = []
    for name, read, expected in _probes():
        slot.activation = cast("Activation", _Probe())
        try:
            if read() != expected:
                escaped.append(name)
        finally:
            slot.activation = before
    if escaped:
        raise InterceptionUnavailable(_interpreter(), tuple(escaped))


def _drawn(draw: Callable[[random.Random], Any]) -> Any:
    return draw(random.Random(_PROBE_SEED))


def _interpreter() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def _probes() -> list[tuple[str, Callable[[], Any], Any]]:
    now_s = _PROBE_US / 1_000_000
    some_bytes = _drawn(lambda rng: rng.randbytes(16))
    return [
        ("time.time", time.time, now_s),
        ("time.time_ns", time.time_ns, _PROBE_US * 1000),
        ("time.monotonic", time.monotonic, now_s),
        ("time.perf_counter", time.perf_counter, now_s),
        ("time.gmtime", time.gmtime, time.gmtime(now_s)),
        ("datetime.now", lambda: datetime.now(UTC), _EPOCH + timedelta(microseconds=_PROBE_US)),
        ("datetime.now, naive", datetime.now, datetime.fromtimestamp(now_s, UTC).replace(tzinfo=None)),
        ("datetime.timestamp", (_EPOCH + timedelta(microseconds=_PROBE_US)).replace(tzinfo=None).timestamp, now_s),
        ("date.today", date.today, datetime.fromtimestamp(now_s, UTC).date()),
        ("random.random", random.random, _drawn(lambda rng: rng.random())),
        ("random.getrandbits", lambda: random.getrandbits(64), _drawn(lambda rng: rng.getrandbits(64))),
        ("os.urandom", lambda: os.urandom(16), some_bytes),
        ("secrets.token_bytes", lambda: secrets.token_bytes(16), some_bytes),
        ("uuid.uuid4", uuid.uuid4, uuid.UUID(bytes=some_bytes, version=4)),
    ]
