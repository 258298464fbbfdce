"""An execution's events as lines for people: one when something ends, waits or fails."""

from __future__ import annotations

from collections import Counter

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.projection import ExecutionState, OpenWait, StepState, advance
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.typed_commands import input_command, signal_command
from cerebelum.engine.runtime.masking import mask_text
from cerebelum_cli.words import clock, duration, masked, shown

__all__ = ["NAME_WIDTH", "Story", "call_text", "input_command", "signal_command"]

NAME_WIDTH = 16
_CALL_CHARS = 60
_VALUE_CHARS = 40
_CALL_MOST_BYTES = 4_096  # longer arguments are not even decoded for a line of 60 characters


class Story:
    """Takes events in order and gives the lines that each is worth.

    Attributes:
        state: the execution after the events so far.
    """

    def __init__(self, execution_id: str) -> None:
        self.state = ExecutionState(execution_id=execution_id)
        self._calls: Counter[str] = Counter()

    def completed(self, recorded: RecordedEvent) -> str | None:
        """Return the name of the step that an event completed; None if it is about something else."""
        event = recorded.event()
        return self.state.steps[event.number].name if isinstance(event, ev.StepCompleted) else None

    def lines(self, recorded: RecordedEvent) -> list[str]:
        """Apply the next event; return its lines, safe for a terminal."""
        waits = dict(self.state.open)
        advance(self.state, recorded)
        event = recorded.event()
        if isinstance(event, ev.StepScheduled):
            self._calls[event.name] += 1
        if recorded.version <= self.state.forked_at:
            return []  # that was another execution
        told = self._step(event, recorded.at_us) or self._wait(event, waits) or self._life(event)
        return [visible(mask_text(line), keep_newlines=False) for line in told]

    def _step(self, event: ev.Event | ev.UnknownEvent, at_us: int) -> list[str]:
        match event:
            case ev.StepCompleted():
                step = self.state.steps[event.number]
                took = "reused" if event.reused else _took(step)
                return [f"  ✓ {_padded(step.place or step.name)} {took:>7}{self._call(step)}{_history(step)}"]
            case ev.StepFailedEvent():
                step = self.state.steps[event.number]
                failure = _one_line(event.error)
                if event.retry_at_us is None:
                    attempt = f"  (attempt {event.attempt})" if event.attempt > 1 else ""
                    return [
                        f"  ✗ {_padded(step.place or step.name)} {_took(step):>7}{self._call(step)}  {failure}{attempt}"
                    ]
                wait = duration(max(0, event.retry_at_us - at_us))
                told = f"attempt {event.attempt}: {failure}; again in {wait}"
                return [f"  ↻ {_padded(step.name)} {_took(step):>7}{self._call(step)}  {told}"]
            case ev.StepCancelled():
                return [f"  ⊘ {_padded(self.state.steps[event.of].name)} cancelled"]
            case ev.CompensationStarted():
                return [f"  ↶ undoing: {event.name}"]
            case ev.CompensationFailed():
                return [f"  ✗ undoing failed: {_one_line(event.error)}"]
            case _:
                return []

    def _call(self, step: StepState) -> str:
        """Return which of several calls of a step it is, by its arguments; "" for an only call."""
        return f"  {call_text(step)}".rstrip() if self._calls[step.name] > 1 else ""

    def _wait(self, event: ev.Event | ev.UnknownEvent, before: dict[int, OpenWait]) -> list[str]:
        match event:
            case ev.TimerStarted(kind="sleep"):
                wait = duration(max(0, event.due_us - self.state.now_us))
                return [f"  ⏸ {_padded('sleep')} {wait:>7}  until {clock(event.due_us)}"]
            case ev.WaitStarted():
                until = "" if event.due_us is None else f", until {clock(event.due_us)}"
                answer = signal_command(self.state.execution_id, event.name)
                return [f"  ⏸ {_padded(event.name)} waiting for signal {event.name!r}{until}      {answer}"]
            case ev.SignalReceived():
                return [f"  ⇣ {_padded(event.name)} signal received"]
            case ev.WaitTimedOutEvent():
                return [f"  ⏱ {_padded(getattr(before.get(event.number), 'name', ''))} no signal came in time"]
            case ev.InputRequested():
                until = "" if event.due_us is None else f", until {clock(event.due_us)}"
                answer = input_command(self.state.execution_id, event.name)
                return [
                    f"  ⏸ {_padded(event.step or event.name)} waiting for input {event.name!r}{until}      {answer}"
                ]
            case ev.InputReceived():
                return [f"  ⇣ {_padded(_name(before, event.number))} answered{f' by {event.by}' if event.by else ''}"]
            case ev.InputRefusedEvent(faults=faults):
                return [f"  ✗ {_padded(_name(before, event.number))} answer refused: {'; '.join(map(str, faults))}"]
            case ev.InputTimedOutEvent():
                return [f"  ⏱ {_padded(_name(before, event.number))} nobody answered in time"]
            case ev.ChildStarted():
                return [f"  ↳ {_padded(event.workflow)} child {event.execution_id}"]
            case ev.ChildCompleted():
                return [f"  ✓ {_padded(getattr(before.get(event.number), 'name', 'child'))} child completed"]
            case ev.ChildFailedEvent():
                return [
                    f"  ✗ {_padded(getattr(before.get(event.number), 'name', 'child'))} child failed: {_one_line(event.error)}"
                ]
            case _:
                return []

    def _life(self, event: ev.Event | ev.UnknownEvent) -> list[str]:
        me = self.state.execution_id
        match event:
            case ev.ExecutionPaused():
                why = f": {event.reason}" if event.reason else ""
                return [f"  ⏸ paused{why}      cerebelum resume {me}"]
            case ev.ExecutionResumed():
                return ["  ▶ resumed"]
            case ev.ExecutionRetried():
                return [f"  ↻ run {event.run} begins: {_one_line(event.error)}"]
            case ev.CancelRequested():
                return [f"  ⊘ cancel requested{': ' + event.reason if event.reason else ''}"]
            case ev.CodeChanged():
                return [f"  ⇢ goes on with code @{event.after[:4]} (began on @{event.before[:4]})"]
            case ev.ContinuedAsNew():
                return [f"  ⇢ continued as {event.execution_id}"]
            case ev.ExecutionCompleted() | ev.ExecutionFailedEvent() | ev.ExecutionCancelledEvent():
                state = self.state
                took = (
                    ""
                    if state.started_us is None or state.ended_us is None
                    else duration(state.ended_us - state.started_us)
                )
                return [f"  {state.status} in {took}" if took else f"  {state.status}"]
            case _:
                return []


