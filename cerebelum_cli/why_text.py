"""The answers of `why` as lines and as JSON objects."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from cerebelum.engine.application.stuck import Group, Report, Stuck
from cerebelum.engine.domain.reasons import ENDS, Reason, Why
from cerebelum.engine.domain.stuck_words import group_title
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.masking import mask_text
from cerebelum_cli.output import coloured
from cerebelum_cli.words import clock, duration, masked, rfc3339, shown, versioned

_HELP = {
    "paused": "cerebelum resume ID",
    "incompatible": "cerebelum replay ID --check --code FLOW.py, then cerebelum resume ID",
    "parked": "cerebelum why ID, then cerebelum resume ID",
    "no_node": "cerebelum worker FLOW.py",
    "due": "cerebelum doctor; more room: cerebelum worker FLOW.py",
    "signal": "cerebelum signal ID {name} --json …",
    "input": "cerebelum input ID {name} --form",
    "step": "cerebelum logs ID -f",
    "place": "cerebelum worker FLOW.py --queue {name}=NUMBER",
}


def lines_of(answer: Why, now_us: int, indent: str = "") -> Iterator[str]:
    """Yield the answer for one execution, safe for a terminal."""
    name = _safe(versioned(answer.workflow, answer.code))
    yield f"{indent}{answer.execution_id}  {name}  {coloured(answer.status, answer.status, sys.stdout)}"
    for reason in answer.reasons:
        yield from _reason(reason, now_us, f"{indent}  ")
    for note in answer.notes:
        yield f"{indent}  note     {_safe(note)}"
    if answer.is_stuck:
        yield f"{indent}  stuck    nothing moves it by itself"


def _reason(reason: Reason, now_us: int, indent: str) -> Iterator[str]:
    line = f"  {_safe(reason.line)}" if reason.line else ""
    yield f"{indent}{_safe(reason.text)}{line}"
    for more in reason.detail:
        yield f"{indent}  {_safe(more)}"
    if reason.progress is not None and bytes(reason.progress):
        yield f"{indent}  progress {shown(masked(reason.progress), limit=120)}"
    if reason.since_us is not None:
        what = "at   " if reason.kind in ENDS else "since"
        yield f"{indent}  {what}    {clock(reason.since_us)} ({duration(max(0, now_us - reason.since_us))} ago)"
    if reason.until_us is not None:
        left_us = reason.until_us - now_us
        told = f"in {duration(left_us)}" if left_us > 0 else f"overdue by {duration(-left_us)}"
        yield f"{indent}  until    {clock(reason.until_us)} ({told})"
    if reason.who and reason.kind not in ENDS:
        yield f"{indent}  who      {_safe(reason.who)}"
    if reason.because is None:
        for command in reason.commands:
            yield f"{indent}           {_safe(command)}"
    else:
        yield from lines_of(reason.because, now_us, f"{indent}  ")


def object_of(answer: Why) -> dict[str, Any]:
    """Return the answer for one execution as JSON data."""
    return {
        "schema": "cerebelum.why/1",
        "id": answer.execution_id,
        "workflow": answer.workflow,
        "code": answer.code,
        "status": answer.status,
        "stuck": answer.is_stuck,
        "reasons": [_reason_object(reason) for reason in answer.reasons],
        "notes": [mask_text(note) for note in answer.notes],
    }


def _reason_object(reason: Reason) -> dict[str, Any]:
    return {
        "kind": reason.kind,
        "text": mask_text(reason.text),
        "name": reason.name,
        "line": reason.line or None,
        "since": rfc3339(reason.since_us),
        "until": rfc3339(reason.until_us),
        "who": reason.who,
        "moves_by_itself": reason.moves,
        "detail": [mask_text(line) for line in reason.detail],
        "progress": masked(reason.progress),
        "commands": list(reason.commands),
        "because": None if reason.because is None else object_of(reason.because),
    }


def stuck_lines(report: Report, now_us: int) -> Iterator[str]:
    """Yield the groups and their longest members."""
    for group in report.groups:
        longest = duration(max(0, now_us - group.since_us))
        yield f"{group.total:>6}  {_safe(group_title(group.kind, group.name))}  (the longest for {longest})"
        for member in group.members:
            since = duration(max(0, now_us - member.since_us))
            yield f"        {member.row.id}  {_safe(versioned(member.row.workflow, member.row.code))}  {since}"
        left = group.total - len(group.members)
        if left:
            yield f"        … and {left} more"
        if group.kind in _HELP:
            yield f"        help: {_help(group)}"


def _help(group: Group) -> str:
    import shlex

    return _HELP[group.kind].format(name=_safe(shlex.quote(group.name)))


def group_object(group: Group) -> dict[str, Any]:
    """Return a group as JSON data."""
    return {
        "schema": "cerebelum.stuck/1",
        "kind": group.kind,
        "name": group.name,
        "count": group.total,
        "since": rfc3339(group.since_us),
        "executions": [_member(member) for member in group.members],
    }


def _member(member: Stuck) -> dict[str, Any]:
    row = member.row
    return {
        "id": row.id,
        "workflow": row.workflow,
        "code": row.code,
        "status": row.status,
        "since": rfc3339(member.since_us),
        "text": mask_text(member.text) or None,
    }


def _safe(text: str) -> str:
    return visible(mask_text(text), keep_newlines=False)
