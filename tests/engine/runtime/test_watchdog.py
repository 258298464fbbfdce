from __future__ import annotations

import asyncio
import inspect
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.watchdog import BlockedReport, Watchdog, _interruption, _raise_in

install()

ROOT = Path(__file__).resolve().parents[3]
Reports = queue.SimpleQueue[BlockedReport]
Start = Callable[..., tuple[Watchdog, Reports]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start watchdogs on the test's thread; they are stopped after it."""
    started = []

    def start(threshold_s: float = 0.02, limit_s: float | None = None) -> tuple[Watchdog, Reports]:
        reports: Reports = queue.SimpleQueue()
        watchdog = Watchdog(threshold_s, reports.put, limit_s=limit_s)
        watchdog.start()
        started.append(watchdog)
        return watchdog, reports

    yield start
    for watchdog in started:
        watchdog.stop()


def spin_until(condition: Callable[[], object]) -> None:
    while not condition():
        pass  # the line that blocks


async def turn_until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - the watchdog's thread sets no asyncio event
        await asyncio.sleep(0)


def spin_for_ever() -> None:
    while True:
        pass


def line_of(function: Callable[..., Any], offset: int) -> int:
    return inspect.getsourcelines(function)[1] + offset


@pytest.mark.parametrize("way", ["run", "enter and leave"])
def test_a_blocked_activation_is_named_once_with_its_line(start: Start, way: str) -> None:
    """E9: file, line and function of the user's innermost code, one report however long it lasts."""
    watchdog, reports = start()

    def activation() -> None:
        spin_until(lambda: not reports.empty())
        seen.append(reports.get())
        before = watchdog._watch.run_s
        spin_until(lambda: watchdog._watch.run_s > before + 0.06)  # three thresholds more

    seen: list[BlockedReport] = []
    if way == "run":
        watchdog.run("exec-1", activation)
    else:
        watchdog.enter("exec-1")
        activation()
        watchdog.leave()
    watchdog.stop()
    name = test_a_blocked_activation_is_named_once_with_its_line.__name__
    assert reports.empty()
    assert seen[0].execution_id == "exec-1"
    assert seen[0].blocked_s >= 0.02
    assert seen[0].line.file == __file__
    assert seen[0].line.function in {
        "spin_until",
        f"{name}.<locals>.activation.<locals>.<lambda>",
    }
    assert "execution exec-1" in str(seen[0])


def test_each_blocked_activation_is_reported(start: Start) -> None:
    """E9: the second of two in a row as well, under its own id."""
    watchdog, reports = start()
    for execution_id in ("exec-1", "exec-2"):
        watchdog.run(execution_id, spin_until, lambda: not reports.empty())
        assert reports.get().execution_id == execution_id


def test_the_result_and_the_error_of_an_activation_pass_through(start: Start) -> None:
    """E9: watching changes nothing of an activation that ends in time."""
    watchdog, reports = start(limit_s=5.0)
    assert watchdog.run("exec-1", int, "7") == 7
    with pytest.raises(ValueError, match="invalid literal"):
        watchdog.run("exec-1", int, "x")
    watchdog.stop()
    assert reports.empty()


def test_an_activation_without_an_await_is_interrupted(start: Start) -> None:
    """E9: an endless loop ends as `ActivationBlocked`, with execution, line and duration."""
    watchdog, reports = start(limit_s=0.05)
    with pytest.raises(ActivationBlocked) as caught:
        watchdog.run("exec-1", spin_for_ever)
    error = caught.value
    assert (error.execution_id, error.code, error.exit_code) == ("exec-1", "CB503", 1)
    assert type(error).__name__ == "ActivationBlocked"
    assert error.line.startswith(f"{__file__}:{line_of(spin_for_ever, 0)}"[:-1])
    assert error.line.endswith(" in spin_for_ever")
    assert error.after_s >= 0.05
    assert reports.get().line.function == "spin_for_ever"
    assert watchdog._armed is None


def test_enter_and_leave_interrupt_too(start: Start) -> None:
    """E9: the same with the two calls instead of `run`."""
    watchdog, _ = start(limit_s=0.05)

    def activate() -> None:
        watchdog.enter("exec-1")
        try:
            spin_for_ever()
        finally:
            watchdog.leave()

    with pytest.raises(ActivationBlocked, match="exec-1"):
        activate()
    assert (watchdog._active, watchdog._armed) == (None, None)


def test_code_that_swallows_the_interrupt_does_not_get_away(start: Start) -> None:
    """E9: it is interrupted again, and its activation counts as blocked even if it ends by itself then."""
    watchdog, _ = start(limit_s=0.04)
    swallowed: list[ActivationBlocked] = []

    def stubborn() -> str:
        while len(swallowed) < 2:
            try:
                spin_for_ever()
            except Exception as error:
                swallowed.append(cast("ActivationBlocked", error))
        return "well"

    with pytest.raises(ActivationBlocked):
        watchdog.run("exec-1", stubborn)
    assert [error.execution_id for error in swallowed] == ["exec-1", "exec-1"]


def test_an_error_in_place_of_the_interrupt_does_not_hide_it(start: Start) -> None:
    """E9: code that turns the interrupt into an error of its own is blocked code all the same."""
    watchdog, _ = start(limit_s=0.04)

    def translating() -> None:
        try:
            spin_for_ever()
        except ActivationBlocked as error:
            raise KeyError from error

    with pytest.raises(ActivationBlocked) as caught:
        watchdog.run("exec-1", translating)
    assert isinstance(caught.value.__context__, KeyError)


def test_an_interrupt_never_lands_outside_its_activation(start: Start) -> None:
    """E9: of activations that end just when they are interrupted, each raises itself or nobody does."""
    watchdog, _ = start(limit_s=0.004)
    stray: list[BaseException] = []
    blocked = 0
    for round_number in range(150):
        until_s = 0.004 + (round_number % 30) * 0.0001

        def activation(until_s: float = until_s) -> None:
            spin_until(lambda: watchdog._watch.active is watchdog._active and watchdog._watch.run_s >= until_s - 0.001)

        try:
            watchdog.run(f"exec-{round_number}", activation)
        except ActivationBlocked as error:
            assert error.execution_id == f"exec-{round_number}"  # noqa: PT017 - which one is the question
            blocked += 1
        try:
            for _ in range(300):
                abs(-1)
                assert watchdog._active is None
        except ActivationBlocked as error:
            stray.append(error)
    assert stray == []
    assert blocked > 0


def test_an_interrupt_that_comes_too_late_is_dropped(start: Start) -> None:
    """E9: the activation that was looked at has ended: neither the node nor its next activation is hit."""
    watchdog, _ = start()
    ended: list[Any] = []

    def interrupt_late() -> str:
        thread = threading.Thread(target=watchdog._interrupt, args=(ended[0], 1.0))
        thread.start()
        thread.join()
        return "not hit"

    watchdog.run("exec-1", lambda: ended.append(watchdog._active))
    assert interrupt_late() == "not hit"
    assert watchdog._armed is None
    assert watchdog.run("exec-1", interrupt_late) == "not hit"


def test_an_interrupt_on_its_way_is_waited_for(start: Start) -> None:
    """E9: an activation that ends while its interrupt is being sent takes it along, and leaves nothing behind."""
    watchdog, _ = start()
    armed, me = threading.Event(), threading.get_ident()

    def send_slowly() -> None:
        active = watchdog._active
        assert active is not None
        with watchdog._lock:
            error = _interruption("exec-1", "flow.py:1", 1.0)
            watchdog._armed = (active, error)
            armed.set()
            spin_until(lambda: sys._current_frames()[me].f_code.co_name == "_disarm")
            _raise_in(me, error)

    thread = threading.Thread(target=send_slowly)

    def activation() -> None:
        thread.start()
        armed.wait()

    with pytest.raises(ActivationBlocked):
        watchdog.run("exec-1", activation)
    thread.join()
    assert watchdog._armed is None
    assert watchdog.run("exec-1", int, "7") == 7


_TRACED = """
import sys
from tests.engine.runtime.test_watchdog import interrupt_that_is_never_delivered

interrupt_that_is_never_delivered()
sys.settrace(lambda frame, event, arg: None)
print((lambda: "traced")())
"""


def interrupt_that_is_never_delivered() -> None:
    watchdog = Watchdog(60, lambda report: None)
    watchdog._thread_id = threading.get_ident()

    def activation() -> None:
        assert watchdog._active is not None
        watchdog._armed = (watchdog._active, _interruption("exec-1", "flow.py:1", 1.0))

    with pytest.raises(ActivationBlocked):
        watchdog.run("exec-1", activation)


def test_an_interrupt_taken_back_leaves_no_mark_in_the_interpreter() -> None:
    """E9: CPython 3.11 never forgets an exception taken back from a thread; any call that is traced then hangs.

    Debuggers and coverage trace calls. In a process of its own, for one that hangs can only be killed.
    """
    ran = subprocess.run(
        [sys.executable, "-c", _TRACED], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.returncode) == ("traced\n", 0), ran.stderr


def test_only_the_watched_thread_is_interrupted(start: Start) -> None:
    """E9: another thread that spins meanwhile goes on."""
    watchdog, _ = start(limit_s=0.04)
    stop = threading.Event()
    errors: list[BaseException] = []

    def other() -> None:
        try:
            spin_until(stop.is_set)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    with pytest.raises(ActivationBlocked):
        watchdog.run("exec-1", spin_for_ever)
    stop.set()
    thread.join()
    assert errors == []


def test_an_activation_in_a_debugger_is_left_in_peace(start: Start) -> None:
    """E9: whoever stands at a breakpoint has all the time in the world."""
    watchdog, reports = start(limit_s=0.02)
    names: dict[str, Any] = {"__name__": "pdb", "spin_until": spin_until}
    exec("def interaction(condition): spin_until(condition)", names)
    watchdog.run("exec-1", names["interaction"], lambda: watchdog._watch.run_s > 0.1)
    assert reports.get().execution_id == "exec-1"


async def test_a_blocked_loop_is_named_with_the_line(start: Start) -> None:
    """E9: a step that holds the loop's thread is reported once, without an execution; a loop that answers is not."""
    watchdog, reports = start()
    await turn_until(lambda: watchdog._loop_asked_s and not watchdog.blocked_s())
    assert reports.empty()
    spin_until(lambda: not reports.empty())
    assert watchdog.blocked_s() >= 0.02
    report = reports.get()
    assert report.execution_id is None
    assert report.line.function in {"spin_until", "test_a_blocked_loop_is_named_with_the_line.<locals>.<lambda>"}
    assert "event loop" in str(report)
    await turn_until(lambda: not watchdog.blocked_s())
    spin_until(lambda: not reports.empty())  # the next time it is reported anew


async def test_an_activation_that_blocks_the_loop_is_reported_as_the_activation_only(start: Start) -> None:
    """E9: one cause, one report."""
    watchdog, reports = start()
    await turn_until(lambda: watchdog._loop_asked_s)
    watchdog.run("exec-1", spin_until, lambda: watchdog._watch.run_s > 0.1)
    await turn_until(lambda: not watchdog.blocked_s())
    watchdog.stop()
    assert [reports.get().execution_id] == ["exec-1"]
    assert reports.empty()


def test_a_loop_that_was_closed_is_watched_no_more() -> None:
    """E9: the watchdog may outlive the loop it was started on."""
    reports: Reports = queue.SimpleQueue()
    watchdog = Watchdog(0.01, reports.put)

    async def begin() -> None:
        watchdog.start()

    asyncio.run(begin())
    spin_until(lambda: watchdog._loop is None)
    assert watchdog.blocked_s() == 0.0
    watchdog.stop()


def test_a_report_that_fails_does_not_end_the_watch() -> None:
    """E9: what `on_blocked` raises is logged, and the next blocked activation is reported again."""
    calls: list[str | None] = []

    def failing(report: BlockedReport) -> None:
        calls.append(report.execution_id)
        raise RuntimeError("no")

    watchdog = Watchdog(0.02, failing)
    watchdog.start()
    for count in (1, 2):
        watchdog.run(f"exec-{count}", spin_until, lambda count=count: len(calls) == count)
    watchdog.stop()
    assert calls == ["exec-1", "exec-2"]


def test_stop_ends_the_thread_and_start_begins_again(start: Start) -> None:
    """E9: nothing is left running; stopping twice is harmless; a stopped watchdog costs no more than an attribute."""
    watchdog, reports = start()
    thread = watchdog._thread
    assert thread is not None
    assert thread.daemon
    watchdog.stop()
    watchdog.stop()
    assert not thread.is_alive()
    assert watchdog.run("exec-1", int, "7") == 7
    watchdog.start()
    watchdog.run("exec-1", spin_until, lambda: not reports.empty())


def test_the_samples_hold_no_frame(start: Start) -> None:
    """E9: the objects that a reported function held are freed when it ends."""
    watchdog, reports = start(limit_s=0.04)

    class Large:
        pass

    def holding() -> None:
        large = Large()
        alive.append(weakref.ref(large))
        spin_until(lambda: not reports.empty())

    alive: list[weakref.ref[Large]] = []
    watchdog.run("exec-1", holding)
    watchdog.stop()
    assert alive[0]() is None
