"""Puts the reasons of one execution together: its end, what holds it, what it waits for. See `reasons`."""

from __future__ import annotations

from typing import Any

from cerebelum.engine.domain.copies import is_copy
from cerebelum.engine.domain.events import ErrorInfo
from cerebelum.engine.domain.projection import StepState
from cerebelum.engine.domain.reasons import ENGINE, MISFIT, Case, Reason, Why
from cerebelum.engine.domain.reasons_of_waits import reason_of_step, reason_of_wait
from cerebelum.engine.domain.typed_commands import about

_MOST_DETAIL_LINES = 6


def explain(case: Case) -> Why:
    """Return why the execution stands where it stands. Children are named; what holds them is the caller's to add."""
    state, row = case.state, case.row
    notes: tuple[str, ...] = ()
    if row.ended:
        reasons = [_end(case)]
    else:
        blockers = _blockers(case)
        reasons = [*blockers, *_waits(case)]
        if not reasons or all(reason.moves and reason.kind == "no_node" for reason in reasons):
            reasons += _nothing_open(case)
        notes = _notes(case)
    return Why(
        execution_id=row.id, workflow=state.workflow or row.workflow, code=state.code or row.code,
        status=row.status if row.ended or not state.version else state.status, reasons=tuple(reasons), notes=notes,
    )  # fmt: skip


def _end(case: Case) -> Reason:
    state, me = case.state, case.row.id
    at: dict[str, Any] = {"since_us": state.ended_us or case.row.completed_at_us}
    if is_copy(case.row) and state.ended_us is None:
        return Reason(
            kind="copy", text=f"it is an imported copy of an execution that was {state.status}; it never runs here",
            who="nobody", commands=(about("replay", me),), since_us=case.row.inserted_at_us,
        )  # fmt: skip
    if state.continued_as:
        return Reason(
            kind="continued", text=f"it goes on as {state.continued_as}", who="nobody", name=state.continued_as,
            commands=(about("why", state.continued_as),), **at,
        )  # fmt: skip
    if state.status == "failed":
        return _failure(case)
    if state.status == "cancelled":
        asked = case.tale.cancelled
        by = f" by {asked.by}" if asked is not None and asked.by else ""
        reason = state.reason or (asked.reason if asked is not None else "")
        return Reason(
            kind="cancelled", text=f"it was cancelled{by}{f': {reason}' if reason else ''}", who="nobody",
            commands=(about("events", me),), **at,
        )  # fmt: skip
    return Reason(kind="completed", text="it completed", who="nobody", commands=(about("result", me),), **at)


def _failure(case: Case) -> Reason:
    state, me = case.state, case.row.id
    broken = next((step for step in state.steps.values() if step.status == "failed"), None)
    error = _one_line(state.error) if state.error is not None else "an error that is not on record"
    detail: list[str] = []
    if broken is not None:
        detail.append(_of_step(broken))
        place = _place_in(broken.attempts[-1].error) or _place_in(state.error)
    else:
        place = _place_in(state.error)
    if place:
        detail.append(f"raised at {place}")
    return Reason(
        kind="failed", text=f"it failed: {error}", name=broken.name if broken is not None else "", who="nobody",
        line=broken.line if broken is not None else "", since_us=state.ended_us, detail=tuple(detail),
        commands=(about("replay", me), about("show", me, "--steps")),
    )  # fmt: skip


def _of_step(step: StepState) -> str:
    last = step.attempts[-1]
    what = "" if last.error is None else f": {_one_line(last.error)}"
    return f"first step that failed: {step.place or step.name}, at attempt {last.attempt}{what}"


def _place_in(error: ErrorInfo | None) -> str:
    """Return `order.py:22 in charge` of the innermost frame that a traceback names; "" where it names none."""
    if error is None:
        return ""
    frames = [line.strip() for line in error.traceback.splitlines() if line.strip().startswith('File "')]
    if not frames:
        return ""
    path, _, rest = frames[-1].removeprefix('File "').partition('", line ')
    number, _, function = rest.partition(", in ")
    return f"{path.rpartition('/')[2]}:{number}{f' in {function}' if function else ''}"


def _one_line(error: ErrorInfo) -> str:
    return f"{error.name}: {error.message}".partition("\n")[0]


