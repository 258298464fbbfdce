"""Updates in the inboxes of executions in memory: checked by the workflow's validator, then recorded or refused.

Rules:
- One at a time, in order of arrival, and only in a state to which all that was recorded has been applied: the history
  then shows the very state in which each was accepted.
- A refusal is kept in the store's row of the message, in the commit that takes it out of the inbox. Nothing of it is in
  the history.
- What cannot be considered yet (paused, not begun, no handler declared) waits, and keeps its execution in memory: the
  caller waits, too. It is considered again after each activation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Raw

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_payload import PayloadTransformFailed
from cerebelum.engine.ports.store import Message
from cerebelum.engine.runtime.calls import decode_call
from cerebelum.engine.runtime.listening import Offer
from cerebelum.engine.runtime.live import LiveExecution
from cerebelum.engine.runtime.looking import look
from cerebelum.engine.runtime.run import WorkflowRun

Watch = Callable[..., Any]


def keep(live: LiveExecution, message: Message) -> None:
    """Consider an update with the next commit."""
    live.updates.append(message)
    live.updates_due = True
    live.mark()


def consider(live: LiveExecution, now_us: Callable[[], int], watch: Watch) -> bool:
    """Refuse updates, and record the first that is accepted; return whether one was. It is to be applied then.

    Raises:
        PayloadTransformFailed: its arguments cannot be unsealed here.
        ActivationBlocked: a validator does not come to an end.
    """
    run = live.run
    live.updates_due = False
    if live.dropped or run.paused or run.ended or not run.begun or live.final is not None:
        return False
    offers = {} if run.listening is None else run.listening.updates
    waiting, live.updates = live.updates, []
    for position, message in enumerate(waiting):
        offer = offers.get(message.name)
        if offer is None:
            live.updates.append(message)
            continue
        refusal = watch(live.id, _refusal, run, message, offer)
        live.consume(message)
        if refusal is not None:
            text, _ = run.stored_codec.encode(refusal, str, what=f"refusal of update {message.name!r}")
            live.reply(message, text)
            continue
        live.updates += waiting[position + 1 :]
        live.updates_due = bool(live.updates)
        args = Raw(message.payload)
        event = ev.UpdateAccepted(name=message.name, args=args, key=message.key, sender=message.sender)
        live.record(event, now_us(), trigger=True)
        return True
    return False


def _refusal(run: WorkflowRun, message: Message, offer: Offer) -> str | None:
    """Return why the workflow refuses an update; None: it does not."""
    what = f"update {message.name!r}"
    try:
        call = decode_call(run.stored_codec, message.payload, offer.signature, what=f"arguments of {what}")
        if offer.validate is not None:
            look(run, f"the validator of {what}", offer.validate, *call[0], **call[1])
    except PayloadTransformFailed:
        raise
    except Exception as error:
        return str(error) or type(error).__name__
    return None
