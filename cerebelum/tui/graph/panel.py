"""What is so at the marked node: its `execution_state`, in words."""

from __future__ import annotations

from datetime import datetime

from cerebelum.engine.application.event_text import error_line
from cerebelum.engine.domain.drawing import DrawnNode, ExecutionMark, took
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.tui.graph.canvas import has_state
from cerebelum.tui.lines import Line, Piece
from cerebelum.tui.marks import of_status

_BAR_CELLS = 20


def panel_lines(node: DrawnNode, now_us: int, last: RecordedEvent | None, *, is_wide: bool) -> list[Line]:
    """Return the lines about a node.

    Args:
        now_us: as late as it is for who looks: a running node has run until then.
        last: the newest event about it, by then.
        is_wide: a line for each fact, else few.
    """
    state = node.state
    title = [Piece(node.label, "strong")]
    kind = Piece(_kind(node), "dim")
    lines: list[Line] = [title, [kind]] if is_wide else [[*title, Piece("  "), kind]]
    if state is None:
        return [*lines, [Piece(_without_state(node), "dim")]]
    sign, ink = of_status(state.status)
    status: Line = [
        Piece(f"{sign} {state.status}{' · active' if state.active else ''}", ink),
        Piece(" · on the critical path" if node.critical else "", "text"),
    ]
    facts = _facts(state, now_us, is_step=node.type in _STEPS)
    if is_wide:
        lines.append(status)
        if state.progress is not None:
            lines.append([Piece(f"{'progress':<10}", "dim"), *_bar(state.progress)])
        lines += [[Piece(f"{name:<10}", "dim"), Piece(text, "text")] for name, text in facts]
    else:
        told = [Piece(f"  {name} {text}", "text") for name, text in facts]
        bar = [Piece("  "), *_bar(state.progress)] if state.progress is not None else []
        instants = [piece for piece, (name, _) in zip(told, facts, strict=True) if name in _INSTANTS]
        lines += [[*status, *(piece for piece in told if piece not in instants), *bar], [*instants]]
    if (error := _error(last)) and state.status != "completed":
        lines.append([Piece(f"✗ {error}", "bad")])
    return lines


_STEPS = ("step", "map", "decision", "compensation", "dynamic")
_INSTANTS = ("started", "completed", "ended")


def _bar(progress: float) -> list[Piece]:
    done = round(progress / 100 * _BAR_CELLS)
    return [Piece("█" * done + "░" * (_BAR_CELLS - done), "busy"), Piece(f" {progress:.0f}%", "text")]


def _kind(node: DrawnNode) -> str:
    parts: list[str] = [node.type]
    if node.name and node.name != node.label:
        parts.append(node.name)
    if node.place:
        parts.append(node.place)
    if node.lines is not None:
        parts.append(f"{node.lines[0]}:{node.lines[1]}")
    return " · ".join(parts)


def _without_state(node: DrawnNode) -> str:
    if node.untaken:
        return "was not reached"
    return "has not run by this event" if has_state(node) else "leaves no record of its own"


def _facts(state: ExecutionMark, now_us: int, *, is_step: bool) -> list[tuple[str, str]]:
    facts = []
    if state.duration_ms is not None:
        facts.append(("took", took(state.duration_ms)))
    elif state.started_at is not None:
        since_us = round(datetime.fromisoformat(state.started_at).timestamp() * 1_000_000)
        facts.append(("for", took(max(0, now_us - since_us) / 1000)))
    if state.started_at is not None:
        facts.append(("started", _clock(state.started_at)))
    if state.completed_at is not None:
        facts.append(("completed" if state.status == "completed" else "ended", _clock(state.completed_at)))
    if is_step or state.attempt > 1:
        facts.append(("attempt", str(state.attempt)))
    if state.count > 1:
        facts.append(("ran", f"{state.count} times"))
    return facts


def _clock(instant: str) -> str:
    return f"{instant[:10]} {instant[11:23]}Z"


def _error(last: RecordedEvent | None) -> str:
    error = getattr(last.event(), "error", None) if last is not None else None
    return error_line(error) if error is not None else ""
