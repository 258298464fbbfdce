"""Events: the immutable facts of an execution's history, and their names on disk.

Rules of this file:
- A type's `tag` is stored: never rename it. Fields are only ever added, with a default; a reader skips fields that
  it does not know, and the stored bytes are never rewritten, so nothing that a newer node wrote is lost.
- Payloads (`Raw`) are JSON text of the payload codec, embedded as they are. Instants are `_us`: microseconds since
  the Unix epoch, UTC, by the store's clock.
- *Triggers* change what workflow code sees and are applied to it one at a time, in version order. *Commands* record
  what workflow code asked for; replay compares them with what it asks for now. All others are *notes*.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from cerebelum.engine.domain.event_base import ABSENT, NULL, Command, ErrorInfo, Event, Trigger
from cerebelum.engine.domain.events_checkpoint import CheckpointCreated, HeldSignal
from cerebelum.engine.domain.events_context import ContextChanged
from cerebelum.engine.domain.events_inputs import (
    InputClosed,
    InputReceived,
    InputRefusedEvent,
    InputRequested,
    InputTimedOutEvent,
)
from cerebelum.engine.domain.events_messages import UpdateAccepted, UpdateCompleted, UpdateFailedEvent
from cerebelum.engine.domain.lineage import ForkFacts

# What other modules define and `ev.NAME` gives too; everything below is public as well.
__all__ = [
    "ABSENT", "NULL", "CheckpointCreated", "Command", "ContextChanged", "ErrorInfo", "Event", "HeldSignal", "InputClosed", "InputReceived", "InputRefusedEvent",
    "InputRequested", "InputTimedOutEvent", "Trigger", "UpdateAccepted", "UpdateCompleted",
    "UpdateFailedEvent",
]  # fmt: skip

# -- life ---------------------------------------------------------------------------------------------------------


class ExecutionStarted(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    type = "execution_started"
    workflow: str
    input: Raw = Raw(b"{}")
    seed: int = 0  # of the execution's random generator
    code: str = ""  # short source digest
    queue: str = "default"
    priority: int = 0
    timeout_us: int | None = None
    parent: str | None = None
    parent_number: int = 0  # the parent's command
    run: int = 1  # continue_as_new counts up
    forked_from: str | None = None
    forked_at: int = 0
    fork: ForkFacts | None = None
    deferred: bool = False  # nobody runs it yet: the code begins with `execution_begun`


class ExecutionBegun(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    """A node took up a deferred start. Workflow time begins here, not when it was put into line."""

    type = "execution_begun"


class ExecutionRetried(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    """The workflow's `max_retries`: its code begins anew, and completed steps are not repeated."""

    type = "execution_retried"
    run: int
    error: ErrorInfo
    base: int = 0  # number of the last command of the run before
    keep_below: int = 0  # steps with a number below were not compensated and keep their results; 0: all


