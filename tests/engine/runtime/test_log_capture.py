# ruff: noqa: T201, T203 - printing is what is tested
from __future__ import annotations

import asyncio
import contextvars
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pprint import pprint
from typing import Any

import pytest

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.ports.store import LogLine
from cerebelum.engine.runtime.log_capture import StepLog, bind, capture, install, installed, uninstall
from cerebelum.engine.runtime.output_streams import wrap_streams

LEVELS = ["debug", "info", "warning", "error", "critical"]


@pytest.fixture(autouse=True)
def capturing(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    with installed():
        yield


@pytest.fixture
def logger(request: pytest.FixtureRequest) -> Iterator[logging.Logger]:
    made = logging.getLogger(f"tests.{request.node.name}")
    made.propagate = False
    yield made
    made.handlers.clear()
    logging.Logger.manager.loggerDict.pop(made.name, None)


@contextmanager
def running_step(name: str = "charge") -> Iterator[list[LogLine]]:
    """Bind a step log to this context, as the step runner does."""
    lines: list[LogLine] = []
    log = StepLog(f"exec-{name}", 1, name, 1, lambda: 0, lines.append)
    token = bind(log)
    try:
        yield lines
    finally:
        capture.reset(token)
        log.close()


@contextmanager
def workflow_code(activation: Any) -> Iterator[None]:
    """Bind an activation to this thread, as a workflow run does."""
    wrap_streams()  # pytest replaced the streams after the fixture ran
    slot.activation = activation
    try:
        yield
    finally:
        slot.activation = None


def shown(lines: list[LogLine]) -> list[tuple[str, str]]:
    return [(line.level, line.message) for line in lines]


@pytest.mark.parametrize("level", [logging.NOTSET, logging.DEBUG, logging.ERROR, logging.CRITICAL + 1])
def test_every_level_is_captured_whatever_the_logger_lets_through(logger: logging.Logger, level: int) -> None:
    """M1: one call for each level gives five entries at any logger level."""
    logger.setLevel(level)
    with running_step() as lines:
        for name in LEVELS:
            getattr(logger, name)("at %s", name)
        logger.log(25, "between")
    assert shown(lines) == [(name, f"at {name}") for name in LEVELS] + [("info", "between")]


def test_logging_disabled_for_the_process_is_captured_and_stays_silent(logger: logging.Logger) -> None:
    """M1: `logging.disable` keeps handlers quiet, not the step's log."""
    stream = io.StringIO()
    logger.addHandler(logging.StreamHandler(stream))
    logging.disable(logging.CRITICAL)
    try:
        with running_step() as lines:
            logger.error("kept")
    finally:
        logging.disable(logging.NOTSET)
    assert (shown(lines), stream.getvalue()) == ([("error", "kept")], "")


def test_handlers_get_what_their_loggers_level_lets_through_and_no_more(logger: logging.Logger) -> None:
    """M9: capture lifts no level for anyone else."""
    stream = io.StringIO()
    logger.addHandler(logging.StreamHandler(stream))
    logger.setLevel(logging.WARNING)
    with running_step() as lines:
        logger.info("quiet")
        logger.warning("loud")
    logger.info("outside")
    assert stream.getvalue() == "loud\n"
    assert len(lines) == 2


def test_a_handler_on_stderr_is_not_captured_a_second_time(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """M1: a record shown on the console is one entry."""
    with running_step() as lines:
        logger.addHandler(logging.StreamHandler(sys.stderr))
        logger.warning("once")
    assert shown(lines) == [("warning", "once")]
    assert capsys.readouterr().err == "once\n"


def test_a_filter_of_the_logger_may_redact_or_refuse(logger: logging.Logger) -> None:
    """M1: the author's own filters apply before anything is kept."""

    def redact(record: logging.LogRecord) -> bool:
        record.msg = record.msg.replace("4111", "****")
        return "skip" not in record.msg

    logger.addFilter(redact)
    with running_step() as lines:
        logger.debug("card 4111")
        logger.debug("skip me")
    assert shown(lines) == [("debug", "card ****")]


def test_extra_fields_land_in_the_metadata_and_secrets_are_masked(logger: logging.Logger) -> None:
    """M4: `extra=` becomes metadata beside the logger's name, as JSON."""
    with running_step() as lines:
        logger.info("plain")
        logger.info("x", extra={"order": 7, "tags": ["a"], "password": "p", "box": object(), "bad": "\udc80\x00"})
    assert json.loads(lines[0].metadata) == {"logger": logger.name}
    found = json.loads(lines[1].metadata)
    assert (found["logger"], found["password"], found["box"]) == (logger.name, "•••", "<object object>")
    assert (found["order"], found["bad"]) == (7, "\\udc80\ufffd")


def test_plain_extra_fields_keep_their_types(logger: logging.Logger) -> None:
    """M4: numbers, lists and objects stay what they are, so that they can be searched."""
    extra = {"order": 7, "tags": ["a"], "at": {"x": 1.5}}
    with running_step() as lines:
        logger.info("x", extra=extra)
        logger.info("y", extra={"huge": {str(n): "v" * 100 for n in range(1_000)}})
    assert json.loads(lines[0].metadata) == {"logger": logger.name, **extra}
    assert len(lines[1].metadata) < 20_000


def test_a_logged_exception_brings_its_traceback(logger: logging.Logger) -> None:
    """M3: `logger.exception` keeps where it happened."""
    with running_step() as lines:
        try:
            raise KeyError("zip")
        except KeyError:
            logger.exception("failed")
    assert lines[0].message.startswith("failed\nTraceback (most recent call last):")
    assert lines[0].message.endswith("KeyError: 'zip'")


def test_a_message_that_cannot_be_formatted_is_kept_as_it_is(logger: logging.Logger) -> None:
    """M1: a mistake in a log call costs neither the step nor the entry."""
    logger.setLevel(logging.CRITICAL)
    with running_step() as lines:
        logger.info("%d items", "many")
    assert shown(lines) == [("info", "'%d items' with arguments ('many',)")]


def test_prints_are_captured_and_still_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """M2: print, pretty-print and direct writes reach both the log and the console."""
    with running_step() as lines:
        print("one", 2, sep="-")
        pprint({"a": 1})
        sys.stdout.writelines(["three\n"])
        print("oops", file=sys.stderr)
        print("no end", end="")
    out, err = capsys.readouterr()
    assert shown(lines) == [
        ("stdout", "one-2"),
        ("stdout", "{'a': 1}"),
        ("stdout", "three"),
        ("stderr", "oops"),
        ("stdout", "no end"),
    ]
    assert (out, err) == ("one-2\n{'a': 1}\nthree\nno end", "oops\n")


def test_output_that_the_step_redirects_is_left_to_it() -> None:
    """M2: `redirect_stdout` inside a step works as ever."""
    with running_step() as lines, redirect_stdout(io.StringIO()) as taken:
        print("mine")
    assert (taken.getvalue(), lines) == ("mine\n", [])


def test_outside_a_step_nothing_is_captured(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """M9: printing and logging outside a step are left alone, levels included."""
    with running_step() as lines:
        pass
    print("outside")
    logger.setLevel(logging.WARNING)
    assert not logger.isEnabledFor(logging.INFO)
    assert (lines, capsys.readouterr().out) == ([], "outside\n")


async def test_fifty_concurrent_steps_hold_only_their_own_lines(logger: logging.Logger) -> None:
    """M9: output of concurrent tasks, of their child tasks and of their threads never mixes."""
    barrier = asyncio.Barrier(50)

    async def branch(name: str) -> None:
        await barrier.wait()
        print("branch", name)

    async def step(name: str) -> list[LogLine]:
        with running_step(name) as lines:
            print("start", end=" ")
            await barrier.wait()
            print(name)
            await asyncio.gather(asyncio.to_thread(print, "thread", name), branch(name))
            logger.debug("end %s", name)
        return lines

    names = [f"step-{number}" for number in range(50)]
    results = await asyncio.gather(*(step(name) for name in names))
    for name, lines in zip(names, results, strict=True):
        assert {line.step for line in lines} == {name}
        expected = [("stdout", f"start {name}"), ("stdout", f"branch {name}"), ("stdout", f"thread {name}")]
        assert sorted(shown(lines)) == sorted([*expected, ("debug", f"end {name}")])


def test_a_thread_belongs_to_a_step_only_when_started_in_its_context() -> None:
    """M9: a thread of the step's runner is captured, a stranger's thread is not."""
    with running_step() as lines:
        inside = threading.Thread(target=contextvars.copy_context().run, args=(print, "inside"))
        outside = threading.Thread(target=contextvars.Context().run, args=(print, "outside"))
        for thread in (inside, outside):
            thread.start()
            thread.join()
    assert shown(lines) == [("stdout", "inside")]


def test_two_engines_share_the_capture_and_the_last_puts_everything_back() -> None:
    """M9: install is counted, and uninstall restores the originals."""
    uninstall()
    before = (sys.stdout, sys.stderr, logging.Logger.isEnabledFor, logging.Logger.callHandlers)
    install()
    install()
    uninstall()
    with running_step() as lines:
        print("still")
    assert shown(lines) == [("stdout", "still")]
    uninstall()
    uninstall()
    assert (sys.stdout, sys.stderr, logging.Logger.isEnabledFor, logging.Logger.callHandlers) == before
    install()


class Wrapper:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def write(self, text: str) -> Any:
        return self.inner.write(text)


def test_streams_put_over_ours_stay_and_a_line_is_captured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """M2: whoever replaces stdout in between keeps the replacement, and no line is doubled."""
    wrap_streams()
    wrapper: Any = Wrapper(sys.stdout)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", wrapper)
        with running_step() as first:
            print("once")
        uninstall()
        assert sys.stdout is wrapper
        install()
        with running_step() as second:
            print("again")
    assert (shown(first), shown(second)) == ([("stdout", "once")], [("stdout", "again")])


def test_a_stdout_replaced_after_install_is_followed(capsys: pytest.CaptureFixture[str]) -> None:
    """M2: an engine that outlives a replaced stdout still captures its steps."""
    with redirect_stdout(io.StringIO()) as taken, running_step() as lines:
        print("both")
    assert (taken.getvalue(), shown(lines)) == ("both\n", [("stdout", "both")])


def test_a_process_without_a_console_captures_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """M2: where sys.stdout is None, a print is captured and shown nowhere."""
    uninstall()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", None)
        with installed(), running_step() as lines:
            print("daemon", flush=True)
        assert sys.stdout is None
    install()
    assert shown(lines) == [("stdout", "daemon")]


class Live:
    replaying = False

    def now_us(self) -> int:
        return 0

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def log_line(self, level: str, message: str) -> None:
        self.lines.append((level, message))


class Replaying(Live):
    replaying = True


class Discarded(Live):
    discarded = True


class Silent(Live):
    silent = True


@pytest.mark.parametrize("kind", [Replaying, Discarded, Silent])
def test_workflow_code_that_runs_again_is_not_heard(
    kind: type[Live], logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """E13: neither a replay nor code that is thrown away prints or logs a second time."""
    logger.addHandler(logging.StreamHandler())
    activation = kind()
    with workflow_code(activation):
        print("again")
        logger.error("again")
    assert (activation.lines, capsys.readouterr()) == ([], ("", ""))


def test_live_workflow_code_is_shown_and_given_to_its_activation(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """M1: what workflow code prints and logs live is kept line by line, and handlers work as ever."""
    logger.addHandler(logging.StreamHandler())
    logger.setLevel(logging.ERROR)
    activation = Live()
    with workflow_code(activation):
        print("a", 1)
        print("half", end="")
        logger.debug("quiet")
        logger.error("loud")
        print(" whole")
        bound: Any = slot.activation
        assert bound is activation
    assert activation.lines == [("stdout", "a 1"), ("debug", "quiet"), ("error", "loud"), ("stdout", "half whole")]
    assert capsys.readouterr() == ("a 1\nhalf whole\n", "loud\n")


def test_a_replay_is_told_the_same_of_a_logger_as_the_live_run(logger: logging.Logger) -> None:
    """E13: `isEnabledFor` gives workflow code one answer, so that a branch on it is replayed."""
    logger.setLevel(logging.ERROR)
    answers = []
    for activation in (Live(), Replaying(), Discarded(), Silent()):
        with workflow_code(activation):
            answers.append([logger.isEnabledFor(level) for level in (logging.DEBUG, logging.ERROR)])
    assert answers == [[True, True]] * 4


def test_unfinished_lines_of_two_workflows_do_not_mix() -> None:
    """M9: an unfinished line goes to the workflow that wrote it."""
    first, second = Live(), Live()
    with workflow_code(first):
        print("first", end="")
    with workflow_code(second):
        print("second")
    assert (first.lines, second.lines) == ([("stdout", "first")], [("stdout", "second")])


def test_an_activation_without_interest_gets_plain_printing_and_logging(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """M9: where an activation takes no lines, output of workflow code goes where it always went."""
    logger.setLevel(logging.ERROR)
    with workflow_code(object()):
        print("plain")
        assert not logger.isEnabledFor(logging.INFO)
    assert capsys.readouterr().out == "plain\n"
