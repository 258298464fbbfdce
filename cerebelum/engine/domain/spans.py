"""What ran when: each step, timer, wait, input, child and pause of a history as a line of stretches of time.

Pure, and fed event by event, so that a live execution costs what is new. It runs no user code and needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from cerebelum.engine.domain import events as ev

StretchKind = Literal["queue", "run", "retry", "wait"]
Outcome = Literal["", "completed", "failed", "cancelled"]
_OF_A_VERSION = ev.UpdateCompleted | ev.UpdateFailedEvent  # `of` is a version there, everywhere else a command


class Stretch(Struct):
    """A part of a span in which one thing was so. Instants in microseconds since the Unix epoch; no end: it is so still.

    Attributes:
        kind: it waited to be run, ran, waited for its retry, or waited for what it is about.
        outcome: how it ended: of an attempt, and of the last stretch.
        version: the event that told the end, or the beginning while there is none.
    """

    kind: StretchKind
    started_us: int
    ended_us: int | None = None
    outcome: Outcome = ""
    attempt: int = 0
    version: int = 0


class Span(Struct, kw_only=True):
    """A step, timer, wait, input, child or pause.

    Attributes:
        number: of the command that asked for it; 0: a pause.
        kind: step, sleep, timeout, signal, input, child, compensation, pause.
        begun: version of the event that asked for it.
        ended: version of the event that ended it; None while it is open.
        place: of a step of a flow: "retry[1]/charge".
        iteration: how many of its kind and name came before it.
        due_us: when a wait ends at the latest, or a retry begins.
    """

    number: int
    kind: str
    name: str
    begun: int
    ended: int | None = None
    outcome: Outcome = ""
    place: str = ""
    iteration: int = 0
    max_attempts: int = 1
    due_us: int | None = None
    stretches: list[Stretch] = field(default_factory=list)

    @property
    def started_us(self) -> int:
        return self.stretches[0].started_us

    @property
    def ended_us(self) -> int | None:
        return self.stretches[-1].ended_us

    @property
    def is_open(self) -> bool:
        return self.ended is None

    @property
    def status(self) -> str:
        """What it does or how it ended: running, waiting, completed, failed, cancelled."""
        if self.outcome:
            return self.outcome
        return "running" if self.stretches[-1].kind in ("run", "queue") else "waiting"

    @property
    def attempt(self) -> int:
        """The newest attempt of a step; of all else 0."""
        return max((each.attempt for each in self.stretches[-2:]), default=0)

    def as_of(self, now_us: int) -> Span:
        """Return it as it is at an instant: a retry that was due by then runs, though the history tells only its end."""
        last, due_us = self.stretches[-1], self.due_us
        if last.kind != "retry" or last.ended_us is not None or due_us is None or due_us > now_us:
            return self
        due_us = max(due_us, last.started_us)
        split = [replace(last, ended_us=due_us), Stretch("run", due_us, attempt=self.attempt + 1, version=last.version)]
        return replace(self, due_us=None, stretches=[*self.stretches[:-1], *split])

    def total_us(self, kind: StretchKind, now_us: int) -> int:
        """Return how long all stretches of a kind took, until `now_us` where one has not ended."""
        found = (each for each in self.stretches if each.kind == kind)
        return sum(max(0, (now_us if each.ended_us is None else each.ended_us) - each.started_us) for each in found)


class SpanReader:
    """Reads a history from its beginning; `read` takes the next events.

    Attributes:
        spans: in the order in which they were asked for.
        of_version: for each event the index of its span, -1 where it is about none. Version 1 is at 0.
    """

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.of_version: list[int] = []
        self._open: dict[int, int] = {}  # command -> index in `spans`; 0: the pause
        self._index: dict[int, int] = {}  # likewise, ended or not
        self._calls: dict[tuple[str, str], int] = {}  # how many of a kind and name there were

    def read(self, events: Iterable[ev.RecordedEvent]) -> None:
        """Take the next events."""
        for recorded in events:
            event = recorded.event()
            number = number_of(event)
            self._take(event, recorded.version, recorded.at_us)
            is_pause = isinstance(event, ev.ExecutionPaused | ev.ExecutionResumed)
            self.of_version.append(self._index.get(number, -1) if number or is_pause else -1)

    def _take(self, event: ev.Event | ev.UnknownEvent, version: int, at_us: int) -> None:
        match event:
            case ev.StepScheduled():
                self._begin(event.number, "step", event.name, version, at_us, attempt=1)
                self.spans[-1].place, self.spans[-1].max_attempts = event.place, event.max_attempts
            case ev.StepStarted():
                self._started(event, version, at_us)
            case ev.StepFailedEvent():
                self._attempted(event.number, event.attempt, event.started_us, version, at_us, "failed")
                if event.retry_at_us is None:
                    self._end(event.number, "failed", version, at_us)
                elif (span := self._span(event.number)) is not None:
                    span.due_us = event.retry_at_us
                    began_us = span.stretches[-1].ended_us or at_us  # later than the event where a clock went back
                    span.stretches.append(Stretch("retry", began_us, version=version))
            case ev.StepCompleted():
                self._attempted(event.number, event.attempt, event.started_us, version, at_us, "completed")
                self._end(event.number, "completed", version, at_us)
            case ev.ExecutionPaused():
                self._begin(0, "pause", event.reason, version, at_us)
            case ev.ExecutionResumed():
                self._end(0, "completed", version, at_us)
                if event.wakes:
                    self._end_all("cancelled", version, at_us, {"sleep"})
            case ev.ExecutionRetried() | ev.ExecutionCompleted() | ev.ExecutionFailedEvent():
                self._end_all("cancelled", version, at_us)
            case ev.ExecutionCancelledEvent() | ev.ContinuedAsNew():
                self._end_all("cancelled", version, at_us)
            case _:
                self._wait(event, version, at_us)

    def _wait(self, event: ev.Event | ev.UnknownEvent, version: int, at_us: int) -> None:
        match event:
            case ev.TimerStarted():
                self._begin(event.number, event.kind, "", version, at_us, due_us=event.due_us)
            case ev.WaitStarted():
                self._begin(event.number, "signal", event.name, version, at_us, due_us=event.due_us)
            case ev.InputRequested():
                self._begin(event.number, "input", event.name, version, at_us, due_us=event.due_us)
            case ev.ChildStarted():
                self._begin(event.number, "child", event.workflow, version, at_us)
            case ev.CompensationStarted():
                self._begin(event.number, "compensation", event.name, version, at_us)
            case ev.TimerFired():
                span = self._span(event.number)
                ran_out = span is not None and span.kind == "timeout"
                self._end(event.number, "failed" if ran_out else "completed", version, at_us)
            case ev.ChildCompleted() | ev.InputReceived():
                self._end(event.number, "completed", version, at_us)
            case ev.ChildFailedEvent():
                self._end(event.number, "cancelled" if event.cancelled else "failed", version, at_us)
            case ev.WaitTimedOutEvent() | ev.InputTimedOutEvent():
                self._end(event.number, "failed", version, at_us)
            case ev.WaitCompleted():
                self._end(event.of, "completed" if event.signal else "cancelled", version, at_us)
            case ev.CompensationCompleted():
                self._end(event.of, "completed", version, at_us)
            case ev.CompensationFailed():
                self._end(event.of, "failed", version, at_us)
            case ev.StepCancelled() | ev.TimerCancelled() | ev.ChildCancelled() | ev.InputClosed():
                self._end(event.of, "cancelled", version, at_us)
            case _:
                pass

    def _begin(
        self,
        number: int,
        kind: str,
        name: str,
        version: int,
        at_us: int,
        *,
        attempt: int = 0,
        due_us: int | None = None,
    ) -> None:
        stretch = Stretch("run" if kind in ("step", "child") else "wait", at_us, attempt=attempt, version=version)
        self._open[number] = self._index[number] = len(self.spans)
        iteration = self._calls.get((kind, name), 0)
        self._calls[kind, name] = iteration + 1
        self.spans.append(
            Span(
                number=number, kind=kind, name=name, begun=version, due_us=due_us, iteration=iteration,
                stretches=[stretch],
            )
        )  # fmt: skip

    def _span(self, number: int) -> Span | None:
        at = self._open.get(number)
        return None if at is None else self.spans[at]

    def _started(self, event: ev.StepStarted, version: int, at_us: int) -> None:
        """Take note that an attempt runs: recorded where it must be known, and with each progress that is reported."""
        span = self._span(event.number)
        if span is None:
            return
        last = span.stretches[-1]
        if last.kind == "retry" or last.attempt < event.attempt:
            last.ended_us = max(last.started_us, at_us)
            span.stretches.append(Stretch("run", last.ended_us, attempt=event.attempt, version=version))
        elif last.kind == "run" and last.version == span.begun and not event.progress:
            self._split(span, last, at_us, version)

    @staticmethod
    def _split(span: Span, last: Stretch, started_us: int, version: int) -> None:
        """What was taken for running was a queue until `started_us`."""
        if started_us > last.started_us:
            last.kind, last.ended_us = "queue", started_us
            span.stretches.append(Stretch("run", started_us, attempt=last.attempt, version=version))

    def _attempted(
        self, number: int, attempt: int, started_us: int, version: int, at_us: int, outcome: Outcome
    ) -> None:  # fmt: skip
        span = self._span(number)
        if span is None:
            return
        last = span.stretches[-1]
        began = min(max(started_us or last.started_us, last.started_us), max(at_us, last.started_us))
        if last.kind == "retry" or (last.attempt < attempt and last.attempt):
            last.ended_us = began
            span.stretches.append(Stretch("run", began, attempt=attempt))
        elif last.version == span.begun:  # nothing told when it began
            self._split(span, last, began, version)
        run = span.stretches[-1]
        run.ended_us, run.outcome, run.attempt, run.version = max(at_us, run.started_us), outcome, attempt, version

    def _end(self, number: int, outcome: Outcome, version: int, at_us: int) -> None:
        at = self._open.pop(number, None)
        if at is None:
            return
        span = self.spans[at]
        span.ended, span.outcome, span.due_us = version, outcome, None
        last = span.stretches[-1]
        if last.ended_us is None:
            last.ended_us, last.outcome, last.version = max(at_us, last.started_us), outcome, version

    def _end_all(self, outcome: Outcome, version: int, at_us: int, kinds: set[str] | None = None) -> None:
        for number in [number for number, at in self._open.items() if kinds is None or self.spans[at].kind in kinds]:
            self._end(number, outcome, version, at_us)


def number_of(event: ev.Event | ev.UnknownEvent) -> int:
    """Return the number of the command that an event is about; 0: none."""
    if isinstance(event, _OF_A_VERSION):
        return 0
    of = getattr(event, "of", 0)
    number = of if isinstance(of, int) and of else getattr(event, "number", 0)
    return number if isinstance(number, int) else 0


def idle_gaps(spans: Iterable[Span], instants_us: Sequence[int], now_us: int) -> list[tuple[int, int]]:
    """Return the times between two events in which no step ran, in order. What is open lasts until `now_us`.

    Args:
        instants_us: of the events, ascending or nearly so.
    """
    busy = [
        (each.started_us, now_us if each.ended_us is None else each.ended_us)
        for span in spans
        if span.kind == "step"
        for each in span.stretches
        if each.kind == "run"
    ]
    busy += [(at_us, at_us) for at_us in instants_us]
    busy.sort()
    gaps = []
    reached = busy[0][1] if busy else now_us
    for started_us, ended_us in busy:
        if started_us > reached:
            gaps.append((reached, started_us))
        reached = max(reached, ended_us)
    if now_us > reached:
        gaps.append((reached, now_us))
    return gaps
