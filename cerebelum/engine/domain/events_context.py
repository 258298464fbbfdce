"""The event of a flow's context. `events` holds it with all others, and states their rules."""

from __future__ import annotations

from msgspec import Raw

from cerebelum.engine.domain.event_base import Command


class ContextChanged(Command, frozen=True, omit_defaults=True, kw_only=True):
    """What the flow itself, not one of its steps, changed in its context: collected results, the order of a join."""

    type = "context_changed"
    patch: Raw = Raw(b"[]")  # operations, as in `step_completed`
