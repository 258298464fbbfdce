"""What the dry run of a fork says, as lines."""

from __future__ import annotations

import json

from cerebelum.engine.application.fork_words import again_text, edited_value, reused_text
from cerebelum.engine.domain.forking import ForkPlan
from cerebelum.tui.lines import Line, Piece
from cerebelum.tui.themes import Ink

_VALUE_CHARS = 60


def plan_lines(plan: ForkPlan, *, recorded_code: str) -> list[Line]:
    """Return what is reused, what RUNS AGAIN, and what else to know.

    Args:
        recorded_code: the digest that the original runs on.
    """
    where = f"before {plan.step} runs, behind event {plan.version}" if plan.step else f"behind event {plan.version}"
    again: Ink = "wait" if plan.again else "dim"
    lines: list[Line] = [
        [Piece("forks       ", "dim"), Piece(f"{where} of {plan.event_count}")],
        [Piece("reused      ", "dim"), Piece(reused_text(plan), "good")],
        [Piece("            "), Piece(again_text(plan), again)],
    ]
    for edited in plan.edits:
        after = _short(edited_value(edited, edited.after))
        before = f"{_short(edited_value(edited, edited.before))} → " if edited.before else "→ "
        lines.append([Piece("changes     ", "dim"), Piece(f"{edited.what}: "), Piece(f"{before}{after}", "changed")])
    lines += [[Piece("child       ", "dim"), Piece(f"{each}  its result is reused")] for each in plan.children_reused]
    lines += [
        [Piece("child       ", "dim"), Piece(f"{each}  was open: one of the fork's own BEGINS ANEW", "wait")]
        for each in plan.children_again
    ]
    for wait in plan.waits:
        left = "" if wait.due_us is None else "  for what was left of it"
        lines.append([Piece("waits       ", "dim"), Piece(f"{wait.kind} {wait.name}".strip() + left)])
    if plan.left_out:
        lines.append([Piece("leaves out  ", "dim"), Piece(f"{', '.join(plan.left_out)} that came later")])
    lines += [[Piece("note        ", "dim"), Piece(each, "wait")] for each in plan.warnings]
    if plan.code != recorded_code:
        lines.append(
            [Piece("note        ", "dim"), Piece(f"the original runs on @{recorded_code[:4]}, the fork on @{plan.code[:4]}")]
        )  # fmt: skip
    return lines


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_CHARS else f"{text[:_VALUE_CHARS]}…"
