"""What a history says: a pure function from any prefix of it to the execution's state then.

It runs no user code, so it works on any history, of any version of the code, also of flows that no longer import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Raw, Struct, field

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.context import Context
from cerebelum.engine.domain.context_folding import context_of
from cerebelum.engine.domain.execution import ExecutionRow, Status
from cerebelum.engine.domain.lineage import ForkFacts, put_off
from cerebelum.engine.domain.projection_inputs import InputState, apply_input, close_inputs


class AttemptState(Struct, kw_only=True):
    """One attempt of a step. Instants in microseconds since the Unix epoch."""

    attempt: int
    status: str  # running, completed, failed
    started_us: int = 0
    ended_us: int | None = None
    error: ev.ErrorInfo | None = None
    retry_at_us: int | None = None


class StepState(Struct, kw_only=True):
    """A step of an execution and its attempts."""

    number: int
    name: str
    line: str = ""
    args: Raw = Raw(b"{}")
    status: str = "running"  # running, waiting (for its retry), completed, failed, cancelled
    place: str = ""  # in a flow: "retry[1]/charge"
    iteration: int = 0  # how many steps of this name came before it: 0, 1, 2 …
    scheduled_us: int = 0
    result: Raw | None = None
    progress: Raw | None = None
    reused: bool = False
    attempts: list[AttemptState] = field(default_factory=list)


class OpenWait(Struct, kw_only=True):
    """A timer, a wait for a signal or a person, or a child, still open."""

    number: int
    kind: str  # sleep, timeout, signal, input, child
    name: str = ""
    line: str = ""
    since_us: int = 0
    due_us: int | None = None


class ExecutionState(Struct, kw_only=True):
    """An execution after some event of its history."""

    execution_id: str
    status: Status = "pending"
    workflow: str = ""
    code: str = ""
    input: Raw = Raw(b"{}")
    result: Raw | None = None
    error: ev.ErrorInfo | None = None
    reason: str = ""  # of a pause or cancellation
    queue: str = "default"
    priority: int = 0
    parent: str | None = None
    forked_from: str | None = None
    forked_at: int = 0  # the events up to here are copies
    fork: ForkFacts | None = None
    continued_as: str | None = None
    run: int = 1
    version: int = 0
    checkpoint: int | None = None  # version of the newest that can be recovered from
    told_version: int = 0  # of the newest trigger
    now_us: int = 0  # workflow time
    started_us: int | None = None
    ended_us: int | None = None
    steps: dict[int, StepState] = field(default_factory=dict)
    open: dict[int, OpenWait] = field(default_factory=dict)
    signals: list[ev.SignalReceived] = field(default_factory=list)
    patches: list[Raw] = field(default_factory=list)  # of the context of a flow, as they are stored
    inputs: dict[int, InputState] = field(default_factory=dict)  # open or not, by number
    # Kept beside `steps`, so that an event costs the same whatever number came before it:
    unfinished: dict[int, StepState] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)  # how often a step of this name was scheduled

    @property
    def context(self) -> Context:
        """The context of a flow; what is stored sealed is not in it. See `context_unsealed`."""
        return self.context_unsealed(None)

    def context_unsealed(self, unseal: Callable[[bytes], bytes] | None) -> Context:
        """Return the context of a flow, which begins with the keys of its input; of all else, an empty one."""
        is_flow = self.patches or any(step.place for step in self.steps.values())
        return context_of(self.input, self.patches, unseal=unseal) if is_flow else Context()

    @property
    def open_steps(self) -> list[StepState]:
        return list(self.unfinished.values())

    @property
    def current_step(self) -> str | None:
        """The newest input it waits for, else the newest thing it does or waits for; after its end, None."""
        if self.status in ("completed", "failed", "cancelled"):
            return None
        people = [number for number, wait in self.open.items() if wait.kind == "input"]
        newest = max(people or (*(step.number for step in self.open_steps), *self.open), default=0)
        if newest in self.open:
            wait = self.open[newest]
            return f"{wait.kind} {wait.name}".strip()
        return self.steps[newest].name if newest else None


def reconstruct(execution_id: str, history: Iterable[ev.RecordedEvent]) -> ExecutionState:
    """Return the state after `history`, which may be any prefix of an execution's events."""
    state = ExecutionState(execution_id=execution_id)
    for recorded in history:
        advance(state, recorded)
    return state


