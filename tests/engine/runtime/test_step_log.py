from __future__ import annotations

import json
import threading

from cerebelum.engine.domain.events import ErrorInfo
from cerebelum.engine.ports.store import LogLine
from cerebelum.engine.runtime.step_log import MAX_BYTES, MAX_LINE_CHARS, MAX_LINES, StepLog


class Written:
    """A step log and what it gave to its sink."""

    def __init__(self, attempt: int = 1) -> None:
        self.lines: list[LogLine] = []
        self.log = StepLog("exec-1", 2, "charge", attempt, lambda: 1_700_000_000_000_000, self.lines.append)

    @property
    def messages(self) -> list[str]:
        return [line.message for line in self.lines]


def test_a_line_carries_everything_an_entry_must_have() -> None:
    """M4: time, level, message, metadata, execution, step and attempt are on each entry."""
    written = Written(attempt=3)
    written.log.line("info", "charged", b'{"order":1}')
    assert written.lines == [
        LogLine(
            execution_id="exec-1",
            number=2,
            step="charge",
            attempt=3,
            level="info",
            at_us=1_700_000_000_000_000,
            message="charged",
            metadata=b'{"order":1}',
        )
    ]


def test_written_text_becomes_lines_and_an_unfinished_one_is_flushed_at_the_end() -> None:
    """M2: lines are cut at line ends, for each stream by itself; the last one needs none."""
    written = Written()
    written.log.write("stdout", "one\ntw")
    written.log.write("stderr", "warn")
    written.log.write("stdout", "o\r\n\nlast")
    assert written.messages == ["one", "two", ""]
    written.log.close()
    written.log.close()
    assert [(line.level, line.message) for line in written.lines[3:]] == [("stdout", "last"), ("stderr", "warn")]


def test_nothing_is_taken_after_the_end() -> None:
    """M9: what a task or thread writes after its attempt ended belongs to no step."""
    written = Written()
    written.log.close()
    written.log.write("stdout", "late\n")
    written.log.line("info", "late")
    assert written.lines == []


def test_an_attempt_keeps_so_many_lines_and_says_that_it_dropped_the_rest() -> None:
    """M1: a step that logs without end costs a bounded amount, and the reader is told once."""
    written = Written()
    for number in range(MAX_LINES + 50):
        written.log.line("info", str(number))
    assert len(written.lines) == MAX_LINES + 1
    assert written.lines[-1].level == "warning"
    assert "dropped" in written.messages[-1]
    assert written.log.closed


def test_an_attempt_keeps_so_many_bytes() -> None:
    """M1: the limit counts UTF-8 bytes, so that text of any script has the same room in the store."""
    written = Written()
    for _ in range(100):
        written.log.write("stdout", "é" * 10_000 + "\n")
    kept = sum(len(message.encode()) for message in written.messages[:-1])
    assert MAX_BYTES - 20_000 < kept <= MAX_BYTES
    assert "dropped" in written.messages[-1]


def test_a_long_line_is_cut_with_a_mark() -> None:
    """M1: one line has a limit, whether it comes at once or in pieces that never end."""
    written = Written()
    written.log.line("info", "x" * 1_000_000)
    for _ in range(300):
        written.log.write("stdout", "y" * 1_000)
    written.log.write("stdout", "\nnext\n")
    assert [len(message) for message in written.messages] == [MAX_LINE_CHARS, MAX_LINE_CHARS, 4]
    assert all(message.endswith("(line cut)") for message in written.messages[:2])


def test_a_failed_attempt_is_described_even_in_a_full_log() -> None:
    """M3: traceback, duration and attempt are kept without a call by the author, whatever the step printed."""
    written = Written(attempt=2)
    while not written.log.closed:
        written.log.write("stdout", "x" * 50_000 + "\n")
    error = ErrorInfo(type="shop:Declined", message="no funds", traceback="Traceback …\nshop.Declined: no funds")
    written.log.failed(error, 1_500_000, retry_at_us=5)
    last = written.lines[-1]
    assert (last.level, last.attempt) == ("error", 2)
    assert last.message.startswith(
        "attempt 2 failed after 1.500 s: Declined: no funds; it will be retried\nTraceback …"
    )
    assert json.loads(last.metadata) == {"duration_ms": 1500.0, "error": "shop:Declined", "retry_at_us": 5}


def test_the_time_an_attempt_took_is_one_line_after_its_output() -> None:
    """M3: timing follows what the step wrote, unfinished lines included."""
    written = Written()
    written.log.write("stdout", "half")
    written.log.timing(46_000)
    assert written.messages == ["half", "attempt 1 completed in 0.046 s"]
    assert json.loads(written.lines[1].metadata) == {"duration_ms": 46.0}


def test_text_that_no_store_takes_is_made_storable() -> None:
    """M6: NUL and lone surrogates cannot stop the commit that carries the line."""
    written = Written()
    written.log.write("stdout", "a\x00b\udc80é\n")
    assert written.messages == ["a\\x00b\\udc80é"]


def test_secrets_are_masked_before_they_are_kept() -> None:
    """M4: a password that a step prints never reaches the store."""
    written = Written()
    written.log.write("stdout", "{'password': 'hunter2'} postgres://app:hunter2@db\n")
    written.log.line("info", "x" * (MAX_LINE_CHARS - 30) + " postgres://app:" + "hunter2" * 20 + "@db")
    assert "hunter2" not in "".join(written.messages)


def test_threads_may_write_at_the_same_time() -> None:
    """M9: no line of many threads is lost or mixed with another."""
    written = Written()

    def write(number: int) -> None:
        for _ in range(200):
            written.log.write("stdout", f"{number} {'x' * 50} {number}\n")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written.messages) == sorted(f"{n} {'x' * 50} {n}" for n in range(8) for _ in range(200))


def test_a_sink_that_prints_ends_there() -> None:
    """M2: output made while a line is taken (a destructor, a careless sink) is not taken in turn, for ever."""
    lines: list[str] = []

    def sink(line: LogLine) -> None:
        lines.append(line.message)
        log.write("stdout", "again\n")

    log = StepLog("exec-1", 1, "s", 1, lambda: 0, sink)
    log.write("stdout", "once\n")
    assert lines == ["once"]
