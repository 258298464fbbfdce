"""The reasons of an open execution's steps, timers, signals, inputs and children: see `reasons`."""

from __future__ import annotations

import shlex
from typing import Any

from cerebelum.engine.domain.projection import AttemptState, OpenWait, StepState
from cerebelum.engine.domain.queues import BUILT_IN, DEFAULT_QUEUE, UNCONFIGURED_CONCURRENCY
from cerebelum.engine.domain.reasons import Case, Reason
from cerebelum.engine.domain.typed_commands import about, input_command, signal_command

SIGN_OF_LIFE_US = 12_000_000  # a running attempt is recorded every 5 s: after twice that, and some, it has not begun


def reason_of_step(case: Case, step: StepState) -> Reason:
    """Return why a step that is not finished is not."""
    attempt = step.attempts[-1]
    if step.status == "waiting":
        return _retry(case, step, attempt)
    if _stands_in_line(case, step, attempt):
        return _place(case, step, attempt)
    return _running(case, step, attempt)


def _retry(case: Case, step: StepState, attempt: AttemptState) -> Reason:
    most = case.tale.most_attempts.get(step.number, 1)
    error = "" if attempt.error is None else f"{attempt.error.name}: {attempt.error.message}".partition("\n")[0]
    return Reason(
        kind="retry", name=step.name, line=step.line, moves=True, who="nobody: it is tried again by itself",
        text=f"step {_named(step)} failed at attempt {attempt.attempt} of {most}, and is tried again",
        detail=(error,) if error else (), since_us=attempt.ended_us, until_us=attempt.retry_at_us,
        commands=(about("logs", case.row.id, "--step", _quoted(step.name)),),
    )  # fmt: skip


def _due_since_us(step: StepState, attempt: AttemptState) -> int:
    """Return when the attempt was due: a later one after its delay, which the attempt before it has on record."""
    before = step.attempts[-2] if len(step.attempts) > 1 else None
    return (before.retry_at_us if before is not None else None) or attempt.started_us or step.scheduled_us


def _stands_in_line(case: Case, step: StepState, attempt: AttemptState) -> bool:
    beat = case.tale.heartbeats.get(step.number)
    if beat is not None and beat.attempt == attempt.attempt:
        return False
    overdue = case.standing.now_us - _due_since_us(step, attempt) >= SIGN_OF_LIFE_US
    return overdue and limit_of(case, step) is not None and bool(case.standing.owner)


def queue_of(case: Case, step: StepState) -> str:
    """Return the queue whose place a step needs."""
    return case.tale.queues.get(step.number) or case.state.queue or case.row.queue


def limit_of(case: Case, step: StepState) -> int | None:
    """Return how many steps of its queue run at once on a node; None: any number."""
    queue = queue_of(case, step)
    known = {**BUILT_IN, **case.standing.limits}
    return known.get(queue, None if queue == DEFAULT_QUEUE else UNCONFIGURED_CONCURRENCY)


def _place(case: Case, step: StepState, attempt: AttemptState) -> Reason:
    queue, limit = queue_of(case, step), limit_of(case, step)
    holders = case.standing.holders.get(queue, ())
    detail = (f"seen in this queue on that node: {', '.join(holders)}",) if holders else ()
    return Reason(
        kind="place", name=queue, line=step.line, moves=True, since_us=_due_since_us(step, attempt), detail=detail,
        text=f"step {_named(step)} is due and gave no sign of life: queue {queue!r} lets {limit} steps run at once on a node",
        who="those that hold the places, or a node with more room",
        commands=(f"cerebelum list --status running   # and `cerebelum worker FLOW.py --queue {_quoted(queue)}=N`",),
    )  # fmt: skip


def _running(case: Case, step: StepState, attempt: AttemptState) -> Reason:
    most = case.tale.most_attempts.get(step.number, 1)
    beat = case.tale.heartbeats.get(step.number)
    known = beat is not None and beat.attempt == attempt.attempt
    node = (beat.node if known and beat is not None else "") or case.standing.owner
    where = f" on {node}" if node else ""
    detail: list[str] = []
    if known and beat is not None:
        detail.append(f"last sign of life {_ago(case, beat.at_us)} ago")
    return Reason(
        kind="step", name=step.name, line=step.line, moves=case.standing.owner_gone_us is None,
        text=f"step {_named(step)} runs{where}, attempt {attempt.attempt} of {most}", detail=tuple(detail),
        since_us=_due_since_us(step, attempt), who="nobody: it ends by itself", progress=step.progress,
        commands=(about("logs", case.row.id, "-f", "--step", _quoted(step.name)),),
    )  # fmt: skip


def reason_of_wait(case: Case, wait: OpenWait) -> Reason:
    """Return why an open timer, signal, input or child is open."""
    me = case.row.id
    common: dict[str, Any] = {"name": wait.name, "line": wait.line, "since_us": wait.since_us, "until_us": wait.due_us}
    ends = wait.due_us is not None
    match wait.kind:
        case "sleep":
            return Reason(
                kind="sleep", text="it sleeps", who="nobody: time ends it; `resume` ends it now", moves=True,
                commands=(about("resume", me),), **common,
            )  # fmt: skip
        case "timeout":
            return Reason(kind="timeout", text="a time limit of its code runs", who="time", moves=True, **common)
        case "signal":
            return Reason(
                kind="signal", text=f"it waits for signal {wait.name!r}", who="whoever sends the signal", moves=ends,
                commands=(signal_command(me, wait.name),), **common,
            )  # fmt: skip
        case "input":
            asked = case.state.inputs.get(wait.number)
            prompt = (asked.prompt,) if asked is not None and asked.prompt else ()
            return Reason(
                kind="input", text=f"it waits for input {wait.name!r}", who="a person who answers", moves=ends,
                detail=prompt, commands=(input_command(me, wait.name),), **common,
            )  # fmt: skip
        case _:
            child = case.tale.children.get(wait.number, "")
            return Reason(
                kind="child", text=f"it waits for its child {child} ({wait.name})", who="the child", moves=True,
                commands=(about("why", child),) if child else (), **{**common, "name": child},
            )  # fmt: skip


def _named(step: StepState) -> str:
    return repr(step.place or step.name)


def _quoted(text: str) -> str:
    return shlex.quote(text)


def _ago(case: Case, at_us: int) -> str:
    seconds = max(0, case.standing.now_us - at_us) // 1_000_000
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