def advance(
    state: ExecutionState, recorded: ev.RecordedEvent, event: ev.Event | ev.UnknownEvent | None = None
) -> ExecutionState:
    """Apply the next event to `state`, in place, and return it; `event`: the same decoded, for who has it."""
    state.version = recorded.version
    state.now_us = max(state.now_us, recorded.at_us)
    if event is None:
        event = recorded.event()
    if isinstance(event, ev.Trigger):
        state.told_version = recorded.version
    elif isinstance(event, ev.CheckpointCreated) and event.after == state.told_version:
        state.checkpoint = recorded.version
    if not _step(state, event, recorded.at_us) and not _life(state, event, recorded.at_us):  # most are of steps
        _wait(state, event, recorded.at_us)
    if state.status in ("running", "waiting"):
        unfinished = state.unfinished
        busy = any(step.status == "running" for step in unfinished.values()) or not (state.open or unfinished)
        state.status = "running" if busy else "waiting"
    return state


def _life(state: ExecutionState, event: ev.Event | ev.UnknownEvent, at_us: int) -> bool:
    match event:
        case ev.ExecutionStarted():
            state.status = "pending" if event.deferred else "running"
            state.started_us = None if event.deferred else at_us
            state.workflow, state.code, state.input, state.run = event.workflow, event.code, event.input, event.run
            state.queue, state.priority, state.parent = event.queue, event.priority, event.parent
            state.forked_from, state.forked_at, state.fork = event.forked_from, event.forked_at, event.fork
        case ev.ExecutionBegun():
            state.status, state.started_us = "running", at_us
        case ev.ExecutionRetried():
            state.run, state.status = event.run, "running"
            state.patches.clear()  # its code begins anew, with an empty context
            state.open.clear()
            close_inputs(state, at_us)
            _end_open_steps(state)
        case ev.ExecutionPaused():
            state.status, state.reason = "paused", event.reason
        case ev.ExecutionResumed():
            state.status, state.reason = "running", ""
            if event.wakes:
                state.open = {number: wait for number, wait in state.open.items() if wait.kind != "sleep"}
        case ev.CodeChanged():
            state.code = event.after
        case ev.ContextChanged():
            state.patches.append(event.patch)
        case ev.CancelRequested():
            state.status, state.reason = "running", event.reason
        case ev.ExecutionCompleted():
            _end(state, "completed", at_us)
            state.result = event.result
        case ev.ContinuedAsNew():
            _end(state, "completed", at_us)
            state.continued_as = event.execution_id
        case ev.ExecutionFailedEvent():
            _end(state, "failed", at_us)
            state.error = event.error
        case ev.ExecutionCancelledEvent():
            _end(state, "cancelled", at_us)
            state.reason = event.reason
        case _:
            return False
    return True


def _end(state: ExecutionState, status: Status, at_us: int) -> None:
    state.status, state.ended_us = status, at_us
    state.open.clear()
    close_inputs(state, at_us)
    _end_open_steps(state)


def _end_open_steps(state: ExecutionState) -> None:
    for step in state.unfinished.values():
        step.status = "cancelled"
    state.unfinished.clear()


def _step(state: ExecutionState, event: ev.Event | ev.UnknownEvent, at_us: int) -> bool:
    match event:
        case ev.StepScheduled():
            iteration = state.calls.get(event.name, 0)
            state.calls[event.name] = iteration + 1
            step = StepState(
                number=event.number, name=event.name, line=event.line, args=event.args, iteration=iteration,
                scheduled_us=at_us, place=event.place,
            )  # fmt: skip
            step.attempts.append(AttemptState(attempt=1, status="running", started_us=at_us))
            state.steps[event.number] = step
        case ev.StepStarted():
            step = state.steps[event.number]
            step.progress = event.progress or step.progress
            _attempt(step, event.attempt, at_us).status = "running"
            step.status = "running"
        case ev.StepFailedEvent():
            step = state.steps[event.number]
            _fail(step, event, at_us)
        case ev.StepCompleted():
            step = state.steps[event.number]
            step.status, step.result, step.reused = "completed", event.result, event.reused
            if event.patch:
                state.patches.append(event.patch)
            attempt = _attempt(step, event.attempt, event.started_us or at_us)
            attempt.status, attempt.ended_us = "completed", at_us
            attempt.started_us = event.started_us or attempt.started_us
        case ev.StepCancelled():
            step = state.steps[event.of]
            step.status = "cancelled"
        case _:
            return False
    if step.status in ("running", "waiting"):
        state.unfinished[step.number] = step
    else:
        state.unfinished.pop(step.number, None)
    return True


