"""Histories, read by plans: what was asked for, on which code, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.engine.domain import events as ev

Events = Sequence[ev.Event | ev.UnknownEvent]


def asked(events: Events) -> tuple[str, ...]:
    """Return what the code asked for, in the words of plans; what it undid is left out."""
    return tuple(word for event in events if (word := word_of(event)))


def word_of(event: ev.Event | ev.UnknownEvent) -> str:
    """Return the plan's word for what an event asks for; "" where it asks for nothing."""
    if isinstance(event, ev.StepScheduled):
        return "" if event.name == "release" else event.name
    if isinstance(event, ev.VersionMarker):
        return f"mark {event.patch}"
    if isinstance(event, ev.TimerStarted):
        return "sleep"
    if isinstance(event, ev.WaitStarted):
        return "signal"
    return "child" if isinstance(event, ev.ChildStarted) else ""


def codes(history: Sequence[ev.RecordedEvent]) -> list[tuple[int, str]]:
    """Return since when it ran on which code: (instant, short digest)."""
    found = []
    for recorded in history:
        event = recorded.event()
        if isinstance(event, ev.ExecutionStarted):
            found.append((0, event.code))
        elif isinstance(event, ev.CodeChanged):
            found.append((recorded.at_us, event.after))
    return found


def codes_at(history: Sequence[ev.RecordedEvent], at_us: int) -> set[str]:
    """Return on which code an attempt began at this instant: one, or both where a move has the same instant."""
    found = codes(history)
    last = [code for since_us, code in found if since_us < at_us][-1]
    return {last, *(code for since_us, code in found if since_us == at_us)}
