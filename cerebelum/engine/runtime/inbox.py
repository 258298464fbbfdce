"""Messages become events of the executions in memory; each is deleted in the commit that records it (I11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from cerebelum.engine.domain import events as ev
from cerebelum.engine.ports.store import Message
from cerebelum.engine.runtime import updates
from cerebelum.engine.runtime.input_answers import answer_event
from cerebelum.engine.runtime.live import LiveExecution


class _ChildEnd(msgspec.Struct):
    number: int
    result: Raw = ev.ABSENT
    error: ev.ErrorInfo | None = None
    cancelled: str | None = None


def take(live: LiveExecution, message: Message, now_us: Callable[[], int]) -> None:
    """Record one message, unless it was taken before or repeats a signal's key."""
    if live.dropped or live.rest or live.final is not None or message.id in live.messages_seen:
        return
    live.messages_seen.add(message.id)
    if message.kind == "update":
        updates.keep(live, message)
        return
    live.consume(message)
    if message.kind == "signal":
        if message.key in live.signal_keys:
            return
        live.signal_keys.add(message.key)
    event = as_event(live, message)
    if event is not None:
        live.record(event, now_us(), trigger=type(event) is not ev.InputRefusedEvent)


def as_event(live: LiveExecution, message: Message) -> ev.Event | None:
    """Return the event that a message becomes; None when it has no effect (a pause of a paused execution)."""
    paused = live.paused_at_end
    match message.kind:
        case "signal":
            return ev.SignalReceived(
                name=message.name, payload=Raw(message.payload), sender=message.sender, key=message.key
            )
        case "input":
            return answer_event(live, message)
        case "cancel":
            live.paused_at_end = False
            return ev.CancelRequested(reason=_text(message.payload), by=message.sender)
        case "pause":
            live.paused_at_end = True
            return None if paused else ev.ExecutionPaused(reason=_text(message.payload), by=message.sender)
        case "resume":
            live.paused_at_end = False
            data = ev.ABSENT if message.payload == b"null" else Raw(message.payload)
            return ev.ExecutionResumed(data=data, by=message.sender, wakes=not paused)
        case "child":
            return _child_event(message)
    return None


def _child_event(message: Message) -> ev.Event:
    end = msgspec.json.decode(message.payload, type=_ChildEnd)
    if end.result:
        return ev.ChildCompleted(number=end.number, result=end.result)
    if end.cancelled is not None:
        info = ev.ErrorInfo(type="ExecutionCancelled", message=end.cancelled)
        return ev.ChildFailedEvent(number=end.number, error=info, cancelled=True)
    return ev.ChildFailedEvent(number=end.number, error=end.error or ev.ErrorInfo(type="Exception", message=""))


def _text(payload: bytes) -> str:
    value: Any = msgspec.json.decode(payload)
    return value if isinstance(value, str) else "" if value is None else str(value)