def _fail(step: StepState, event: ev.StepFailedEvent, at_us: int) -> None:
    attempt = _attempt(step, event.attempt, event.started_us or at_us)
    attempt.status, attempt.ended_us, attempt.error, attempt.retry_at_us = (
        "failed",
        at_us,
        event.error,
        event.retry_at_us,
    )
    attempt.started_us = event.started_us or attempt.started_us
    step.status = "failed" if event.retry_at_us is None else "waiting"


def _attempt(step: StepState, number: int, started_us: int) -> AttemptState:
    for attempt in step.attempts:
        if attempt.attempt == number:
            return attempt
    step.attempts.append(AttemptState(attempt=number, status="running", started_us=started_us))
    return step.attempts[-1]


def _wait(state: ExecutionState, event: ev.Event | ev.UnknownEvent, at_us: int) -> None:
    apply_input(state, event, at_us)
    match event:
        case ev.InputRequested():
            state.open[event.number] = OpenWait(
                number=event.number,
                kind="input",
                name=event.name,
                line=event.line,
                since_us=at_us,
                due_us=_due(state, event.number, event.due_us),
            )
        case ev.InputReceived() | ev.InputTimedOutEvent():
            state.open.pop(event.number, None)
        case ev.InputClosed():
            state.open.pop(event.of, None)
        case ev.TimerStarted():
            state.open[event.number] = OpenWait(
                number=event.number,
                kind=event.kind,
                line=event.line,
                since_us=at_us,
                due_us=_due(state, event.number, event.due_us),
            )
        case ev.WaitStarted():
            state.open[event.number] = OpenWait(
                number=event.number,
                kind="signal",
                name=event.name,
                line=event.line,
                since_us=at_us,
                due_us=_due(state, event.number, event.due_us),
            )
        case ev.ChildStarted():
            state.open[event.number] = OpenWait(
                number=event.number, kind="child", name=event.workflow, line=event.line, since_us=at_us
            )
        case ev.TimerFired() | ev.WaitTimedOutEvent() | ev.ChildCompleted() | ev.ChildFailedEvent():
            state.open.pop(event.number, None)
        case ev.TimerCancelled() | ev.WaitCompleted() | ev.ChildCancelled():
            state.open.pop(event.of, None)
        case ev.SignalReceived():
            state.signals.append(event)
        case _:
            pass


def _due(state: ExecutionState, number: int, due_us: int | None) -> int | None:
    return None if due_us is None else put_off(state, number, due_us)


def projected_row(row: ExecutionRow, state: ExecutionState) -> ExecutionRow:
    """Return `row` with everything that follows from the history made anew from `state`."""
    return ExecutionRow(
        id=row.id, workflow=state.workflow, code=state.code, status=state.status, queue=state.queue,
        priority=state.priority, current_step=state.current_step,
        error=None if state.error is None else f"{state.error.name}: {state.error.message}".split("\n", 1)[0][:500],
        parent=state.parent, run=state.run, last_version=state.version, checkpoint=state.checkpoint, owner=row.owner, epoch=row.epoch,
        claims=row.claims, wake_at_us=_wake(row, state), scheduled_at_us=row.scheduled_at_us,
        started_at_us=state.started_us, completed_at_us=state.ended_us, inserted_at_us=row.inserted_at_us,
        updated_at_us=row.updated_at_us,
    )  # fmt: skip


def _wake(row: ExecutionRow, state: ExecutionState) -> int | None:
    """An ended execution never wakes; an open one without an owner is looked at now, and rests again if it may."""
    if state.ended_us is not None:
        return None
    return row.wake_at_us if row.owner else state.now_us
