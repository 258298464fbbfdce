"""What one wants to know of an execution before opening it: why it failed, or what it waits for."""

from __future__ import annotations

from cerebelum.engine.application.query import ExecutionView
from cerebelum.engine.domain.events import ErrorInfo
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.domain.projection import ExecutionState
from cerebelum.engine.domain.words import clock, duration, versioned
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.engine.runtime.rendering import render
from cerebelum.tui.lines import Line, Piece
from cerebelum.tui.marks import of_status

HISTORY_MOST = 2_000  # events: of a longer history the row has to do, reading it takes too long for a preview
_TRACE_LINES = 40


def of_row(row: ExecutionRow) -> list[Line]:
    """Return what the row alone tells: it is there at once."""
    sign, ink = of_status(row.status)
    lines: list[Line] = [
        [Piece(row.id, "strong")],
        [Piece(f"{sign} {row.status}", ink), Piece(f"  {versioned(row.workflow, row.code)}")],
        [Piece(f"{row.last_version:,} events", "dim"), Piece(_times(row), "dim")],
    ]
    if row.error:
        lines += [[], [Piece(mask_text(row.error), "bad")]]
    elif row.current_step:
        lines += [[], [Piece("at  ", "dim"), Piece(row.current_step)]]
    return lines


def of_view(view: ExecutionView) -> list[Line]:
    """Return all of it: the failure with its trace, what is open, the result."""
    row, state = view.row, view.state
    lines = of_row(row)[:3]
    if state.error is not None:
        lines += _error(state, state.error)
    lines += _open(state)
    if state.status == "paused":
        lines += [[], [Piece("‖ paused  ", "wait"), Piece(mask_text(state.reason))]]
    if state.status == "cancelled" and state.reason:
        lines += [[], [Piece("reason  ", "dim"), Piece(mask_text(state.reason))]]
    if state.result is not None:
        lines += [[], [Piece("result  ", "dim"), Piece(_payload(bytes(state.result)))]]
    return lines


def _times(row: ExecutionRow) -> str:
    if row.started_at_us is None:
        return ""
    took = "" if row.completed_at_us is None else f", took {duration(row.completed_at_us - row.started_at_us)}"
    return f", started {clock(row.started_at_us)}{took}"


def _error(state: ExecutionState, error: ErrorInfo) -> list[Line]:
    lines: list[Line] = [[], [Piece(f"✗ {error.name}: {mask_text(error.message)}", "bad")]]
    failed = next((step for step in reversed(state.steps.values()) if step.status == "failed"), None)
    if failed is not None:
        place = f"{failed.place or failed.name}, attempt {failed.attempts[-1].attempt}, {failed.line}"
        lines.append([Piece("step  ", "dim"), Piece(place)])
    trace = mask_text(error.traceback).rstrip().splitlines()
    lines += [[Piece(line, "dim")] for line in trace[-_TRACE_LINES:]]
    return lines


def _open(state: ExecutionState) -> list[Line]:
    lines: list[Line] = []
    for step in state.open_steps[:20]:
        attempt = step.attempts[-1] if step.attempts else None
        lines.append(
            [Piece("▶ ", "busy"), Piece(step.place or step.name),
             Piece(f"  attempt {attempt.attempt if attempt else 1}, since {clock(step.scheduled_us)}  {step.line}", "dim")]
        )  # fmt: skip
        if attempt is not None and attempt.error is not None:
            lines.append([Piece(f"    {attempt.error.name}: {mask_text(attempt.error.message)}", "bad")])
    for wait in list(state.open.values())[:20]:
        until = "" if wait.due_us is None else f", until {clock(wait.due_us)}"
        lines.append(
            [Piece("◷ ", "wait"), Piece(f"waits for {wait.kind} {wait.name}".rstrip()),
             Piece(f"  since {clock(wait.since_us)}{until}  {wait.line}", "dim")]
        )  # fmt: skip
        asked = state.inputs.get(wait.number)
        if asked is not None and asked.prompt:
            lines.append([Piece(f"    {mask_text(asked.prompt)}", "text")])
    return [[], *lines] if lines else []


def _payload(data: bytes) -> str:
    import msgspec

    return render(msgspec.json.decode(data))