class ExecutionCompleted(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "execution_completed"
    result: Raw = NULL


class ExecutionFailedEvent(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "execution_failed"
    error: ErrorInfo


class ExecutionCancelledEvent(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "execution_cancelled"
    reason: str = ""


class ContinuedAsNew(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "continued_as_new"
    execution_id: str
    input: Raw


class ExecutionPaused(Event, frozen=True, omit_defaults=True, kw_only=True):
    type = "execution_paused"
    reason: str = ""
    by: str = ""


class ExecutionResumed(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    """Paused: goes on. Waiting: the sleeps under way end now, and `data` can be read with `info().resume_data`."""

    type = "execution_resumed"
    data: Raw = ABSENT
    by: str = ""
    wakes: bool = False  # it was waiting, not paused


class CancelRequested(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    type = "cancel_requested"
    reason: str = ""
    by: str = ""


class CodeChanged(Event, frozen=True, omit_defaults=True, kw_only=True):
    type = "code_changed"
    before: str
    after: str


class VersionMarker(Command, frozen=True, omit_defaults=True, kw_only=True):
    """`patched("id")` took the new branch."""

    type = "version_marker"
    patch: str


# -- steps --------------------------------------------------------------------------------------------------------


class StepScheduled(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "step_scheduled"
    name: str
    args: Raw = Raw(b"{}")
    max_attempts: int = 1
    timeout_us: int | None = None
    at_most_once: bool = False
    queue: str = ""  # its own; "": that of the execution
    place: str = ""  # in a flow: node, pass and item, "retry[1]/charge"


class StepStarted(Event, frozen=True, omit_defaults=True, kw_only=True):
    """Only for `at_most_once`, and for steps that outlive a heartbeat interval."""

    type = "step_started"
    number: int
    attempt: int
    node: str = ""
    progress: Raw = ABSENT  # of the last heartbeat


class StepFailedEvent(Event, frozen=True, omit_defaults=True, kw_only=True):
    """One attempt failed. A trigger when `retry_at_us` is None: then the step failed for good."""

    type = "step_failed"
    number: int
    attempt: int
    error: ErrorInfo
    started_us: int = 0
    retry_at_us: int | None = None


class StepCompleted(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    type = "step_completed"
    number: int
    attempt: int = 1
    result: Raw = NULL
    started_us: int = 0
    reused: bool = False  # from an earlier run of the same execution
    patch: Raw = ABSENT  # what it wrote into the context of its flow: operations


class StepCancelled(Command, frozen=True, omit_defaults=True, kw_only=True):
    """The workflow no longer waits for step `of`: a timeout around it, or a cancellation."""

    type = "step_cancelled"
    of: int


class CompensationStarted(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "compensation_started"
    name: str
    since: int = 0  # the saga covers the commands from this number on


class CompensationCompleted(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "compensation_completed"
    of: int


class CompensationFailed(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "compensation_failed"
    of: int
    error: ErrorInfo


# -- waiting ------------------------------------------------------------------------------------------------------


class TimerStarted(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "timer_started"
    due_us: int
    kind: str = "sleep"  # or "timeout"


class TimerFired(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    """`number` 0 is the workflow's own timeout."""

    type = "timer_fired"
    number: int


class TimerCancelled(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "timer_cancelled"
    of: int


class WaitStarted(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "wait_started"
    name: str
    due_us: int | None = None


class SignalReceived(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    type = "signal_received"
    name: str
    payload: Raw = NULL
    sender: str = ""
    key: str = ""


class WaitCompleted(Command, frozen=True, omit_defaults=True, kw_only=True):
    """The wait took the signal at `signal` (a version), or was cancelled (0)."""

    type = "wait_completed"
    of: int
    signal: int = 0


class WaitTimedOutEvent(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    type = "wait_timed_out"
    number: int


# -- children -----------------------------------------------------------------------------------------------------


class ChildStarted(Command, frozen=True, omit_defaults=True, kw_only=True):
    type = "child_started"
    execution_id: str
    workflow: str
    input: Raw = Raw(b"{}")


class ChildCancelled(Command, frozen=True, omit_defaults=True, kw_only=True):
    """The workflow no longer waits for child `of`; the child is asked to cancel."""

    type = "child_cancelled"
    of: int
    execution_id: str


class ChildCompleted(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    type = "child_completed"
    number: int
    result: Raw = NULL


class ChildFailedEvent(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    type = "child_failed"
    number: int
    error: ErrorInfo
    cancelled: bool = False


EVENT_TYPES: dict[str, type[Event]] = {
    kind.type: kind
    for kind in (
        ExecutionStarted,
        ExecutionBegun,
        ExecutionRetried,
        ExecutionCompleted,
        ExecutionFailedEvent,
        ExecutionCancelledEvent,
        ContinuedAsNew,
        ExecutionPaused,
        ExecutionResumed,
        CancelRequested,
        CodeChanged,
        VersionMarker,
        CheckpointCreated,
        ContextChanged,
        StepScheduled,
        StepStarted,
        StepFailedEvent,
        StepCompleted,
        StepCancelled,
        CompensationStarted,
        CompensationCompleted,
        CompensationFailed,
        TimerStarted,
        TimerFired,
        TimerCancelled,
        WaitStarted,
        SignalReceived,
        WaitCompleted,
        WaitTimedOutEvent,
        InputRequested,
        InputReceived,
        InputRefusedEvent,
        InputTimedOutEvent,
        InputClosed,
        UpdateAccepted,
        UpdateCompleted,
        UpdateFailedEvent,
        ChildStarted,
        ChildCancelled,
        ChildCompleted,
        ChildFailedEvent,
    )
}
FINAL_TYPES = frozenset({"execution_completed", "execution_failed", "execution_cancelled", "continued_as_new"})
# The founding documents' names, accepted wherever events are filtered by type.
TYPE_ALIASES: dict[str, tuple[str, ...]] = {
    "node_started": ("step_scheduled",),
    "function_started": ("step_scheduled",),
    "node_completed": ("step_completed",),
    "function_completed": ("step_completed",),
    "node_failed": ("step_failed",),
    "function_failed": ("step_failed",),
    "sleep_started": ("timer_started",),
    "SleepOperation": ("timer_started",),
    "TimeOperation": ("timer_started", "timer_fired"),
}


class RecordedEvent(Struct, frozen=True):
    """An event as the store holds it: its place in the history, its bytes, its instant."""

    version: int  # 1-based, without gaps
    type: str
    data: bytes  # JSON object, exactly as written
    at_us: int

    def event(self) -> Event | UnknownEvent:
        """Decode; a type that this release does not know comes back as `UnknownEvent`."""
        decoder = _decoders.get(self.type)
        return UnknownEvent(type_=self.type, data=self.data) if decoder is None else decoder.decode(self.data)


class UnknownEvent(Struct, frozen=True):
    """An event of a type that a newer release wrote: shown and kept, never applied."""

    type_: str
    data: bytes


_encode = msgspec.json.Encoder().encode
_decoders: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(kind) for name, kind in EVENT_TYPES.items()
}


def encode_event(event: Event) -> bytes:
    """Return the event's JSON object, as the store keeps it."""
    return _encode(event)


def matching_types(name: str) -> tuple[str, ...]:
    """Return the stored event types that `name` stands for.

    Raises:
        ValueError: it is neither a type nor an alias.
    """
    if name in EVENT_TYPES:
        return (name,)
    if name in TYPE_ALIASES:
        return TYPE_ALIASES[name]
    raise ValueError(f"unknown event type {name!r}; one of {', '.join(sorted(EVENT_TYPES))}")
