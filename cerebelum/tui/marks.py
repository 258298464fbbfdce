"""The sign and the ink of each status and each kind of event: what a colour tells, a sign tells as well."""

from __future__ import annotations

from functools import lru_cache

from cerebelum.tui.themes import Ink

STATUS: dict[str, tuple[str, Ink]] = {
    "pending": ("○", "dim"),
    "running": ("▶", "busy"),
    "waiting": ("◷", "wait"),
    "paused": ("‖", "wait"),
    "completed": ("✓", "good"),
    "failed": ("✗", "bad"),
    "cancelled": ("⊘", "dim"),
}
_ENDS: tuple[tuple[str, str, Ink], ...] = (
    ("_failed", "✗", "bad"),
    ("_timed_out", "✗", "bad"),
    ("_refused", "✗", "bad"),
    ("_completed", "✓", "good"),
    ("_cancelled", "⊘", "dim"),
    ("_requested", "⇣", "wait"),
    ("_received", "⇡", "accent"),
    ("_fired", "◷", "accent"),
    ("_started", "▸", "busy"),
)
_EVENTS: dict[str, tuple[str, Ink]] = {
    "execution_started": ("●", "accent"),
    "execution_begun": ("●", "accent"),
    "execution_retried": ("↻", "wait"),
    "continued_as_new": ("↻", "accent"),
    "execution_paused": ("‖", "wait"),
    "execution_resumed": ("▸", "busy"),
    "timer_started": ("◷", "wait"),
    "wait_started": ("⇣", "wait"),
    "code_changed": ("Δ", "accent"),
}


def of_status(status: str) -> tuple[str, Ink]:
    """Return the sign and ink of a status."""
    return STATUS.get(status, ("?", "dim"))


@lru_cache(maxsize=256)
def of_event(kind: str) -> tuple[str, Ink]:
    """Return the sign and ink of an event by its type; also of one that a newer release wrote."""
    known = _EVENTS.get(kind)
    if known is not None:
        return known
    return next(((sign, ink) for end, sign, ink in _ENDS if kind.endswith(end)), ("·", "dim"))