def _blockers(case: Case) -> list[Reason]:
    found = []
    if case.state.status == "paused":
        found.append(_paused(case))
    if not case.standing.knowing:
        found.append(_no_node(case))
    elif case.standing.owner_gone_us is not None:
        found.append(
            Reason(
                kind="dead_node", text=f"its node {case.standing.owner} is gone", moves=True,
                since_us=case.standing.owner_gone_us, name=case.standing.owner,
                who=f"nobody: {case.standing.knowing[0]} takes over by itself",
            )
        )  # fmt: skip
    return found


def _paused(case: Case) -> Reason:
    note, me = case.tale.paused, case.row.id
    since_us = None if note is None else note.at_us
    reason = case.state.reason
    by_engine = note is not None and note.by == ENGINE
    if by_engine and reason.startswith(MISFIT):
        first, *more = reason.removeprefix(MISFIT).splitlines()
        fix = [line for line in more if line.strip()][:_MOST_DETAIL_LINES]
        return Reason(
            kind="incompatible", text=f"no code at hand fits its history: {first}", detail=tuple(fix), since_us=since_us,
            who="whoever brings code that fits, and then resumes it", name=case.row.workflow,
            commands=(about("replay", me, "--check", "--code", _file(case)), about("resume", me)),
        )  # fmt: skip
    first, *more = reason.splitlines() or [""]
    if by_engine:
        return Reason(
            kind="parked", text=f"the engine paused it: {first}", detail=tuple(more[:_MOST_DETAIL_LINES]),
            since_us=since_us, who="whoever mends that, and then resumes it", commands=(about("resume", me),),
        )  # fmt: skip
    by = f" by {note.by}" if note is not None and note.by else ""
    return Reason(
        kind="paused", text=f"it was paused{by}{f': {first}' if first else ''}", since_us=since_us,
        name=note.by if note is not None else "", who="whoever may resume it", commands=(about("resume", me),),
    )  # fmt: skip


def _no_node(case: Case) -> Reason:
    row, standing = case.row, case.standing
    needs_us = row.wake_at_us if not row.owner else None
    later = case.state.version > 0 and not row.owner and not standing.unread
    later = later and (needs_us is None or needs_us > standing.now_us)
    known = ", ".join(standing.workflows[:5]) or "none"
    return Reason(
        kind="no_node", name=row.workflow, moves=later,
        text=f"no node knows workflow {row.workflow!r} (nodes: {standing.nodes}, workflows: {known})"
        + ("; it needs one only when its wait ends" if later else ""),
        since_us=None if later else standing.owner_gone_us or needs_us, until_us=needs_us if later else None,
        who="whoever starts a worker that knows it",
        commands=(f"cerebelum worker {_file(case)}", f"cerebelum run --resume {row.id}"),
    )  # fmt: skip


def _file(case: Case) -> str:
    return case.standing.path or "FLOW.py"


def _waits(case: Case) -> list[Reason]:
    state = case.state
    steps = [reason_of_step(case, step) for step in state.open_steps]
    return [*steps, *(reason_of_wait(case, wait) for wait in state.open.values())]


def _nothing_open(case: Case) -> list[Reason]:
    row, standing = case.row, case.standing
    if not standing.knowing or standing.owner_gone_us is not None:
        return []
    if standing.owner:
        return [
            Reason(
                kind="code", text=f"its code runs on {standing.owner}", moves=True, since_us=row.updated_at_us,
                who="nobody: it goes on by itself",
            )
        ]  # fmt: skip
    if row.wake_at_us is not None and row.wake_at_us > standing.now_us:
        return [
            Reason(
                kind="scheduled", text="it is to start later", moves=True, until_us=row.wake_at_us,
                since_us=row.inserted_at_us, who="nobody: time starts it",
            )
        ]  # fmt: skip
    nodes = ", ".join(standing.knowing[:3])
    return [
        Reason(
            kind="due", text="it is due, and no node has taken it up yet", moves=True, since_us=row.wake_at_us,
            who=f"nobody: a node that knows its workflow takes it up ({nodes})",
        )
    ]  # fmt: skip


def _notes(case: Case) -> tuple[str, ...]:
    found = []
    cancelled = case.tale.cancelled
    if cancelled is not None:
        by = f" by {cancelled.by}" if cancelled.by else ""
        found.append(f"cancellation was requested{by}: it is undoing what it did, or waits in spite of it")
    if case.standing.unread:
        messages = "1 message lies" if case.standing.unread == 1 else f"{case.standing.unread} messages lie"
        found.append(f"{messages} in its inbox that no node has read yet")
    return tuple(found)
