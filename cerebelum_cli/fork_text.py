"""What a fork takes over and does again, as lines and as an object. Values are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cerebelum.engine.application.fork_words import again_text, edited_value, reused_text
from cerebelum.engine.domain.terminal_text import visible
from cerebelum_cli.streams import out
from cerebelum_cli.words import shown, versioned

if TYPE_CHECKING:
    from cerebelum.engine.domain.editing import Edited
    from cerebelum.engine.domain.execution import ExecutionRow
    from cerebelum.engine.domain.forking import ForkPlan


def print_plan(plan: ForkPlan, row: ExecutionRow) -> None:
    """Print what `--dry-run` tells."""
    where = f"before {plan.step} runs, behind event {plan.version}" if plan.step else f"behind event {plan.version}"
    out(
        f"fork of {plan.execution_id}  {_safe(versioned(plan.workflow, plan.code))}  {_safe(where)} of {plan.event_count}"
    )
    for edited in plan.edits:
        _fact("changes", f"{_safe(edited.what)}: {_change(edited)}  (event {edited.version})")
    _fact("reuses", _safe(reused_text(plan)))
    _fact("", _safe(again_text(plan)))
    for child in plan.children_reused:
        _fact("child", f"{child}  its result is reused")
    for child in plan.children_again:
        _fact("child", f"{child}  was open: one of the fork's own BEGINS ANEW")
    for wait in plan.waits:
        _fact(
            "waits",
            _safe(f"{wait.kind} {wait.name}".strip() + ("" if wait.due_us is None else "  for what was left of it")),
        )
    if plan.left_out:
        _fact("leaves out", f"{', '.join(plan.left_out)} that came later")
    for warning in plan.warnings:
        _fact("note", _safe(warning))
    if plan.code != row.code:
        _fact("note", f"the original runs on @{row.code[:4]}, the fork on @{plan.code[:4]}")


def of_plan(plan: ForkPlan) -> dict[str, Any]:
    """Return the plan as an object."""
    return {
        "schema": "cerebelum.fork-plan/1",
        "execution_id": plan.execution_id,
        "workflow": plan.workflow,
        "code": plan.code,
        "version": plan.version,
        "before_step": plan.step or None,
        "event_count": plan.event_count,
        "reused": list(plan.reused),
        "runs_again": [
            {"step": step.name, "calls": step.count, "at_most_once": step.at_most_once} for step in plan.again
        ],
        "children_reused": list(plan.children_reused),
        "children_begun_anew": list(plan.children_again),
        "waits": [{"kind": wait.kind, "name": wait.name} for wait in plan.waits],
        "left_out": list(plan.left_out),
        "edits": [
            {"what": edited.what, "version": edited.version, "before": edited_value(edited, edited.before), "after": edited_value(edited, edited.after)}
            for edited in plan.edits
        ],
        "warnings": list(plan.warnings),
    }  # fmt: skip


def _change(edited: Edited) -> str:
    after = shown(edited_value(edited, edited.after), limit=80)
    return f"{shown(edited_value(edited, edited.before), limit=80)} → {after}" if edited.before else f"→ {after}"


def _fact(name: str, text: str) -> None:
    out(f"  {name:<10} {text}")


def _safe(text: str) -> str:
    return visible(text, keep_newlines=False)
