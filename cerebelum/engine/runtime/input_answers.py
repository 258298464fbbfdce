"""Answers of people on their way from the inbox into a history.

Whoever sent one has checked it against the recorded form. The node checks again, since the input may have timed out
meanwhile, and only here is the workflow's own class at hand: what that one does not take is refused with a note in the
history, and the input stays open.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_payload import PayloadMismatch, PayloadTransformFailed
from cerebelum.engine.domain.form import Fault, check
from cerebelum.engine.ports.store import Message
from cerebelum.engine.runtime.live import LiveExecution
from cerebelum.engine.runtime.own_log import OwnLog
from cerebelum.engine.runtime.pending import PendingInput

_log = OwnLog("cerebelum.inbox")


def is_open(live: LiveExecution, number: int) -> bool:
    """Return whether input `number` waits, and no answer or timeout of it is recorded that the code has yet to see."""
    if live.dropped or live.final is not None or not isinstance(live.run.pending.get(number), PendingInput):
        return False
    recorded = [event for event, *_ in (*live.awaiting, *live.run._deferred)]
    return not any(
        isinstance(event, ev.InputReceived | ev.InputTimedOutEvent) and event.number == number for event in recorded
    )


def answer_event(live: LiveExecution, message: Message) -> ev.Event | None:
    """Return what an answer becomes; None where nobody waits for it any more.

    Raises:
        PayloadTransformFailed: it cannot be unsealed here.
    """
    number = _number(live, message.key)
    pending = live.run.pending.get(number)
    if not is_open(live, number) or not isinstance(pending, PendingInput):
        _log.info("an answer came too late", execution_id=live.id, name=message.name, by=message.sender)
        return None
    found = _faults(live, pending, message)
    if found:
        if live.run.stored_codec.has_transforms:  # a message may quote the answer, which is not stored in clear
            found = [Fault(fault.field, "the workflow does not take it") for fault in found]
        return ev.InputRefusedEvent(number=number, faults=tuple(found), by=message.sender)
    live.dues.pop(number, None)
    return ev.InputReceived(number=number, answer=Raw(message.payload), by=message.sender)


def _number(live: LiveExecution, key: str) -> int:
    """Return the number of the input that `key` answers, 0 for one of an earlier run."""
    parts = key.split(":")
    if len(parts) != 4 or parts[0] != "input" or not (parts[1].isdigit() and parts[2].isdigit()):
        return 0
    return int(parts[2]) if int(parts[1]) == live.run.run_count else 0


def _faults(live: LiveExecution, pending: PendingInput, message: Message) -> list[Fault]:
    codec, what = live.run.stored_codec, f"answer to input {message.name!r}"
    try:
        found = check(pending.command.form, codec.decode(message.payload, what=what)).faults
        if not found and pending.annotation is not Any:
            codec.decode(message.payload, pending.annotation, what=what)
    except PayloadTransformFailed:
        raise
    except PayloadMismatch as error:
        return [Fault("", str(error))]
    except Exception as error:  # of the workflow's own class
        return [Fault("", f"{type(error).__name__}: {error}")]
    return found
