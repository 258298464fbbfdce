"""The log of one attempt of one step: lines in, `LogLine`s out; bounded, masked, safe in every thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar

from cerebelum.engine.domain.durations import US_PER_S
from cerebelum.engine.domain.events import ErrorInfo
from cerebelum.engine.ports.store import LogLine
from cerebelum.engine.runtime.log_metadata import encode_metadata
from cerebelum.engine.runtime.masking import mask_cut, mask_text

MAX_LINES = 10_000  # of one attempt
MAX_BYTES = 1 << 20  # of one attempt: messages and metadata, as UTF-8
MAX_LINE_CHARS = 64 << 10  # of one line
_CUT = " … (line cut)"
_DROPPED = f"the rest of this attempt's output was dropped: more than {MAX_LINES:,} lines or {MAX_BYTES >> 20} MiB"


class StepLog:
    """What a running attempt prints and logs.

    Bind it with `log_capture.bind(log)` in the context the step runs in; call `close()` when the attempt has ended: output
    of tasks and threads that outlive it is left alone.

    Args:
        execution_id: of the execution.
        number: the step's command; 0 for workflow code.
        step: the step's name.
        attempt: from 1.
        clock: returns microseconds since the Unix epoch.
        sink: takes each line; called in whatever thread the line comes from, so it must neither block nor print.
    """

    __slots__ = (
        "_attempt", "_busy", "_bytes_left", "_clock", "_execution_id", "_lines_left", "_lock", "_number", "_partial",
        "_sink", "_step", "closed",
    )  # fmt: skip

    def __init__(
        self,
        execution_id: str,
        number: int,
        step: str,
        attempt: int,
        clock: Callable[[], int],
        sink: Callable[[LogLine], None],
    ) -> None:
        self._execution_id, self._number, self._step, self._attempt = execution_id, number, step, attempt
        self._clock, self._sink = clock, sink
        self._lock = threading.RLock()
        self._busy = False
        self._lines_left, self._bytes_left = MAX_LINES, MAX_BYTES
        self._partial: dict[str, str] | None = None  # stream -> its unfinished line
        self.closed = False  # ended or full: nothing more is taken

    def write(self, stream: str, text: str) -> None:
        """Take text written to `stdout` or `stderr`; whole lines go on, the rest waits for its end."""
        with self._lock:
            if self._busy or self.closed:  # busy: a destructor prints while this very line is taken
                return
            self._busy = True
            try:
                self._write(stream, text)
            finally:
                self._busy = False

    def line(self, level: str, message: str, metadata: bytes = b"{}") -> None:
        """Take one entry of level debug, info, warning, error or critical."""
        with self._lock:
            if self._busy or self.closed:
                return
            self._busy = True
            try:
                self._emit(level, message, metadata)
            finally:
                self._busy = False

    def failed(self, error: ErrorInfo, duration_us: int, *, retry_at_us: int | None = None) -> None:
        """Add how the attempt failed: traceback, duration, and whether it is tried again. Kept even of a full log."""
        seconds = duration_us / US_PER_S
        then = "" if retry_at_us is None else "; it will be retried"
        text = f"attempt {self._attempt} failed after {seconds:.3f} s: {error.name}: {error.message}{then}"
        facts = {"duration_ms": duration_us / 1000, "error": error.type, "retry_at_us": retry_at_us}
        self._outcome("error", f"{text}\n{error.traceback}".rstrip(), encode_metadata(facts))

    def timing(self, duration_us: int, outcome: str = "completed") -> None:
        """Add how long the attempt took. Kept even of a full log."""
        text = f"attempt {self._attempt} {outcome} in {duration_us / US_PER_S:.3f} s"
        self._outcome("info", text, encode_metadata({"duration_ms": duration_us / 1000}))

    def close(self) -> None:
        """Flush unfinished lines; take nothing from now on. Idempotent."""
        if self._partial:
            with self._lock:
                self._flush()
        self.closed = True

    def _outcome(self, level: str, message: str, metadata: bytes) -> None:
        with self._lock:
            self._flush()
            self._send(level, mask_cut(message, MAX_LINE_CHARS), metadata)

    def _flush(self) -> None:
        partial, self._partial = self._partial, None
        for stream, text in (partial or {}).items():
            if text and not self.closed:
                self._emit(stream, text, b"{}")

    def _write(self, stream: str, text: str) -> None:
        if self._partial is None:
            self._partial = {}
        waiting = self._partial.get(stream, "")
        if "\n" not in text:
            # An endless line is cut anyway: what is far beyond its limit need not be kept.
            self._partial[stream] = (waiting + text)[: 2 * MAX_LINE_CHARS]
            return
        *lines, rest = (waiting + text).split("\n")
        self._partial[stream] = rest
        for line in lines:
            if self.closed:
                return
            self._emit(stream, line.removesuffix("\r"), b"{}")

    def _emit(self, level: str, message: str, metadata: bytes) -> None:
        if len(message) > MAX_LINE_CHARS:
            message = mask_cut(message, MAX_LINE_CHARS - len(_CUT)) + _CUT
        else:
            message = mask_text(message)
        size = len(metadata) + (len(message) if message.isascii() else len(message.encode("utf-8", "replace")))
        self._lines_left -= 1
        self._bytes_left -= size
        if self._lines_left < 0 or self._bytes_left < 0:
            self.closed = True
            self._send("warning", _DROPPED, b"{}")
            return
        self._send(level, message, metadata)

    def _send(self, level: str, message: str, metadata: bytes) -> None:
        if "\x00" in message or not message.isascii():
            # Neither NUL (PostgreSQL) nor a lone surrogate (UTF-8) can be stored, and one line must not stop a commit.
            message = message.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
        self._sink(
            LogLine(
                execution_id=self._execution_id,
                number=self._number,
                step=self._step,
                attempt=self._attempt,
                level=level,
                at_us=self._clock(),
                message=message,
                metadata=metadata,
            )
        )


capture: ContextVar[StepLog | None] = ContextVar("cerebelum_step_log", default=None)
