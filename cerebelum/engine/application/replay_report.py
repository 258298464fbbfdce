"""How a replay ended, compared with how the execution did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from cerebelum.engine.application.code_that_ran import Code, Origin
from cerebelum.engine.application.event_text import error_line
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.runtime.code.modules import public_name
from cerebelum.engine.runtime.rendering import render
from cerebelum.engine.runtime.replay import Replay

Outcome = Literal["same", "different", "open", "stopped", "by_engine"]


class ReplayReport(Struct, frozen=True, kw_only=True):
    """The end of one pass over a history.

    Attributes:
        outcome: "same" or "different": the code's end against the recorded one (the result's bytes, the error's type);
            "open": the execution has not ended yet, and fits so far; "stopped": the pass ended before the execution's
            end; "by_engine": the engine ended it (a history too long, code that never came back), not its code.
        recorded, replayed: the two ends in words; "" where there is none.
        stuck: why the code was left where it is, "" if it was not.
        stuck_line: where that is, "" if it is not known.
    """

    execution_id: str
    workflow: str
    code: str  # source digest
    code_origin: Origin
    status: str
    events: int  # applied
    event_count: int  # of the whole history
    outcome: Outcome
    recorded: str = ""
    replayed: str = ""
    stuck: str = ""
    stuck_line: str = ""
    took_us: int = 0

    @property
    def fits(self) -> bool:
        """Whether nothing was different, as far as the pass went."""
        return self.outcome != "different"

    @property
    def is_open(self) -> bool:
        """Whether the execution has not ended yet."""
        return self.outcome == "open"


def make_report(
    row: ExecutionRow,
    code: Code,
    history: Sequence[ev.RecordedEvent],
    replay: Replay,
    codec: PayloadCodec,
    events: int,
    took_us: int,
) -> ReplayReport:
    """Return the report of a pass that has applied the first `events` of `history`."""
    last = history[-1]
    final = last.event() if last.type in ev.FINAL_TYPES and events == last.version else None
    outcome: Outcome
    asked: ev.Command | None = None
    if final is None:
        outcome = "open" if events == last.version else "stopped"
    elif replay.ending is None:
        outcome = "by_engine"
    else:
        asked = replay.ending[1]
        outcome = "same" if asked is not None and same_end(*replay.ending) else "different"
    return ReplayReport(
        execution_id=row.id,
        workflow=row.workflow,
        code=code.digest,
        code_origin=code.origin,
        status=row.status,
        events=events,
        event_count=last.version,
        outcome=outcome,
        recorded="" if final is None else describe_end(final, codec),
        replayed=_replayed(outcome, asked, codec),
        stuck="" if replay.stuck is None else str(replay.stuck),
        stuck_line=getattr(replay.stuck, "line", ""),
        took_us=took_us,
    )


def same_end(recorded: ev.Command, replayed: ev.Command | None) -> bool:
    """Return whether two final commands say the same: the result's bytes, the error's type, the successor."""
    if isinstance(recorded, ev.ExecutionCompleted) and isinstance(replayed, ev.ExecutionCompleted):
        return bytes(recorded.result) == bytes(replayed.result)
    if isinstance(recorded, ev.ExecutionFailedEvent) and isinstance(replayed, ev.ExecutionFailedEvent):
        return _public_type(recorded.error) == _public_type(replayed.error)
    if isinstance(recorded, ev.ContinuedAsNew) and isinstance(replayed, ev.ContinuedAsNew):
        return recorded.execution_id == replayed.execution_id and bytes(recorded.input) == bytes(replayed.input)
    return type(recorded) is type(replayed)


def describe_end(event: ev.Event | ev.UnknownEvent, codec: PayloadCodec) -> str:
    """Return "completed  42", "failed  ValueError: no" and the like."""
    match event:
        case ev.ExecutionCompleted():
            return f"completed  {_value(bytes(event.result), codec, 'result')}"
        case ev.ExecutionFailedEvent():
            return f"failed  {error_line(event.error)}"
        case ev.ExecutionCancelledEvent():
            return f"cancelled  {event.reason}".rstrip()
        case ev.ContinuedAsNew():
            return f"continued as {event.execution_id}  {_value(bytes(event.input), codec, 'input')}"
    return event.type if isinstance(event, ev.Event) else event.type_


def _replayed(outcome: Outcome, asked: ev.Command | None, codec: PayloadCodec) -> str:
    if asked is not None:
        return describe_end(asked, codec)
    return "has not ended" if outcome == "different" else ""


def _value(data: bytes, codec: PayloadCodec, what: str) -> str:
    value: Any = codec.decode(data, what=what)
    return render(value)


def _public_type(error: ev.ErrorInfo) -> tuple[str, str]:
    """Code from the store has modules of its own, whose classes are meant to be the same."""
    module, _, name = error.type.rpartition(":")
    return public_name(module), name
