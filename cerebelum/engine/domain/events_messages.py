"""Events of updates: requests from outside that a workflow checks, carries out and answers. Rules as in `events`."""

from __future__ import annotations

from msgspec import Raw

from cerebelum.engine.domain.event_base import NULL, Command, ErrorInfo, Trigger


class UpdateAccepted(Trigger, frozen=True, omit_defaults=True, kw_only=True):
    """The workflow's validator let the request pass; its handler runs. A refused one is not in the history."""

    type = "update_accepted"
    name: str
    args: Raw = Raw(b"{}")  # {"args": [...], "kwargs": {...}}
    key: str = ""  # by which the caller finds the outcome
    sender: str = ""


class UpdateCompleted(Command, frozen=True, omit_defaults=True, kw_only=True):
    """The handler of the update accepted at `of` (a version) returned."""

    type = "update_completed"
    of: int
    result: Raw = NULL


class UpdateFailedEvent(Command, frozen=True, omit_defaults=True, kw_only=True):
    """The handler of the update accepted at `of` (a version) raised. The workflow goes on."""

    type = "update_failed"
    of: int
    error: ErrorInfo
