"""`sys.stdout` and `sys.stderr` that show a step's output as ever, and give a copy to its log."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.runtime.step_log import capture
from cerebelum.engine.runtime.workflow_output import is_silent, take_text


class OutputStream:
    """Stands for the real stream in everything but `write`.

    Not captured: bytes written to `.buffer`, and what is written past Python (subprocesses, C code).

    Args:
        real: the stream that was there; None when the process has none.
        name: stdout or stderr, the level of the captured lines.
    """

    def __init__(self, real: Any, name: str) -> None:
        self.real, self._name = real, name
        self.active = True  # False after uninstall: someone may still hold it

    def write(self, text: str) -> int:
        """Write to the real stream, and to the log of the running step."""
        activation = slot.activation
        if activation is not None:
            return self._write_of_workflow(activation, text)
        log = capture.get()
        # Anything but text is refused by the real stream, in its own words.
        if log is None or log.closed or not self.active or not isinstance(text, str):
            return self._pass(text)
        log.write(self._name, text)
        # The real stream may in turn be a wrapper over one of ours: taken once is enough.
        token = capture.set(None)
        try:
            return self._pass(text)
        finally:
            capture.reset(token)

    def _write_of_workflow(self, activation: Any, text: str) -> int:
        if not self.active:
            return self._pass(text)
        if is_silent(activation):
            return len(text)
        take_text(activation, self._name, text)
        slot.activation = None
        try:
            return self._pass(text)
        finally:
            slot.activation = activation

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of `lines`; no line ends are added."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the real stream."""
        if self.real is not None:
            self.real.flush()

    def _pass(self, text: str) -> int:
        return len(text) if self.real is None else self.real.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["real"], name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.real)


_streams: weakref.WeakSet[OutputStream] = weakref.WeakSet()


def wrap_streams() -> None:
    """Put an active `OutputStream` over stdout and stderr, where none is yet."""
    if not _is_wrapped(sys.stdout):
        sys.stdout = _wrapped(sys.stdout, "stdout")
    if not _is_wrapped(sys.stderr):
        sys.stderr = _wrapped(sys.stderr, "stderr")


def unwrap_streams() -> None:
    """Undo `wrap_streams`. What someone has put over ours since stays, and ours under it only passes on."""
    for stream in list(_streams):
        stream.active = False
    _streams.clear()
    sys.stdout, sys.stderr = _unwrapped(sys.stdout), _unwrapped(sys.stderr)


def _unwrapped(stream: Any) -> Any:
    while type(stream) is OutputStream:
        stream = stream.real
    return stream


def _is_wrapped(stream: Any) -> bool:
    return type(stream) is OutputStream and stream.active


def _wrapped(real: Any, name: str) -> Any:
    stream = OutputStream(real, name)
    _streams.add(stream)
    return stream
