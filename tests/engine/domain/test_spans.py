"""What ran when, read from histories."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.spans import Span, SpanReader, idle_gaps

ERROR = ev.ErrorInfo(type="E", message="no")


def recorded(*events: tuple[int, ev.Event]) -> list[ev.RecordedEvent]:
    """Return a history; each event with its instant."""
    return [
        ev.RecordedEvent(version, event.type, ev.encode_event(event), at_us)
        for version, (at_us, event) in enumerate(events, 1)
    ]


def read(*events: tuple[int, ev.Event]) -> list[Span]:
    reader = SpanReader()
    reader.read(recorded(*events))
    return reader.spans


def stretches(span: Span) -> list[tuple[str, int, int | None, str]]:
    return [(each.kind, each.started_us, each.ended_us, each.outcome) for each in span.stretches]


def test_a_step_is_queued_runs_and_waits_for_its_retry() -> None:
    """W7: the queue before an attempt, each attempt and the wait for the next are stretches without gaps between."""
    (span,) = read(
        (10, ev.StepScheduled(number=1, name="charge", max_attempts=3)),
        (30, ev.StepFailedEvent(number=1, attempt=1, error=ERROR, started_us=15, retry_at_us=50)),
        (70, ev.StepCompleted(number=1, attempt=2, started_us=52)),
    )
    assert stretches(span) == [
        ("queue", 10, 15, ""),
        ("run", 15, 30, "failed"),
        ("retry", 30, 52, ""),
        ("run", 52, 70, "completed"),
    ]
    assert (span.status, span.attempt, span.begun, span.ended) == ("completed", 2, 1, 3)
    assert [span.total_us(kind, 99) for kind in ("queue", "run", "retry", "wait")] == [5, 33, 22, 0]


def test_a_start_that_is_recorded_ends_the_queue_and_progress_does_not() -> None:
    """W7: `step_started` tells when an attempt began; with progress it says nothing of the beginning."""
    (span,) = read(
        (10, ev.StepScheduled(number=1, name="once", at_most_once=True)),
        (14, ev.StepStarted(number=1, attempt=1)),
        (20, ev.StepStarted(number=1, attempt=1, progress=Raw(b"40"))),
    )
    assert stretches(span) == [("queue", 10, 14, ""), ("run", 14, None, "")]
    assert (span.status, span.is_open) == ("running", True)
    (span,) = read(
        (10, ev.StepScheduled(number=1, name="far")),
        (20, ev.StepStarted(number=1, attempt=1, progress=Raw(b"40"))),
        (30, ev.StepFailedEvent(number=1, attempt=1, error=ERROR, retry_at_us=40)),
        (45, ev.StepStarted(number=1, attempt=2)),
        (50, ev.StepFailedEvent(number=1, attempt=2, error=ERROR)),
    )
    assert stretches(span) == [
        ("run", 10, 30, "failed"), ("retry", 30, 45, ""), ("run", 45, 50, "failed"),
    ]  # fmt: skip
    assert span.status == "failed"


def test_a_step_between_two_attempts_waits_until_its_retry_is_due() -> None:
    """W7: a failed attempt that is to be tried again leaves the step waiting, and says until when."""
    (span,) = read(
        (10, ev.StepScheduled(number=1, name="charge")),
        (30, ev.StepFailedEvent(number=1, attempt=1, error=ERROR, retry_at_us=50)),
    )
    assert (span.status, span.due_us, span.ended_us) == ("waiting", 50, None)
    assert span.total_us("retry", 45) == 15
    assert span.as_of(49) is span
    late = span.as_of(60)
    assert stretches(late)[1:] == [("retry", 30, 50, ""), ("run", 50, None, "")]
    assert (late.status, late.attempt, late.due_us) == ("running", 2, None)


WAITS: Sequence[tuple[ev.Event, ev.Event, str, str, str]] = (
    (ev.TimerStarted(number=1, due_us=90), ev.TimerFired(number=1), "sleep", "", "completed"),
    (ev.TimerStarted(number=1, due_us=90, kind="timeout"), ev.TimerCancelled(number=2, of=1), "timeout", "", "cancelled"),
    (ev.TimerStarted(number=1, due_us=90, kind="timeout"), ev.TimerFired(number=1), "timeout", "", "failed"),
    (ev.WaitStarted(number=1, name="paid"), ev.WaitCompleted(number=2, of=1, signal=1), "signal", "paid", "completed"),
    (ev.WaitStarted(number=1, name="paid"), ev.WaitCompleted(number=2, of=1), "signal", "paid", "cancelled"),
    (ev.WaitStarted(number=1, name="paid"), ev.WaitTimedOutEvent(number=1), "signal", "paid", "failed"),
    (ev.InputRequested(number=1, name="review"), ev.InputReceived(number=1), "input", "review", "completed"),
    (ev.InputRequested(number=1, name="review"), ev.InputTimedOutEvent(number=1), "input", "review", "failed"),
    (ev.InputRequested(number=1, name="review"), ev.InputClosed(number=2, of=1), "input", "review", "cancelled"),
    (ev.ChildStarted(number=1, execution_id="c", workflow="w"), ev.ChildCompleted(number=1), "child", "w", "completed"),
    (ev.ChildStarted(number=1, execution_id="c", workflow="w"), ev.ChildFailedEvent(number=1, error=ERROR), "child", "w",
     "failed"),
    (ev.ChildStarted(number=1, execution_id="c", workflow="w"), ev.ChildCancelled(number=2, of=1, execution_id="c"),
     "child", "w", "cancelled"),
    (ev.CompensationStarted(number=1, name="trip"), ev.CompensationCompleted(number=2, of=1), "compensation", "trip",
     "completed"),
    (ev.CompensationStarted(number=1, name="trip"), ev.CompensationFailed(number=2, of=1, error=ERROR), "compensation",
     "trip", "failed"),
    (ev.StepScheduled(number=1, name="ship"), ev.StepCancelled(number=2, of=1), "step", "ship", "cancelled"),
    (ev.ExecutionPaused(reason="lunch"), ev.ExecutionResumed(), "pause", "lunch", "completed"),
)  # fmt: skip


@pytest.mark.parametrize("begins, ends, kind, name, outcome", WAITS)
def test_every_wait_is_a_line(begins: ev.Event, ends: ev.Event, kind: str, name: str, outcome: str) -> None:
    """W7: timers, signals, inputs, children, compensations and pauses last from their event to the one that ends them."""
    reader = SpanReader()
    reader.read(recorded((10, begins), (40, ends)))
    (span,) = reader.spans
    assert (span.kind, span.name, span.outcome, span.status) == (kind, name, outcome, outcome)
    assert (span.started_us, span.ended_us, span.begun, span.ended) == (10, 40, 1, 2)
    assert reader.of_version == [0, 0]


def test_an_end_ends_all_that_is_open() -> None:
    """W7: what is open when the execution ends, or begins anew, is cancelled then; a waking sleeper loses its sleep only."""
    ends = (
        ev.ExecutionCompleted(number=9), ev.ExecutionFailedEvent(number=9, error=ERROR),
        ev.ExecutionCancelledEvent(number=9), ev.ContinuedAsNew(number=9, execution_id="n", input=Raw(b"{}")),
        ev.ExecutionRetried(run=2, error=ERROR),
    )  # fmt: skip
    for end in ends:
        spans = read(
            (1, ev.StepScheduled(number=1, name="a")), (2, ev.TimerStarted(number=2, due_us=50)), (30, end)
        )  # fmt: skip
        assert [(span.status, span.ended_us) for span in spans] == [("cancelled", 30)] * 2
    spans = read(
        (1, ev.WaitStarted(number=1, name="a")), (2, ev.TimerStarted(number=2, due_us=50)),
        (30, ev.ExecutionResumed(wakes=True)),
    )  # fmt: skip
    assert [span.status for span in spans] == ["waiting", "cancelled"]


def test_what_is_repeated_is_counted() -> None:
    """W7: the second step of a name knows that it is the second."""
    spans = read(*((at, ev.StepScheduled(number=at, name="ship")) for at in (1, 2, 3)))
    assert [span.iteration for span in spans] == [0, 1, 2]


def test_idle_is_when_no_step_runs() -> None:
    """W7: waits, queues and retries are idle, also between two events; a step that runs still is not."""
    reader = SpanReader()
    history = recorded(
        (10, ev.StepScheduled(number=1, name="a")),
        (20, ev.StepCompleted(number=1, started_us=12)),
        (20, ev.TimerStarted(number=2, due_us=90)),
        (50, ev.SignalReceived(name="x")),
        (90, ev.TimerFired(number=2)),
        (90, ev.StepScheduled(number=3, name="b")),
    )
    reader.read(history)
    instants = [event.at_us for event in history]
    assert idle_gaps(reader.spans, instants, 200) == [(10, 12), (20, 50), (50, 90)]
    reader.read([ev.RecordedEvent(7, "step_completed", ev.encode_event(ev.StepCompleted(number=3)), 100)])
    assert idle_gaps(reader.spans, [*instants, 100], 200)[-1] == (100, 200)


def _command(number: int) -> st.SearchStrategy[ev.Event]:
    of = st.integers(1, 6)
    instant = st.integers(0, 400)
    return st.one_of(
        st.just(ev.StepScheduled(number=number, name="s")),
        st.just(ev.TimerStarted(number=number, due_us=5)),
        st.builds(lambda each, a, s: ev.StepStarted(number=each, attempt=a), of, st.integers(1, 3), instant),
        st.builds(
            lambda each, a, s, r: ev.StepFailedEvent(number=each, attempt=a, error=ERROR, started_us=s, retry_at_us=r),
            of, st.integers(1, 3), instant, st.none() | instant,
        ),
        st.builds(lambda each, a, s: ev.StepCompleted(number=each, attempt=a, started_us=s), of, st.integers(1, 3), instant),
        st.builds(lambda each: ev.StepCancelled(number=99, of=each), of),
        st.builds(lambda each: ev.TimerFired(number=each), of),
        st.just(ev.ExecutionPaused()), st.just(ev.ExecutionResumed()), st.just(ev.ExecutionRetried(run=2, error=ERROR)),
    )  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 6)), max_size=25).flatmap(
        lambda drawn: st.tuples(*(st.tuples(st.just(at_us), _command(number)) for at_us, number in drawn))
    ),
    st.integers(0, 25),
)
def test_stretches_follow_each_other_whatever_the_history_says(
    events: tuple[tuple[int, ev.Event], ...], cut: int
) -> None:
    """W7: stretches touch and never end before they begin, also where clocks went back; parts give what the whole gives."""
    history = recorded(*events)
    whole, parts = SpanReader(), SpanReader()
    whole.read(history)
    parts.read(history[:cut])
    parts.read(history[cut:])
    assert parts.spans == whole.spans
    assert parts.of_version == whole.of_version
    assert len(whole.of_version) == len(history)
    for span in whole.spans:
        assert span.is_open == (span.outcome == "")
        for before, after in zip(span.stretches, span.stretches[1:], strict=False):
            assert before.ended_us == after.started_us
        for each in span.stretches:
            assert each.ended_us is None or each.ended_us >= each.started_us