def call_text(step: StepState) -> str:
    """Return a step's arguments in short form, masked: `path="asyncio/queues.py", depth=2`."""
    if len(bytes(step.args)) > _CALL_MOST_BYTES:
        return ""
    given = masked(step.args)
    if not isinstance(given, dict):
        return ""
    texts = [f"{name}={_cut(mask_text(shown(value, limit=_CALL_MOST_BYTES)))}" for name, value in given.items()]
    text = ", ".join(texts)
    return text if len(text) <= _CALL_CHARS else f"{text[:_CALL_CHARS]}…"


def _cut(text: str) -> str:
    """Return a value without its middle where it is long: paths and URLs differ at their ends."""
    if len(text) <= _VALUE_CHARS:
        return text
    return f"{text[: _VALUE_CHARS // 2]}…{text[-_VALUE_CHARS // 2 :]}"


def _name(waits: dict[int, OpenWait], number: int) -> str:
    return waits[number].name if number in waits else f"input {number}"


def _padded(name: str) -> str:
    return f"{name:<{NAME_WIDTH}}"


def _took(step: StepState) -> str:
    attempt = step.attempts[-1] if step.attempts else None
    if attempt is None or attempt.ended_us is None:
        return ""
    return duration(max(0, attempt.ended_us - attempt.started_us))


def _history(step: StepState) -> str:
    failed = [attempt.error.name for attempt in step.attempts if attempt.error is not None]
    if not failed:
        return ""
    kinds = ", ".join(f"{name} {_times(failed.count(name))}" for name in dict.fromkeys(failed))
    return f"  (attempt {step.attempts[-1].attempt}; {kinds})"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _one_line(error: ev.ErrorInfo) -> str:
    message = error.message.partition("\n")[0]
    return f"{error.name}: {message}" if message else error.name
