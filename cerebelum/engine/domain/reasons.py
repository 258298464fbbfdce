"""Why an execution stands where it stands: what it waits for, since when, until when, and who can move it.

Pure: from its row, its history and the nodes there are. The words are for people and hold what the history says, so who
shows them masks secrets and makes them harmless for a terminal, as with everything else of a user's.

Rules:
- A *blocker* (paused, no code that fits, no node that knows the workflow) holds the execution whatever else it waits for.
- Otherwise it *moves by itself* if any of what it waits for does: time, a step that runs, a node that will take it up.
- It is *stuck* when nothing moves it by itself: somebody has to do something, and the reason says who and what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Raw, Struct, field

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.projection import ExecutionState

Kind = Literal[
    "completed", "failed", "cancelled", "continued", "copy", "paused", "incompatible", "parked", "no_node", "scheduled",
    "due", "dead_node", "code", "step", "place", "retry", "sleep", "timeout", "signal", "input", "child", "fire",
]  # fmt: skip
BLOCKERS: frozenset[Kind] = frozenset({"paused", "incompatible", "parked", "no_node"})
ENDS: frozenset[Kind] = frozenset({"completed", "failed", "cancelled", "continued", "copy"})
MISFIT = "incompatible code: "  # how the engine's own reason begins where no code fits a history
ENGINE = "cerebelum"  # who paused it, where it was no person


class Reason(Struct, frozen=True, kw_only=True):
    """One thing that an execution waits for, or how it ended. Instants in microseconds since the Unix epoch.

    Attributes:
        name: of the signal, input, step, workflow, schedule it is about; "" where it has none.
        text: one sentence.
        who: who can move it.
        moves: whether it goes on without anybody's doing.
        until_us: when it ends by itself at the latest; None: never.
        detail: further lines, such as a mismatch, an attempt's error.
        commands: what to type.
        because: what holds the execution that this one waits for.
    """

    kind: Kind
    text: str
    name: str = ""
    line: str = ""
    who: str = ""
    moves: bool = False
    since_us: int | None = None
    until_us: int | None = None
    detail: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    progress: Raw | None = None
    because: Why | None = None


class Why(Struct, frozen=True, kw_only=True):
    """The answer for one execution."""

    execution_id: str
    workflow: str
    code: str
    status: str
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...] = ()

    @property
    def blockers(self) -> tuple[Reason, ...]:
        """What holds it, whatever else it waits for."""
        return tuple(reason for reason in self.reasons if reason.kind in BLOCKERS and not reason.moves)

    @property
    def is_stuck(self) -> bool:
        """Whether nothing moves it by itself; False for what has ended."""
        waits = [reason for reason in self.reasons if reason.kind not in ENDS]
        return bool(self.blockers) or (bool(waits) and not any(reason.moves for reason in waits))


class Note(Struct, frozen=True):
    """Who asked for something, when, and why."""

    by: str = ""
    reason: str = ""
    at_us: int = 0


class Heartbeat(Struct, frozen=True):
    """The newest record that an attempt is under way."""

    attempt: int
    at_us: int
    node: str = ""


class Tale(Struct, kw_only=True):
    """What a history says beside the execution's state: who paused it, which steps gave a sign of life."""

    paused: Note | None = None
    cancelled: Note | None = None
    heartbeats: dict[int, Heartbeat] = field(default_factory=dict)  # by step number
    queues: dict[int, str] = field(default_factory=dict)  # of steps that name one
    most_attempts: dict[int, int] = field(default_factory=dict)
    children: dict[int, str] = field(default_factory=dict)  # number of the command -> id
    timeout_us: int | None = None


class Standing(Struct, kw_only=True):
    """What is known of the world around one execution.

    Attributes:
        owner: the node that has it, "" where none has; as people know it (host:pid).
        owner_gone_us: since when its node's lease has run out; None: it lives, or there is none.
        knowing: live nodes that know its workflow.
        nodes: how many live nodes there are; `workflows`: all that they know.
        path: of its workflow's file, as its project has it; "" where that is not known.
        unread: how many messages lie in its inbox.
        limits: queue -> how many of its steps run at once on a node, as configured here.
        holders: queue -> who is seen to hold its places, or to stand in its line.
    """

    now_us: int
    owner: str = ""
    owner_gone_us: int | None = None
    knowing: tuple[str, ...] = ()
    nodes: int = 0
    workflows: tuple[str, ...] = ()
    path: str = ""
    unread: int = 0
    limits: Mapping[str, int | None] = {}
    holders: Mapping[str, tuple[str, ...]] = {}


class Case(Struct, frozen=True, kw_only=True):
    """All that the answer follows from."""

    row: ExecutionRow
    state: ExecutionState
    tale: Tale
    standing: Standing


def tale_of(history: Iterable[ev.RecordedEvent]) -> Tale:
    """Return what a history says beside the state."""
    tale = Tale()
    for recorded in history:
        event = recorded.event()
        match event:
            case ev.ExecutionStarted():
                tale.timeout_us = event.timeout_us
            case ev.ExecutionPaused():
                tale.paused = Note(event.by, event.reason, recorded.at_us)
            case ev.CancelRequested():
                tale.cancelled = Note(event.by, event.reason, recorded.at_us)
            case ev.StepScheduled():
                tale.most_attempts[event.number] = event.max_attempts
                if event.queue:
                    tale.queues[event.number] = event.queue
            case ev.StepStarted():
                tale.heartbeats[event.number] = Heartbeat(event.attempt, recorded.at_us, event.node)
            case ev.ChildStarted():
                tale.children[event.number] = event.execution_id
            case _:
                pass
    return tale
